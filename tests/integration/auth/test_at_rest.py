"""What the database and the audit log have of who may do what, and what they have not."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterable
from typing import Any

import httpx
import pytest
from aiokafka import TopicPartition

from api.auth import new_key, sign
from infra.admin import Admin, AdminRefused
from infra.installation import Installation
from infra.kafka.consumer import consuming
from infra.settings import Settings
from streams.topics import AUDIT, TOPICS, Topic
from tests.integration.auth.refusals import NOT_AUTHORIZED, REJECTED_KEY, rows, told
from tests.integration.doors import another_door, wait
from tests.integration.exchange import read
from tests.integration.rest import Administrator
from tests.integration.users import PASSWORD, Json, User, Visitor, ed25519, new_email

LIMIT_S = 30


def test_the_database_has_neither_passwords_nor_secrets(
    ann: User, installation: Installation
) -> None:
    made = ann.ask("POST", "/auth/v1/keys", json={"password": PASSWORD})
    (user,) = rows(
        installation.settings, "SELECT * FROM {venue}.users WHERE email = ?", (ann.email,)
    )
    (key,) = rows(
        installation.settings, "SELECT * FROM {venue}.keys WHERE key = ?", (made["api_key"],)
    )
    assert any(str(column).startswith("$argon2id$") for column in user)
    hidden = [PASSWORD, made["api_secret"]]
    hidden += [base64.b64encode(each.encode()).decode()[:-4] for each in hidden]
    for column in (*user, *key):
        assert not any(each in str(column) for each in hidden)


def test_a_key_from_before_secrets_were_sealed_works_and_is_sealed_at_the_next_start(
    ann: User, installation: Installation
) -> None:
    old, secret = new_key(), new_key()
    rows(
        installation.settings,
        "INSERT INTO {venue}.api_keys (key, account, secret, permissions, created)"
        " VALUES (?, ?, ?, ?, ?)",
        (old, ann.account, secret, {"read", "trade"}, 1),
    )

    def left() -> list[Any]:
        return rows(installation.settings, "SELECT key FROM {venue}.api_keys WHERE key = ?", (old,))

    def works() -> bool:
        answer = ann.signed(old, lambda payload: sign(payload, secret), "GET", "account")
        return answer.status_code == 200

    assert works()
    with another_door(installation):
        wait(lambda: not left())
    assert works()
    (kept,) = rows(
        installation.settings, "SELECT record, sealed FROM {venue}.keys WHERE key = ?", (old,)
    )
    assert secret not in kept[0] + kept[1]
    assert [key["api_key"] for key in ann.ask("GET", "/auth/v1/keys")] == [old]
    ann.ask("DELETE", f"/auth/v1/keys/{old}")
    assert not works()


# -- the audit log --------------------------------------------------------------------------------


def test_the_audit_log_has_every_change_of_keys_and_who_made_it(
    ann: User, bob: User, admin: Administrator, installation: Installation
) -> None:
    key, _ = ann.new_key(permissions=["read"], networks=["203.0.113.7"])
    ann.ask("DELETE", f"/auth/v1/keys/{key}")
    given = admin("POST", f"accounts/{ann.account}/keys").json()
    assert admin("DELETE", f"accounts/{ann.account}/keys/{given['api_key']}").status_code == 200
    deposit = {"asset": "USDT", "amount": "5", "reference": "wire 7"}
    assert admin("POST", f"accounts/{ann.account}/deposits", **deposit).status_code == 201
    refused = admin("POST", f"accounts/{ann.account}/deposits", asset="USDT", amount="0.123456789")
    assert refused.status_code == 400
    token = ann.tokens["refresh_token"]
    ann.refresh(token)
    ann.refresh(token)

    def entries() -> list[Json]:
        found: list[Json] = admin("GET", f"audit?account={ann.account}").json()
        return found

    expected = [
        ("registered", "begun", f"user:{ann.email}"),
        ("key created", "begun", f"user:{ann.email}"),
        ("key revoked", "begun", f"user:{ann.email}"),
        ("key created", "begun", "admin"),
        ("key revoked", "begun", "admin"),
        ("deposit", "begun", "admin"),
        ("deposit", "begun", "admin"),
        ("deposit", "refused", "admin"),
        ("session stolen", "begun", f"user:{ann.email}"),
    ]
    wait(lambda: len(entries()) >= len(expected))
    found = entries()
    assert [(each["action"], each["outcome"], each["actor"]) for each in found] == expected
    created = found[1]
    assert (created["subject"], created["address"]) == (key, ann.address)
    assert created["details"] == {
        "permissions": "read",
        "networks": "203.0.113.7/32",
        "expires": "0",
    }
    assert found[5]["details"]["amount"] == "5"
    assert found[6]["action_id"] == found[7]["action_id"]
    assert found[7]["details"]["code"] == "-1130"

    own = ann.again().ask("GET", "/auth/v1/audit")
    assert [each["sequence"] for each in own][: len(found)] == [each["sequence"] for each in found]
    assert {each["address"] for each in own if each["actor"] == "admin"} == {""}
    assert not [each for each in bob.ask("GET", "/auth/v1/audit") if each["account"] != bob.account]

    everything = admin("GET", "audit?limit=1000&fromId=0").json()
    sequences = [each["sequence"] for each in everything]
    assert sequences == list(range(len(sequences)))
    page = admin("GET", f"audit?fromId={sequences[2]}&limit=2").json()
    assert [each["sequence"] for each in page] == sequences[2:4]
    assert told(admin("GET", "audit?account=nobody")) == (404, -1130)
    records = asyncio.run(
        read(installation.settings, AUDIT, lambda found: len(found) >= len(sequences))
    )
    log = b"".join(record.value for record in records)
    for hidden in (PASSWORD, given["api_secret"], ann.tokens["refresh_token"], token):
        assert hidden.encode() not in log


def test_no_topic_says_who_somebody_is(ann: User, installation: Installation) -> None:
    key, sign_it = ann.new_key(networks=["203.0.113.7", f"{ann.address}/32"])
    assert ann.signed(key, sign_it, "GET", "account").status_code == 200
    entries = ann.ask("GET", "/auth/v1/audit")
    assert (entries[0]["subject"], entries[0]["address"]) == (ann.email, ann.address)
    settings = installation.settings
    tokens = [ann.tokens["access_token"], ann.tokens["refresh_token"]]
    hidden = [ann.email, ann.address, "203.0.113.7", PASSWORD, *tokens]
    for topic in TOPICS:
        count = topic.partitions(settings.account_partitions, settings.market_partitions)
        written = asyncio.run(whole(settings, topic, range(count)))
        assert not [each for each in hidden if each.encode() in written], topic.short
    assert ann.account.encode() in asyncio.run(whole(settings, AUDIT, range(1)))


async def whole(settings: Settings, topic: Topic, partitions: Iterable[int]) -> bytes:
    """All that is in a topic: keys, headers and values."""
    async with consuming(**settings.kafka_client) as consumer:
        places = [TopicPartition(topic.name(settings.venue), number) for number in partitions]
        consumer.assign(places)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(places)
        found = b""
        async with asyncio.timeout(LIMIT_S):
            while [place for place in places if await consumer.position(place) < ends[place]]:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    for record in records:
                        headers = b" ".join(value for _, value in record.headers)
                        found += b" ".join([record.key or b"", headers, record.value or b""])
        return found


def test_what_the_command_line_asks_of_keys_and_the_audit_is_answered(
    installation: Installation, ann: User
) -> None:
    public, sign_it = ed25519()
    with Admin.of(installation) as client:
        made = client.create_key(ann.account, public_key=public, permissions=["read"], label="bot")
        assert ann.signed(made["api_key"], sign_it, "GET", "account").status_code == 200
        (listed,) = client.keys(ann.account)
        assert (listed["kind"], listed["permissions"]) == ("ED25519", ["read"])
        client.revoke_key(ann.account, made["api_key"])
        assert told(ann.signed(made["api_key"], sign_it, "GET", "account")) == REJECTED_KEY
        with pytest.raises(AdminRefused) as refused:
            client.revoke_key(ann.account, new_key())
        assert refused.value.status == 404
        wait(lambda: len(client.audit(account=ann.account)) == 3)
        (last,) = client.audit(account=ann.account, limit=1)
        assert (last["action"], last["subject"]) == ("key revoked", made["api_key"])


def test_an_administrator_lets_somebody_log_in_and_resets_what_was_forgotten(
    admin: Administrator, http: httpx.Client, ann: User
) -> None:
    trader = admin.open_account()
    email = new_email()
    path = f"accounts/{trader.name}/login"
    assert admin("PUT", path, email=email, password=PASSWORD).status_code == 200
    user = User(http, email, Visitor(http).login(email).json())
    assert user.account == trader.name
    assert user.ask("GET", "/api/v3/account")["balances"]

    assert admin("PUT", path, email=email, password="another password").status_code == 200
    assert not user.holds()
    assert told(user.login(email)) == NOT_AUTHORIZED
    assert user.login(email, "another password").status_code == 200
    assert told(admin("PUT", path, email=ann.email, password=PASSWORD)) == (409, -1130)
    assert ann.holds()


def test_with_a_new_key_in_front_secrets_are_sealed_anew(
    ann: User, installation: Installation
) -> None:
    """The last test: doors without the new key can't open what it sealed."""
    key, sign_it = ann.new_key()

    def sealed() -> str:
        ((text,),) = rows(
            installation.settings, "SELECT sealed FROM {venue}.keys WHERE key = ?", (key,)
        )
        return str(text)

    before = sealed()
    old = installation.settings.secret_keys
    assert old is not None
    keys = f"{base64.b64encode(bytes(range(32))).decode()},{old.get_secret_value()}"
    rotated = Settings.model_validate(
        {**installation.settings.model_dump(), "secret_keys": keys}
    ).model_copy(update={"kafka": installation.settings.kafka, "cql": installation.settings.cql})
    with another_door(Installation(rotated, installation.urls)) as door:
        there = ann.at(door.http)
        wait(lambda: sealed().split(".")[1] != before.split(".")[1])
        assert there.signed(key, sign_it, "GET", "account").status_code == 200
        assert there.holds()
