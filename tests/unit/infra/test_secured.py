"""What a broker that asks who its clients are is told, and what those clients are made with."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography import x509

from infra.local.secured import Login, make_certificates, properties
from infra.settings import Settings


@pytest.fixture
def login(tmp_path: Path) -> Login:
    return Login("velocity", "hunter2", tmp_path / "tls" / "ca.pem")


def test_certificates_are_made_once_and_only_their_owner_reads_the_keys(login: Login) -> None:
    make_certificates(login.ca)
    before = {file.name: file.read_bytes() for file in login.ca.parent.iterdir()}
    make_certificates(login.ca)
    assert {file.name: file.read_bytes() for file in login.ca.parent.iterdir()} == before
    for name in ("broker.key", "broker.pem"):
        assert login.ca.with_name(name).stat().st_mode & 0o077 == 0


def test_the_authority_signed_the_brokers_certificate_for_this_machine(login: Login) -> None:
    make_certificates(login.ca)
    authority = x509.load_pem_x509_certificate(login.ca.read_bytes())
    broker = x509.load_pem_x509_certificate(login.ca.with_name("broker.crt").read_bytes())
    broker.verify_directly_issued_by(authority)
    names = broker.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


def test_nobody_comes_to_the_broker_without_a_password_or_in_clear(login: Login) -> None:
    told = dict(line.split("=", 1) for line in properties(login).splitlines())
    listeners = told["listener.security.protocol.map"].split(",")
    assert {each.partition(":")[2] for each in listeners} == {"SASL_SSL"}
    assert told["super.users"] == "User:velocity"
    assert told["allow.everyone.if.no.acl.found"] == "false"
    assert told["authorizer.class.name"].endswith("StandardAuthorizer")


@pytest.mark.parametrize(
    ("user", "encrypted", "protocol"),
    [
        ("", False, "PLAINTEXT"),
        ("", True, "SSL"),
        ("velocity", False, "SASL_PLAINTEXT"),
        ("velocity", True, "SASL_SSL"),
    ],
)
def test_every_client_is_made_as_the_settings_say(
    login: Login, user: str, encrypted: bool, protocol: str
) -> None:
    make_certificates(login.ca)
    told = login.settings() | {"kafka": "127.0.0.1:9092", "kafka_user": user}
    if not encrypted:
        told["kafka_ca"] = None
    client = Settings().model_copy(update=told).kafka_client
    assert client["bootstrap_servers"] == "127.0.0.1:9092"
    assert client["security_protocol"] == protocol
    assert isinstance(client["ssl_context"], ssl.SSLContext) is encrypted
    assert client.get("sasl_plain_username", "") == user
    assert client.get("sasl_plain_password") == ("hunter2" if user else None)


def test_a_password_is_not_shown_by_chance(login: Login) -> None:
    settings = Settings().model_copy(update=login.settings())
    assert "hunter2" not in repr(settings)
