"""Who is let in: by a key that is rightly signed, in time, from where and for what it is for."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.auth import Caller, Permission, new_key, sign
from api.errors import ApiError
from api.identity import keys as api_keys
from api.identity.gate import FAILURES_MAX, Gate, bearer_of
from api.identity.keys import ApiKeys, read_public_key
from api.identity.sessions import Reused, Sessions
from api.identity.tokens import ACCESS_S, Tokens
from api.identity.vault import Vault
from projections.identity import KeyRecord, StoredKey, User
from streams.messages import AccountId, Millis
from tests.unit.identity.stored import Stored

NOW = 1_499_827_319_559
ANN = AccountId("ann")
PAYLOAD = f"timestamp={NOW}".encode()
HOME = "192.0.2.1"
OLD, NEW = bytes(32), bytes(range(32))


class House:
    """A gate with its keys and sessions, on a database in memory."""

    def __init__(self, stored: Stored | None = None, vault: Vault | None = None) -> None:
        self.now = NOW
        self.stored = stored or Stored()
        archive: Any = self.stored
        vault = Vault([OLD]) if vault is None else vault
        self.keys = ApiKeys(archive, vault, lambda: self.now)
        self.sessions = Sessions(archive, Tokens(vault, "velocity"), lambda: self.now)
        self.gate = Gate(self.keys, self.sessions, lambda: self.now)

    async def key(self, **terms: Any) -> tuple[str, str]:
        """A new key and its secret."""
        permissions = frozenset({"read", "trade"})
        record = KeyRecord(
            **{
                "key": new_key(),
                "account": ANN,
                "permissions": permissions,
                "created": Millis(NOW),
                **terms,
            }
        )
        given = await self.keys.give_out(record)
        return record.key, given.secret

    async def enter(
        self,
        key: str | None,
        signature: str,
        address: str = HOME,
        permission: Permission = Permission.READ,
        sent: Mapping[str, str] | None = None,
    ) -> Caller:
        """Come with a signature of `PAYLOAD`."""
        parameters = {"timestamp": str(NOW), "signature": signature, **(sent or {})}
        return await self.gate.signed(key, parameters, PAYLOAD, address, permission)

    async def refused(self, *came: Any, **more: Any) -> int:
        with pytest.raises(ApiError) as refused:
            await self.enter(*came, **more)
        return refused.value.code


@pytest.fixture
def house() -> House:
    return House()


async def test_a_signature_opens_for_its_account_until_it_expires(house: House) -> None:
    key, secret = await house.key()
    caller = await house.enter(key, sign(PAYLOAD, secret))
    assert caller.account == ANN
    assert caller.expires_us == (NOW + 5000) * 1000
    house.now += 5001
    assert await house.refused(key, sign(PAYLOAD, secret)) == -1021


async def test_a_key_that_lacks_the_permission_is_refused(house: House) -> None:
    key, secret = await house.key(permissions=frozenset({"read"}))
    signature = sign(PAYLOAD, secret)
    await house.enter(key, signature)
    for permission in (Permission.TRADE, Permission.WITHDRAW):
        assert await house.refused(key, signature, permission=permission) == -2015


async def test_what_is_wrong_with_a_key_is_told_only_to_who_has_its_secret(house: House) -> None:
    key, secret = await house.key(networks=("203.0.113.0/24",), permissions=frozenset({"read"}))
    for address in (HOME, "203.0.113.7"):
        for permission in Permission:
            assert await house.refused(key, "0" * 64, address, permission) == -1022
    assert await house.refused(key, sign(PAYLOAD, secret)) == -2015
    await house.enter(key, sign(PAYLOAD, secret), "203.0.113.7")


async def test_a_key_ends_to_the_millisecond(house: House) -> None:
    key, secret = await house.key(expires=Millis(NOW + 100))
    house.now = NOW + 99
    await house.enter(key, sign(PAYLOAD, secret))
    house.now = NOW + 100
    assert await house.refused(key, sign(PAYLOAD, secret)) == -2015


async def test_a_revoked_key_ends_at_once_though_it_was_known(house: House) -> None:
    key, secret = await house.key()
    await house.enter(key, sign(PAYLOAD, secret))
    await house.keys.revoke(await house.keys.check_owner(ANN, key))
    assert await house.refused(key, sign(PAYLOAD, secret)) == -2015


async def test_nobody_has_anothers_key(house: House) -> None:
    key, _ = await house.key()
    with pytest.raises(ApiError) as refused:
        await house.keys.check_owner(AccountId("bob"), key)
    assert refused.value.status == 404


async def test_an_ed25519_key_has_no_secret_that_anybody_could_sign_with(house: House) -> None:
    private = Ed25519PrivateKey.generate()
    public = base64.b64encode(private.public_key().public_bytes_raw()).decode()
    key, secret = await house.key(public_key=read_public_key(public))
    assert secret == ""
    await house.enter(key, base64.b64encode(private.sign(PAYLOAD)).decode())
    for guess in ("", public, key):
        assert await house.refused(key, sign(PAYLOAD, guess)) == -1022


async def test_who_fails_too_often_is_told_to_wait_and_its_neighbour_is_not(house: House) -> None:
    key, secret = await house.key()
    for _ in range(FAILURES_MAX):
        assert await house.refused(key, "0" * 64) == -1022
    assert await house.refused(key, "0" * 64) == -1003
    assert await house.refused(new_key(), "0" * 64) == -1003
    assert await house.refused(key, "0" * 64, "192.0.2.2") == -1022
    await house.enter(key, sign(PAYLOAD, secret))


async def test_while_the_database_is_away_nobody_fails(house: House) -> None:
    house.stored.away = True
    for _ in range(FAILURES_MAX + 1):
        assert await house.refused(new_key(), "0" * 64) == -1001


@pytest.mark.parametrize(
    ("key", "sent", "code"),
    [
        (None, {}, -2014),
        ("short", {}, -2014),
        ("k" * 64, {"signature": ""}, -1102),
        ("k" * 64, {"timestamp": ""}, -1102),
        ("k" * 64, {}, -2015),
    ],
)
async def test_what_is_no_signed_request_is_refused(
    house: House, key: str | None, sent: dict[str, str], code: int
) -> None:
    assert await house.refused(key, "0" * 64, sent=sent) == code


async def test_an_account_has_so_many_keys_that_work(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "KEYS_MAX", 2)
    first, _ = await house.key()
    await house.key(expires=Millis(NOW + 10))
    with pytest.raises(ApiError) as refused:
        await house.key()
    assert refused.value.status == 409
    house.now += 10
    await house.key()
    await house.keys.revoke(await house.keys.check_owner(ANN, first))
    await house.key()


# -- keys at rest ---------------------------------------------------------------------------------


async def test_a_key_of_before_works_is_sealed_and_works(house: House) -> None:
    record = KeyRecord(
        key=new_key(), account=ANN, permissions=frozenset({"read"}), created=Millis(1)
    )
    house.stored.old[record.key] = StoredKey(record, plain="the secret")
    await house.enter(record.key, sign(PAYLOAD, "the secret"))
    assert await house.keys.seal_all() == 1
    assert not house.stored.old
    kept = house.stored.keys[record.key]
    assert (kept.plain, "the secret" in kept.sealed) == ("", False)
    again = House(house.stored)
    await again.enter(record.key, sign(PAYLOAD, "the secret"))
    assert await again.keys.seal_all() == 0


async def test_a_key_of_before_can_be_revoked_before_it_is_sealed(house: House) -> None:
    record = KeyRecord(
        key=new_key(), account=ANN, permissions=frozenset({"read"}), created=Millis(1)
    )
    house.stored.old[record.key] = StoredKey(record, plain="the secret")
    await house.keys.revoke(await house.keys.check_owner(ANN, record.key))
    assert await house.refused(record.key, sign(PAYLOAD, "the secret")) == -2015


async def test_with_another_key_of_the_environment_in_front_keys_go_on_working() -> None:
    before = House()
    key, secret = await before.key()
    during = House(before.stored, Vault([NEW, OLD]))
    await during.enter(key, sign(PAYLOAD, secret))
    assert await during.keys.seal_all() == 1
    await House(before.stored, Vault([NEW])).enter(key, sign(PAYLOAD, secret))


async def test_without_the_key_of_the_environment_a_secret_is_of_no_use_and_none_is_made() -> None:
    before = House()
    key, secret = await before.key()
    for vault in (Vault([NEW]), Vault()):
        assert await House(before.stored, vault).refused(key, sign(PAYLOAD, secret)) == -2015
    with pytest.raises(ApiError) as refused:
        await House(vault=Vault()).key()
    assert refused.value.code == -1020


# -- sessions -------------------------------------------------------------------------------------

USER = User("ann@example.com", ANN, "a hash", 1, Millis(NOW))


async def in_session(house: House, token: str) -> bool:
    try:
        caller = await house.gate.in_session(token, {})
    except ApiError as error:
        if error.code != -1002:
            raise
        return False
    return caller.account == ANN


async def test_a_session_opens_for_its_user_until_its_token_ends(house: House) -> None:
    house.stored.users[USER.email] = USER
    pair = await house.sessions.begin(USER)
    assert await in_session(house, pair.access)
    house.now += ACCESS_S * 1000
    assert not await in_session(house, pair.access)
    assert await in_session(house, (await house.sessions.refresh(pair.refresh)).access)


async def test_a_spent_refresh_token_ends_the_session_and_a_made_up_one_does_not(
    house: House,
) -> None:
    house.stored.users[USER.email] = USER
    pair = await house.sessions.begin(USER)
    made_up = House(vault=Vault([NEW])).sessions
    forged = (await made_up.begin(USER)).refresh
    with pytest.raises(ApiError):
        await house.sessions.refresh(forged)
    second = await house.sessions.refresh(pair.refresh)
    assert await in_session(house, second.access)
    with pytest.raises(Reused):
        await house.sessions.refresh(pair.refresh)
    assert not await in_session(house, second.access)
    with pytest.raises(ApiError):
        await house.sessions.refresh(second.refresh)


async def test_a_session_ends_with_its_users_version(house: House) -> None:
    house.stored.users[USER.email] = USER
    pair = await house.sessions.begin(USER)
    house.stored.users[USER.email] = USER._replace(version=2)
    assert not await in_session(house, pair.access)
    with pytest.raises(ApiError):
        await house.sessions.refresh(pair.refresh)


async def test_a_late_request_in_a_session_says_so_if_it_says_when_it_was_sent(
    house: House,
) -> None:
    house.stored.users[USER.email] = USER
    pair = await house.sessions.begin(USER)
    with pytest.raises(ApiError) as refused:
        await house.gate.in_session(pair.access, {"timestamp": str(NOW - 5001)})
    assert refused.value.code == -1021
    caller = await house.gate.in_session(pair.access, {"timestamp": str(NOW), "recvWindow": "10"})
    assert caller.expires_us == (NOW + 10) * 1000


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Bearer ", ""),
        ("Basic abc", None),
        ("", None),
        ("Bearerabc", None),
    ],
)
def test_a_token_is_what_follows_bearer(header: str, token: str | None) -> None:
    assert bearer_of(header) == token
