"""docs/api.md says of every documented method of the WebSocket API what is so."""

from __future__ import annotations

from api.ws_api.client import CALLS
from api.ws_api.methods import METHODS
from tests.documentation.coverage import PAGE
from tests.documentation.methods import DOCUMENTED, NOT_CALLED, page


def test_the_page_is_what_the_methods_say() -> None:
    assert PAGE.read_text() == page(), "run: python -m tests.documentation.methods"


def test_every_documented_method_is_served_or_has_a_reason_why_not() -> None:
    served = METHODS.keys() | CALLS.keys()
    assert served & NOT_CALLED.keys() == set()
    assert served | NOT_CALLED.keys() == set(DOCUMENTED)
    assert all(NOT_CALLED.values())
