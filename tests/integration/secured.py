"""A broker behind TLS and passwords, and a registry behind a password: real ones, certificates of the tests' own."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import http.client
import ipaddress
import json
from typing import TYPE_CHECKING, Any

from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._scram import ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from lakestorm.errors import SandboxError
from lakestorm.sandbox.service import LOOPBACK, free_port
from lakestorm.sandbox.services.registry import API, Registry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lakestorm.sandbox.box import Sandbox
    from lakestorm.sandbox.home import Home

TIMEOUT_S = 30
USER, PASSWORD, SCRAM_PASSWORD = "loader", "p@ss; w:rd=1", "s%cr m: 2"
"""SCRAM's is another than PLAIN's, so that the one mechanism cannot be taken for the other."""
LISTENERS = ("SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"
LOGIN_MODULE = "org.apache.kafka.common.security"


@dataclasses.dataclass(frozen=True)
class Authority:
    """Who signs certificates, and its own as a file."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    file: Path


def authority(file: Path) -> Authority:
    """A new certificate authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests of lakestorm")])
    made = signed(name, key, name, key, x509.BasicConstraints(ca=True, path_length=0))
    file.write_bytes(made.public_bytes(Encoding.PEM))
    return Authority(key, made, file)


def signed(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    by: ec.EllipticCurvePrivateKey,
    *extensions: x509.ExtensionType,
) -> x509.Certificate:
    """A certificate of today and tomorrow."""
    today = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=today - dt.timedelta(days=1),
        not_valid_after=today + dt.timedelta(days=1),
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(by, hashes.SHA256())


def key_pair(of: Authority) -> tuple[bytes, bytes]:
    """Key and certificates of a service on loopback, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "service")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))])
    made = signed(subject, key, of.certificate.subject, of.key, names)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return secret, made.public_bytes(Encoding.PEM) + of.certificate.public_bytes(Encoding.PEM)


def secured_kafka(sandbox: Sandbox, of: Authority) -> dict[str, str]:
    """Start a broker with a listener of each kind beside the plain one; addresses by security protocol."""
    home = sandbox.services["kafka"].home
    home.make()
    ports = {name: free_port() for name in ("port", "controller_port", *LISTENERS)}
    home.remember(port=ports["port"], controller_port=ports["controller_port"])
    (home.folder / "broker.pem").write_bytes(b"".join(key_pair(of)))  # Kafka reads both from one file
    (home.folder / "extra.properties").write_text(extra(ports, home.folder / "broker.pem"))
    sandbox.up(["kafka"])
    give_scram(sandbox.env()["KAFKA_BROKERS"])
    return {name: f"{LOOPBACK}:{ports[name]}" for name in LISTENERS}


def extra(ports: dict[str, int], store: Path) -> str:
    """Properties for three listeners more."""
    plain = f"PLAINTEXT://{LOOPBACK}:{ports['port']}"
    more = [f"{name}://{LOOPBACK}:{ports[name]}" for name in LISTENERS]
    protocols = ",".join(f"{name}:{name}" for name in ("PLAINTEXT", *LISTENERS))
    controller = f"CONTROLLER://{LOOPBACK}:{ports['controller_port']}"
    lines = [
        f"listeners={','.join([plain, *more, controller])}",
        f"advertised.listeners={','.join([plain, *more])}",
        f"listener.security.protocol.map={protocols},CONTROLLER:PLAINTEXT",
        "ssl.keystore.type=PEM",
        f"ssl.keystore.location={store}",
    ]
    for name in LISTENERS[1:]:
        of = f"listener.name.{name.lower()}"
        lines += [
            f"{of}.sasl.enabled.mechanisms={MECHANISMS}",
            f'{of}.plain.sasl.jaas.config={LOGIN_MODULE}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";',
            *(
                f"{of}.{kind}.sasl.jaas.config={LOGIN_MODULE}.scram.ScramLoginModule required;"
                for kind in ("scram-sha-256", "scram-sha-512")
            ),
        ]
    return "".join(f"{line}\n" for line in lines)


def give_scram(brokers: str) -> None:
    """Make the user known by both kinds of SCRAM."""
    admin = AdminClient({"bootstrap.servers": brokers, "log_level": 0})
    for kind in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):  # Kafka takes one a user and request
        wanted = UserScramCredentialUpsertion(USER, ScramCredentialInfo(kind, 4096), SCRAM_PASSWORD.encode())
        admin.alter_user_scram_credentials([wanted])[USER].result(TIMEOUT_S)


class LockedRegistry(Registry):
    """The sandbox's registry, which lets nobody in but one user: its own basic authentication, no proxy before it.

    It listens by https too, with a certificate of this authority's.
    """

    def __init__(self, home: Home, of: Authority) -> None:
        super().__init__(home)
        self._authority = of
        self.https_port = free_port()

    def _arguments(self, files: Sequence[Path]) -> list[str]:
        users = "quarkus.security.users.embedded"
        key, certificates = (self.home.data / name for name in ("key.pem", "certificates.pem"))
        for file, content in zip((key, certificates), key_pair(self._authority), strict=True):
            file.write_bytes(content)
        locked = {
            "quarkus.http.ssl-port": str(self.https_port),
            "quarkus.http.ssl.certificate.key-files": str(key),
            "quarkus.http.ssl.certificate.files": str(certificates),
            "quarkus.http.auth.basic": "true",
            f"{users}.plain-text": "true",
            f"{users}.users.{USER}": PASSWORD,
            f"{users}.roles.{USER}": "sr-admin",
        }
        return [*(f"-D{name}={value}" for name, value in locked.items()), *super()._arguments(files)]

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        secret = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        headers = {"Content-Type": "application/json", "Authorization": f"Basic {secret}"}
        connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=TIMEOUT_S)
        try:
            connection.request(method, API + path, json.dumps(body), headers)
            answer = connection.getresponse()
            if answer.status != http.HTTPStatus.OK:
                raise SandboxError(f"{answer.status}: {answer.read().decode()}")
            return json.loads(answer.read())
        finally:
            connection.close()


def locked_registry(sandbox: Sandbox, of: Authority) -> tuple[dict[str, str], str]:
    """Start a registry that demands a password; its settings without it, and its address by https."""
    sandbox.services["registry"] = registry = LockedRegistry(sandbox.services["registry"].home, of)
    sandbox.up(["registry"])
    return sandbox.env(), f"https://{LOOPBACK}:{registry.https_port}{API}"
