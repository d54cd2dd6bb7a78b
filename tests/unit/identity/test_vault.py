"""What a thief of the database has: nothing, without the key of the environment."""

from __future__ import annotations

import base64

import pytest
from pydantic import SecretStr

from api.identity.vault import BrokenSeal, Vault
from infra.settings import Settings

OLD, NEW = bytes(32), bytes(range(32))


def test_what_is_sealed_opens_again_and_does_not_show() -> None:
    vault = Vault([OLD])
    sealed = vault.seal("the secret", "key-1")
    assert vault.open(sealed, "key-1") == "the secret"
    assert b"the secret" not in base64.b64decode(sealed.rpartition(".")[2])
    assert sealed != vault.seal("the secret", "key-1")


@pytest.mark.parametrize("key", [NEW, None])
def test_it_opens_with_no_other_key_and_with_none(key: bytes | None) -> None:
    sealed = Vault([OLD]).seal("the secret", "key-1")
    with pytest.raises(BrokenSeal):
        Vault([key] if key else []).open(sealed, "key-1")


def test_a_secret_put_into_anothers_row_does_not_open() -> None:
    vault = Vault([OLD])
    with pytest.raises(BrokenSeal):
        vault.open(vault.seal("the secret", "key-1"), "key-2")


@pytest.mark.parametrize("place", [3, 25, 40, -3])
def test_a_change_to_a_seal_is_noticed(place: int) -> None:
    vault = Vault([OLD])
    sealed = vault.seal("the secret", "key-1")
    changed = "A" if sealed[place] != "A" else "B"
    parts = [*sealed]
    parts[place] = changed
    with pytest.raises(BrokenSeal):
        vault.open("".join(parts), "key-1")


@pytest.mark.parametrize("sealed", ["", "plain", "1", "1..", "2.0.AAAA", "1.0.ä"])
def test_what_was_never_sealed_is_not_opened(sealed: str) -> None:
    with pytest.raises(BrokenSeal):
        Vault([OLD]).open(sealed, "key-1")


def test_after_a_change_of_keys_the_old_one_opens_and_the_new_one_seals() -> None:
    old, both = Vault([OLD]), Vault([NEW, OLD])
    before = old.seal("the secret", "key-1")
    assert both.open(before, "key-1") == "the secret"
    assert not both.is_current(before)
    after = both.seal("the secret", "key-1")
    assert both.is_current(after)
    assert Vault([NEW]).open(after, "key-1") == "the secret"
    with pytest.raises(BrokenSeal):
        old.open(after, "key-1")


def test_sealing_and_signing_keys_are_not_the_environments_nor_the_same() -> None:
    signing = Vault([OLD]).signing_key()
    assert signing is not None
    assert signing[1] not in (OLD, b"")
    assert signing != Vault([NEW]).signing_key()


def settings(keys: str) -> Settings:
    return Settings().model_copy(update={"secret_keys": SecretStr(keys)})


def test_keys_come_from_the_environment_the_newest_first() -> None:
    texts = [base64.b64encode(key).decode() for key in (NEW, OLD)]
    vault = Vault.of(settings(", ".join(texts)))
    assert vault.is_current(Vault([NEW]).seal("s", "k"))
    assert vault.open(Vault([OLD]).seal("s", "k"), "k") == "s"


@pytest.mark.parametrize("keys", ["", "not base64!", base64.b64encode(b"short").decode()])
def test_what_is_no_key_is_refused_without_being_told(keys: str) -> None:
    with pytest.raises(ValueError, match="32 bytes in base64") as refused:
        Vault.of(settings(keys))
    assert not keys or keys not in str(refused.value)


def test_without_keys_nothing_is_sealed() -> None:
    vault = Vault.of(Settings().model_copy(update={"secret_keys": None}))
    assert not vault.has_key
    with pytest.raises(BrokenSeal):
        vault.seal("the secret", "key-1")
