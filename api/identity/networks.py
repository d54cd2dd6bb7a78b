"""Where a request comes from: addresses, networks that are allowed, what counts as one place."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Network = IPv4Network | IPv6Network

NAME_MAX = 64
HOUSEHOLD_BITS = 64
"""What one subscriber has of IPv6: whoever has an address has this many."""


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Addresses and networks, `192.0.2.1` or `2001:db8::/32`. Raises `ValueError`."""
    return tuple(ip_network(text) for text in texts)


def is_within(address: str, allowed: Iterable[Network]) -> bool:
    """Whether an address is in one of the networks; what is no address is in none."""
    found = _parsed(address)
    return found is not None and any(found in network for network in allowed)


def place(address: str) -> str:
    """What attempts are counted by: an IPv4 address, the network of an IPv6 address.

    What is neither, as a proxy may tell, is cut to a bounded length.
    """
    found = _parsed(address)
    if isinstance(found, IPv6Address):
        return str(ip_network((found, HOUSEHOLD_BITS), strict=False))
    return address[:NAME_MAX] if found is None else str(found)


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(address)
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found
