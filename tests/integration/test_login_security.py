"""Logins to a broker behind TLS and passwords, and a registry behind a password: real ones; no secret is ever told."""

from __future__ import annotations

import dataclasses
import http.client
import time
import urllib.parse
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer
from confluent_kafka.schema_registry.avro import AvroDeserializer
from pydantic import SecretStr

from lakestorm.clients.kafka import ANSWER_S, describe, make_topic, require_write
from lakestorm.clients.producing import producer_config
from lakestorm.clients.registry import WAIT_S, open_registry, schema_id
from lakestorm.clients.registry_facts import registry_facts
from lakestorm.clients.topics import ends_of, read_between
from lakestorm.errors import PlatformError, SettingsError, UnreachableError
from lakestorm.model.login_schema import LOGIN
from lakestorm.sandbox.box import Sandbox
from lakestorm.settings import KafkaSettings, SchemaSettings
from tests.integration.locust_process import LocustProcess, run_locust
from tests.integration.login_topics import LOGIN_FILE, fresh, messages_of
from tests.integration.secured import (
    PASSWORD,
    SCRAM_PASSWORD,
    USER,
    Authority,
    authority,
    locked_registry,
    secured_kafka,
)
from tests.integration.test_score import lakestorm

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

WITHIN_S = 15
SECRETS = (PASSWORD, SCRAM_PASSWORD, "guess-1")
ARGS = ("--headless", "--only-summary", "-u", "10", "-r", "10", "-t", "2s")


@dataclasses.dataclass(frozen=True)
class Secured:
    """Both services.

    Attributes:
        brokers: addresses by security protocol.
        env: of the plain listener, and the registry without its password.
        https: the registry's address by TLS.
        trusted: who signed their certificates.
        stranger: who did not.
    """

    brokers: Mapping[str, str]
    env: Mapping[str, str]
    https: str
    trusted: Authority
    stranger: Authority

    def settings(self, protocol: str, mechanism: str = "") -> dict[str, str]:
        """Right settings of one way in, the passwords as values."""
        env = {"KAFKA_BROKERS": self.brokers[protocol], "KAFKA_SECURITY_PROTOCOL": protocol}
        if mechanism:
            password = PASSWORD if mechanism == "PLAIN" else SCRAM_PASSWORD
            env |= {"KAFKA_SASL_MECHANISM": mechanism, "KAFKA_SASL_USERNAME": USER, "KAFKA_SASL_PASSWORD": password}
        if protocol.endswith("SSL"):
            env["KAFKA_SSL_CA_LOCATION"] = str(self.trusted.file)
        return {**self.env, **env, "SCHEMA_REGISTRY_BASIC_AUTH": f"{USER}:{PASSWORD}"}


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A broker and a registry of these tests' own."""
    folder = tmp_path_factory.mktemp("secured")
    trusted, stranger = authority(folder / "ca.pem"), authority(folder / "stranger.pem")
    sandbox = Sandbox(folder / "box", say=lambda _: None)
    try:
        brokers = secured_kafka(sandbox, trusted)
        env, https = locked_registry(sandbox, trusted)
        yield Secured(brokers, env, https, trusted, stranger)
    finally:
        sandbox.down(erase=True)


def kafka_settings(env: Mapping[str, str]) -> KafkaSettings:
    """The broker's settings as the environment would give them."""
    own = {name.removeprefix("KAFKA_").lower(): value for name, value in env.items() if name.startswith("KAFKA_")}
    return KafkaSettings(**own)  # type: ignore[arg-type]


