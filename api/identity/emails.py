"""E-mail addresses, in the one form they are stored in."""

from __future__ import annotations

import re

from api.errors import invalid

LENGTH_MAX = 254

# What an <input type=email> takes: https://html.spec.whatwg.org/#valid-e-mail-address
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_EMAIL = re.compile(rf"[a-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})*")


def normal_email(text: str) -> str:
    """An address in lower case, so that no two users differ by letter case. Raises -1130.

    ASCII alone is taken: addresses that look the same are the same.
    """
    email = text.lower() if text.isascii() and len(text) <= LENGTH_MAX else ""
    if not _EMAIL.fullmatch(email):
        raise invalid("email")
    return email
