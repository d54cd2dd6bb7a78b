"""docs/api.md says of every documented endpoint and parameter what is so."""

from __future__ import annotations

from tests.documentation.coverage import (
    DIFFERS,
    DOCUMENTED,
    NOT_SERVED,
    OURS,
    PAGE,
    SERVED,
    page,
    refused,
)


def test_the_page_is_what_the_endpoints_say() -> None:
    assert PAGE.read_text() == page(), "run: python -m tests.documentation.coverage"


def test_every_documented_endpoint_is_served_or_has_a_reason_why_not() -> None:
    served = set(SERVED)
    assert served & set(NOT_SERVED) == set()
    assert served | set(NOT_SERVED) == set(DOCUMENTED) | set(OURS)
    assert set(OURS) & set(DOCUMENTED) == set()


def test_every_documented_parameter_is_taken_refused_by_name_or_has_a_reason() -> None:
    for name in served_and_documented():
        taken = {each.name for each in SERVED[name].parameters}
        remarks = DIFFERS[name].parameters if name in DIFFERS else {}
        lacking = {each for each, said in remarks.items() if said.startswith("**no**")}
        assert taken == set(DOCUMENTED[name]) - lacking, name


def test_every_remark_is_about_something_that_is_there() -> None:
    assert set(DIFFERS) <= set(served_and_documented())
    for name, remark in DIFFERS.items():
        assert set(remark.parameters) <= set(DOCUMENTED[name])
        assert not set(remark.parameters) & refused(name)


def served_and_documented() -> list[str]:
    return [name for name in SERVED if name in DOCUMENTED]
