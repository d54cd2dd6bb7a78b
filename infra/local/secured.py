"""A local broker that asks its clients who they are: certificates, and what Kafka is told.

Everyone comes in by SASL/SCRAM over TLS. The services' user may do anything; others what they were
granted (`infra/access`). The certificate's authority is made for it and signs nothing else.
"""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from infra.ports import HOST
from infra.processes import write_secret

_USAGE = x509.KeyUsage(
    digital_signature=False,
    key_cert_sign=True,
    crl_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)

VALID_DAYS = 3650
"""The authority's key is thrown away, so nothing is renewed; delete the folder for new ones."""

PROPERTIES = """\
listener.security.protocol.map=CLIENT:SASL_SSL,CONTROLLER:SASL_SSL
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
sasl.mechanism.controller.protocol=PLAIN
listener.name.client.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.client.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required \
username="{user}" password="{password}";
listener.name.controller.sasl.enabled.mechanisms=PLAIN
listener.name.controller.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required \
username="{user}" password="{password}" user_{user}="{password}";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:{user}
allow.everyone.if.no.acl.found=false
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={ca}
"""


class Login(msgspec.Struct, frozen=True):
    """Who the services are to a broker of their own: by SCRAM-SHA-512, over TLS.

    `ca` is the file that the broker's certificate is checked against.
    """

    user: str
    password: str
    ca: Path

    def settings(self) -> dict[str, object]:
        """What clients of this project are told."""
        password = SecretStr(self.password)
        return {"kafka_user": self.user, "kafka_password": password, "kafka_ca": self.ca}


def properties(login: Login) -> str:
    """What makes a broker ask who its clients are; its certificate is made on first use."""
    make_certificates(login.ca)
    keystore = login.ca.with_name("broker.pem")
    return PROPERTIES.format(
        user=login.user, password=login.password, keystore=keystore, ca=login.ca
    )


def make_certificates(ca: Path) -> None:
    """An authority, unless it is there, and beside it what it signed for a broker on this machine.

    `broker.key` and `broker.crt` are in `broker.pem` as well, as Kafka wants them. The authority is
    written last: where it is, all are.
    """
    if ca.exists():
        return
    ca.parent.mkdir(parents=True, exist_ok=True)
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    name = _name("velocity local authority")
    authority = (
        _certificate(name, name, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_USAGE, critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    names = [x509.IPAddress(ipaddress.ip_address(HOST)), x509.DNSName("localhost")]
    broker = (
        _certificate(_name("velocity local broker"), name, key.public_key())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    certificate = broker.public_bytes(serialization.Encoding.PEM).decode()
    write_secret(ca.with_name("broker.key"), private)
    write_secret(ca.with_name("broker.pem"), private + certificate)
    ca.with_name("broker.crt").write_text(certificate)
    ca.write_bytes(authority.public_bytes(serialization.Encoding.PEM))


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