WAYS = [
    ("SSL", ""),
    *[(p, m) for p in ("SASL_PLAINTEXT", "SASL_SSL") for m in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")],
]


@pytest.mark.parametrize(("protocol", "mechanism"), WAYS)
def test_every_way_in_works(secured: Secured, protocol: str, mechanism: str) -> None:
    """With each protocol and mechanism a topic is made, may be written, is written, and is read back."""
    settings = kafka_settings(secured.settings(protocol, mechanism))
    topic = f"way-{protocol}-{mechanism or 'none'}"
    assert describe(settings, "test").brokers
    make_topic(settings, "test", topic, {})
    require_write(settings, "test", topic)
    producer = Producer(producer_config(settings, "test"))
    producer.produce(topic, b"value", b"key")
    assert producer.flush(WITHIN_S) == 0
    batches = read_between(settings, "test", topic, ends_of(settings, "test", topic))
    assert [message.value() for batch in batches for message in batch] == [b"value"]


def test_a_whole_run_with_secrets_from_files(secured: Secured, tmp_path: Path) -> None:
    """TLS, SCRAM-SHA-512 and the registry's password, all from files: a run passes, readers and `audit` get in too.

    Neither the results nor what was printed tells a password.
    """
    files = {"KAFKA_SASL_PASSWORD": SCRAM_PASSWORD, "SCHEMA_REGISTRY_BASIC_AUTH": f"{USER}:{PASSWORD}"}
    by_tls = {"SCHEMA_REGISTRY_URL": secured.https, "SCHEMA_REGISTRY_SSL_CA_LOCATION": str(secured.trusted.file)}
    env = fresh({**secured.settings("SASL_SSL", "SCRAM-SHA-512"), **by_tls})
    for name, secret in files.items():
        del env[name]
        (tmp_path / name).write_text(f"{secret}\n")
        env[f"{name}_FILE"] = str(tmp_path / name)
    done = run_locust(*ARGS[2:], env=env, cwd=tmp_path, file=LOGIN_FILE)
    assert done.ledger["state"] == "closed", done.output
    plain = {**env, "KAFKA_BROKERS": secured.env["KAFKA_BROKERS"]}
    assert len(messages_of(plain, env["LOGIN_TOPIC"])) == done.ledger["events_acknowledged"] > 200 * 12
    registry = SchemaSettings(
        registry_url=secured.env["SCHEMA_REGISTRY_URL"],
        registry_basic_auth=SecretStr(files["SCHEMA_REGISTRY_BASIC_AUTH"]),
    )
    message = messages_of(plain, env["LOGIN_TOPIC"])[0]
    with open_registry(registry) as client:
        record = AvroDeserializer(client)(message.value(), None)
    assert isinstance(record, dict)
    assert record["user_id"].encode() == message.key()
    audit = lakestorm("audit", "results/latest", env=env, cwd=tmp_path)
    assert audit.returncode == 0, audit.stderr
    said = [done.output, audit.stdout, audit.stderr, *texts_in(done.folder)]
    assert not [text for text in said for secret in SECRETS if secret in text]
    assert done.run["settings"]["KAFKA_SASL_PASSWORD"] == "**********"  # noqa: S105 - a mask
    assert done.run["settings"]["SCHEMA_REGISTRY_BASIC_AUTH"] == "**********"


def texts_in(folder: Path) -> list[str]:
    """All files of a results folder, whatever is in them, as text."""
    return [path.read_bytes().decode("utf-8", "replace") for path in folder.rglob("*") if path.is_file()]


def test_the_registry_is_locked(secured: Secured) -> None:
    """What these tests hold true would mean nothing if it let anybody in: without a password it answers 401."""
    parts = urllib.parse.urlsplit(secured.env["SCHEMA_REGISTRY_URL"])
    connection = http.client.HTTPConnection(parts.netloc, timeout=WITHIN_S)
    connection.request("GET", f"{parts.path}/subjects")
    assert connection.getresponse().status == 401
    connection.close()


REFUSALS = [
    ("SASL_SSL", "PLAIN", {"KAFKA_SASL_PASSWORD": "guess-1"}, "KAFKA_SASL_PASSWORD"),
    ("SASL_PLAINTEXT", "SCRAM-SHA-256", {"KAFKA_SASL_PASSWORD": "guess-1"}, "KAFKA_SASL_PASSWORD"),
    ("SASL_PLAINTEXT", "SCRAM-SHA-512", {"KAFKA_SASL_MECHANISM": "PLAIN"}, "KAFKA_SASL_MECHANISM"),
    ("SASL_SSL", "SCRAM-SHA-512", {"KAFKA_SASL_USERNAME": ""}, "sasl.username and sasl.password must be set"),
    ("SASL_SSL", "SCRAM-SHA-512", {"KAFKA_SSL_CA_LOCATION": "STRANGER"}, "KAFKA_SSL_CA_LOCATION"),
    ("SSL", "", {"KAFKA_SSL_CA_LOCATION": ""}, "KAFKA_SSL_CA_LOCATION"),
    ("SSL", "", {"KAFKA_SSL_CA_LOCATION": "none.pem"}, 'KAFKA_SSL_CA_LOCATION is "none.pem": No such file'),
    ("SASL_SSL", "PLAIN", {"KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"}, "KAFKA_ settings for security"),
]


@pytest.mark.parametrize(("protocol", "mechanism", "wrong", "word"), REFUSALS)
def test_brokers_that_refuse_us_are_told_in_time(
    secured: Secured, protocol: str, mechanism: str, wrong: dict[str, str], word: str
) -> None:
    """One sentence or two on a line, which name what to look at; within 15 s, and no secret among them."""
    changed = {name: value.replace("STRANGER", str(secured.stranger.file)) for name, value in wrong.items()}
    settings = kafka_settings({**secured.settings(protocol, mechanism), **changed})
    began = time.monotonic()
    with pytest.raises((UnreachableError, SettingsError)) as refusal:
        describe(settings, "test")
    assert time.monotonic() - began < WITHIN_S
    said = str(refusal.value)
    assert word in said
    assert "\n" not in said
    assert "/bootstrap" not in said, "librdkafka's own name of a connection"
    assert not [secret for secret in SECRETS if secret in said]


def test_a_wrong_password_does_not_wait_for_the_brokers(secured: Secured) -> None:
    """Who is refused learns it from the broker's answer, not when the time for one is over."""
    settings = kafka_settings({**secured.settings("SASL_SSL", "PLAIN"), "KAFKA_SASL_PASSWORD": "guess-1"})
    began = time.monotonic()
    with pytest.raises(UnreachableError):
        describe(settings, "test")
    assert time.monotonic() - began < ANSWER_S - 1


@pytest.mark.parametrize("secret", ["", f"{USER}:guess-1", f"nobody:{PASSWORD}"])
def test_a_registry_that_does_not_let_us_in(secured: Secured, secret: str) -> None:
    """Its refusal names the setting and HTTP's word, and no secret."""
    url = secured.env["SCHEMA_REGISTRY_URL"]
    settings = SchemaSettings(registry_url=url, registry_basic_auth=SecretStr(secret))
    with pytest.raises(PlatformError, match=r"\(HTTP 401\)\. Check SCHEMA_REGISTRY_BASIC_AUTH") as refusal:
        schema_id(settings, "a-value", LOGIN)
    assert not [word for word in SECRETS if word in str(refusal.value)]


@pytest.mark.parametrize(
    ("location", "word"),
    [
        ("", "is not trusted"),
        ("STRANGER", "is not trusted"),
        ("none.pem", 'SCHEMA_REGISTRY_SSL_CA_LOCATION is "none.pem": No such file'),
    ],
)
def test_a_registry_that_we_do_not_trust(secured: Secured, location: str, word: str) -> None:
    """It is told at once which setting names who may sign for it, and no password is sent."""
    location = location.replace("STRANGER", str(secured.stranger.file))
    auth = SecretStr(f"{USER}:{PASSWORD}")
    settings = SchemaSettings(registry_url=secured.https, registry_basic_auth=auth, registry_ssl_ca_location=location)
    began = time.monotonic()
    with pytest.raises((UnreachableError, SettingsError), match="SCHEMA_REGISTRY_SSL_CA_LOCATION") as refusal:
        schema_id(settings, "a-value", LOGIN)
    assert word in str(refusal.value)
    assert time.monotonic() - began < WAIT_S


def test_the_doctor_comes_in_by_tls(secured: Secured) -> None:
    """All that it asks, it asks of a registry behind TLS too."""
    settings = SchemaSettings(
        registry_url=secured.https,
        registry_basic_auth=SecretStr(f"{USER}:{PASSWORD}"),
        registry_ssl_ca_location=str(secured.trusted.file),
    )
    assert registry_facts(settings, {}).version
    unreadable = settings.model_copy(update={"registry_ssl_ca_location": "none.pem"})
    with pytest.raises(SettingsError, match=r'SCHEMA_REGISTRY_SSL_CA_LOCATION is "none\.pem": No such file'):
        registry_facts(unreadable, {})


WRONG = {
    "password": ({"KAFKA_SASL_PASSWORD": "guess-1"}, "KAFKA_SASL_PASSWORD"),
    "authority": ({"KAFKA_SSL_CA_LOCATION": "STRANGER"}, "KAFKA_SSL_CA_LOCATION"),
    "registry": ({"SCHEMA_REGISTRY_BASIC_AUTH": f"{USER}:guess-1"}, "SCHEMA_REGISTRY_BASIC_AUTH"),
}


def test_a_run_that_is_not_let_in(secured: Secured, tmp_path: Path) -> None:
    """Exit code 5, the one sentence and no traceback; no results folder is made, and `latest` is none."""
    running = {}
    for name, (wrong, _) in WRONG.items():
        changed = {setting: value.replace("STRANGER", str(secured.stranger.file)) for setting, value in wrong.items()}
        cwd = tmp_path / name
        cwd.mkdir()
        env = fresh({**secured.settings("SASL_SSL", "SCRAM-SHA-256"), **changed})
        running[name] = LocustProcess(*ARGS, env=env, cwd=cwd, file=LOGIN_FILE)
    for name, process in running.items():
        with process:
            done = process.wait()
        assert done.code == 5, done.output
        (said,) = [line for line in done.output.splitlines() if "/INFO/locust." not in line]
        assert WRONG[name][1] in said
        assert not [secret for secret in SECRETS if secret in done.output]
        assert not (tmp_path / name / "results").exists()
