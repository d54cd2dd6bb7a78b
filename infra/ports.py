"""Free ports on this machine."""

from __future__ import annotations

import random
import socket

HOST = "127.0.0.1"

FALLBACK = range(20_000, 32_000)
"""Where a port is looked for when the usual one is taken.

Below the range that kernels take the ports of outgoing connections from, so that none of those can
sit on it before the server that it was chosen for does.
"""

ATTEMPTS = 100


class NoFreePortError(OSError):
    """Every port that was tried is taken."""


def is_free(port: int, host: str = HOST) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        # As servers do, so that the traces of a stopped one do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def is_open(port: int, host: str = HOST, timeout_s: float = 1.0) -> bool:
    """Whether somebody listens there."""
    try:
        with socket.create_connection((host, port), timeout_s):
            return True
    except OSError:
        return False


def free_port(*preferred: int, host: str = HOST) -> int:
    """The first of the preferred ports that is free, else any. Raises `NoFreePortError`."""
    candidates = [*filter(None, preferred), *random.sample(FALLBACK, ATTEMPTS)]
    for port in candidates:
        if is_free(port, host):
            return port
    raise NoFreePortError(f"no free port on {host} in {len(candidates)} tried")


def host_and_port(address: str) -> tuple[str, int]:
    """Split `host:port`. Raises `ValueError` where there is no port."""
    host, _, port = address.rpartition(":")
    return host, int(port)
