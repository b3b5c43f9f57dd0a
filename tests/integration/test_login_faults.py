"""Logins when things are wrong: planted faults in the topic, brokers and registries that are absent, refuse or die."""

from __future__ import annotations

import dataclasses
import http.server
import json
import secrets
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType
from confluent_kafka.admin._resource import ResourceType as Kind
from confluent_kafka.cimpl import NewTopic

from lakestorm.clients.topics import ends_of, read_between
from lakestorm.sandbox.box import Sandbox
from lakestorm.settings import KafkaSettings
from tests.integration.locust_process import ROOT, LocustProcess, run_locust
from tests.integration.login_topics import (
    CLASS,
    LOGIN_FILE,
    SEQUENCE,
    TIMEOUT_S,
    fresh,
    headers,
    messages_of,
    moved,
    topic_of,
    write,
)
from tests.integration.test_sandbox_kafka import ask

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from confluent_kafka import Message

    from tests.integration.locust_process import Finished

PRODUCE = "KAFKA login.produce"
ARGS = ("--headless", "--only-summary", "-u", "20", "-r", "20")


@pytest.fixture(scope="module")
def platform(kafka: dict[str, str], registry: dict[str, str]) -> dict[str, str]:
    """Settings of broker and registry."""
    return {**kafka, **registry}


@dataclasses.dataclass
class Own:
    """A service of these tests' own, to be killed."""

    name: str
    sandbox: Sandbox
    env: dict[str, str]

    def process(self) -> psutil.Process:
        """Its process."""
        return psutil.Process(self.sandbox.states()[self.name].pid)

    def kill(self) -> None:
        """SIGKILL."""
        process = self.process()
        process.kill()
        process.wait(TIMEOUT_S)

    def start(self) -> None:
        """Start it again, on the same port."""
        self.sandbox.up([self.name])
        assert self.sandbox.env() == self.env


def own(name: str, folder: Path) -> Iterator[Own]:
    """A service in a folder."""
    sandbox = Sandbox(folder, say=lambda _: None)
    sandbox.up([name])
    yield Own(name, sandbox, sandbox.env())
    sandbox.down(erase=True)


@pytest.fixture(scope="module")
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    """A broker that knows access rules, and allows what no rule forbids."""
    folder = tmp_path_factory.mktemp("own-kafka")
    extra = folder / "kafka" / "extra.properties"
    extra.parent.mkdir(parents=True)
    extra.write_text(
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n"
        "allow.everyone.if.no.acl.found=true\n"
    )
    yield from own("kafka", folder)


@pytest.fixture
def own_registry(tmp_path: Path) -> Iterator[Own]:
    """A registry that the test may kill."""
    yield from own("registry", tmp_path / "own-registry")


# --- faults in the topic ---


@pytest.fixture(scope="module")
def plain(platform: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], Finished]:
    """A short run without fault."""
    env = fresh(platform, LOGIN_ACCOUNTS="50")
    done = run_locust(*ARGS[2:], "-t", "3s", env=env, cwd=tmp_path_factory.mktemp("plain"), file=LOGIN_FILE)
    assert done.ledger["state"] == "closed", done.output
    return env, done


def as_it_is(messages: list[Message]) -> list[Message]:
    """No fault."""
    return messages


def one_lost(messages: list[Message]) -> list[Message]:
    """The tenth record is gone."""
    return messages[:10] + messages[11:]


def one_twice(messages: list[Message]) -> list[Message]:
    """The tenth record stands there again at the end."""
    return [*messages, messages[10]]


def two_swapped(messages: list[Message]) -> list[Message]:
    """Two records of the last record's account have changed places."""
    of_account = [i for i, message in enumerate(messages) if message.key() == messages[-1].key()]
    one, other = of_account[-2:]
    changed = list(messages)
    changed[one], changed[other] = changed[other], changed[one]
    return changed


@pytest.mark.parametrize(
    ("fault", "code", "finding"),
    [
        (as_it_is, 0, ""),
        (one_lost, 3, "events_lost"),
        (one_twice, 3, "events_duplicate"),
        (two_swapped, 3, "events_reordered"),
    ],
)
def test_the_ledger_finds_planted_faults(plain: Any, tmp_path: Path, fault: Any, code: int, finding: str) -> None:
    """A topic with one fault is told by its name and a sample, exit code 3; without a fault the books balance."""
    env, done = plain
    messages = sorted(messages_of(env, env["LOGIN_TOPIC"]), key=lambda m: int(headers(m)[SEQUENCE]))
    topic = f"{env['LOGIN_TOPIC']}-{fault.__name__}"
    write(env, topic, fault(messages))
    folder = moved(done.folder, tmp_path / "run", topic)
    audit = audit_of(folder, env)
    ledger = json.loads((folder / "ledger.json").read_text())
    assert audit.returncode == code, audit.stdout + audit.stderr
    wrong = {name: ledger[name] for name in ("events_lost", "events_duplicate", "events_reordered") if ledger[name]}
    assert wrong == ({finding: 1} if finding else {})
    assert set(ledger["samples"]) == ({finding} if finding else set())
    assert ledger["state"] == ("open" if finding else "closed")


def test_a_score_counts_what_was_resent_once(plain: Any, tmp_path: Path) -> None:
    """Fewer acknowledgements than all may leave a record in the topic twice, under one number: it is one login."""
    env, done = plain
    messages = sorted(messages_of(env, env["LOGIN_TOPIC"]), key=lambda m: int(headers(m)[SEQUENCE]))
    live = [message for message in messages if headers(message)[CLASS] == "live"]
    found = {}
    for name, records in {"once": messages, "resent": [*messages, *live[-50:], *live[-50:]]}.items():
        topic = f"{env['LOGIN_TOPIC']}-{name}"
        write(env, topic, records)
        folder = moved(done.folder, tmp_path / name, topic)
        (folder / "none.jsonl").write_text("")
        score = run_verb("score", str(folder), "--alerts", "none.jsonl", "--json", env=env, cwd=folder)
        assert score.returncode == 0, score.stderr
        found[name] = json.loads(score.stdout)
    assert found["once"]["logins"] == len(messages)
    assert found["resent"]["logins"] == found["once"]["logins"]
    assert found["resent"]["yardsticks"] == found["once"]["yardsticks"]


def test_reading_a_topic_back_tells_how_far_it_is(plain: Any, tmp_path: Path) -> None:
    """From nothing to all, never back; on standard error a line for what takes long, and none for what does not."""
    env, done = plain
    settings = KafkaSettings(brokers=env["KAFKA_BROKERS"])
    ranges = ends_of(settings, "test", env["LOGIN_TOPIC"])
    told: list[tuple[int, int]] = []
    count = 0
    for batch in read_between(settings, "test", env["LOGIN_TOPIC"], ranges, lambda *far: told.append(far)):
        count += len(batch)
    assert told == sorted(told)
    assert told[-1] == (count, count) == (len(messages_of(env, env["LOGIN_TOPIC"])),) * 2
    folder = moved(done.folder, tmp_path / "run", env["LOGIN_TOPIC"])
    for after_s, is_told in ((0, True), (60, False)):
        changed = f"import lakestorm.report.work_progress as w; w.FIRST_AFTER_S = {after_s}"
        code = f"{changed}; from lakestorm.cli import main; main()"
        command = [sys.executable, "-c", code, "audit", str(folder), "--quiet"]
        whole = {"PYTHONPATH": str(ROOT), **env}
        audit = subprocess.run(command, env=whole, cwd=folder, capture_output=True, text=True, check=False)
        assert audit.stderr.startswith("Reading the topic back: ") is is_told, audit.stderr
        assert audit.stdout == ""


def test_records_nobody_sent_are_not_hidden(plain: Any, tmp_path: Path) -> None:
    """A record acknowledged in the evidence and never sent is lost; a stranger's record is counted as such."""
    env, done = plain
    messages = messages_of(env, env["LOGIN_TOPIC"])
    topic = f"{env['LOGIN_TOPIC']}-strange"
    write(env, topic, messages)
    producer = Producer({"bootstrap.servers": env["KAFKA_BROKERS"]})
    producer.produce(topic, b"anything", b"1")
    assert producer.flush(TIMEOUT_S) == 0
    folder = moved(done.folder, tmp_path / "run", topic)
    bits = folder / "logins.bin"
    bits.write_bytes(bits.read_bytes() + b"\x01")
    audit = audit_of(folder, env)
    ledger = json.loads((folder / "ledger.json").read_text())
    assert audit.returncode == 3, audit.stderr
    assert (ledger["events_lost"], ledger["events_of_others"]) == (1, 1)
    assert ledger["samples"]["events_lost"] == [4 * (len(bits.read_bytes()) - 64 - 1)]


def audit_of(folder: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """`lakestorm audit` of a results folder."""
    return run_verb("audit", str(folder), env=env, cwd=folder)


def run_verb(*args: str, env: Mapping[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """`lakestorm …` to its end."""
    command = [sys.executable, "-m", "lakestorm.cli", *args]
    return subprocess.run(
        command, env={"PYTHONPATH": str(ROOT), **env}, cwd=cwd, capture_output=True, text=True, check=False
    )


# --- what is refused before any load ---


def assert_refused(done: Finished, *words: str) -> None:
    """Exit code 5, one sentence with these words, no traceback."""
    assert done.code == 5, done.output
    assert all(word in done.output for word in words), done.output
    assert "Traceback" not in done.output


def test_brokers_or_registry_that_do_not_answer(platform: dict[str, str], tmp_path: Path) -> None:
    """Both are told by address and setting within 15 seconds: nobody is there, or never answers, or is no registry."""
    with (
        socket.create_server(("127.0.0.1", 0)) as mute,
        http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as other,
    ):
        threading.Thread(target=other.serve_forever, daemon=True).start()
        wrong = {
            "absent-brokers": ("KAFKA_BROKERS", "127.0.0.1:1"),
            "absent-registry": ("SCHEMA_REGISTRY_URL", "http://127.0.0.1:1"),
            "mute-registry": ("SCHEMA_REGISTRY_URL", f"http://127.0.0.1:{mute.getsockname()[1]}"),
            "no-registry": ("SCHEMA_REGISTRY_URL", f"http://127.0.0.1:{other.server_port}"),
        }
        for name, (setting, value) in wrong.items():
            cwd = tmp_path / name
            cwd.mkdir()
            env = fresh(platform, **{setting: value})
            began = time.monotonic()
            done = run_locust(*ARGS[2:], "-t", "3s", env=env, cwd=cwd, file=LOGIN_FILE)
            assert_refused(done, setting, value)
            assert time.monotonic() - began < 15
        other.shutdown()


def test_topics_that_cannot_be_written(own_kafka: Own, registry: dict[str, str], tmp_path: Path) -> None:
    """A name that is no topic's, a topic we may read and not write, and one that somebody else writes are refused."""
    env = fresh({**own_kafka.env, **registry})
    bad = run_locust(*ARGS[2:], "-t", "3s", env={**env, "LOGIN_TOPIC": "no/topic"}, cwd=tmp_path, file=LOGIN_FILE)
    assert_refused(bad, "The topic no/topic cannot be written", "LOGIN_TOPIC")
    admin = AdminClient({"bootstrap.servers": env["KAFKA_BROKERS"]})
    admin.create_topics([NewTopic(env["LOGIN_TOPIC"], 1, 1)])[env["LOGIN_TOPIC"]].result(TIMEOUT_S)
    anybody = ("User:ANONYMOUS", "*")
    rules = [
        AclBinding(Kind.TOPIC, env["LOGIN_TOPIC"], ResourcePatternType.LITERAL, *anybody, operation, permission)
        for operation, permission in (
            (AclOperation.ALL, AclPermissionType.ALLOW), (AclOperation.WRITE, AclPermissionType.DENY)
        )
    ]  # fmt: skip
    for made in admin.create_acls(rules).values():
        made.result(TIMEOUT_S)
    forbidden = run_locust(*ARGS[2:], "-t", "3s", env=env, cwd=tmp_path, file=LOGIN_FILE)
    assert_refused(forbidden, f"The topic {env['LOGIN_TOPIC']} cannot be written", "authorization failed")
    taken = fresh({**own_kafka.env, **registry})
    producer = Producer({"bootstrap.servers": env["KAFKA_BROKERS"]})
    producer.produce(taken["LOGIN_TOPIC"], b"anything", b"1")
    assert producer.flush(TIMEOUT_S) == 0
    foreign = run_locust(*ARGS[2:], "-t", "3s", env=taken, cwd=tmp_path, file=LOGIN_FILE)
    assert_refused(foreign, taken["LOGIN_TOPIC"], "lakestorm did not write")


def test_a_schema_that_does_not_fit(platform: dict[str, str], tmp_path: Path) -> None:
    """An incompatible schema under the subject is refused in the registry's words; an unknown one may not be added."""
    env = fresh(platform)
    record = {"type": "record", "name": "LoginEvent", "namespace": "com.shop.events"}
    other = {**record, "fields": [{"name": "user_id", "type": "long"}]}
    assert ask(env, f"/subjects/{env['LOGIN_TOPIC']}-value/versions", {"schema": json.dumps(other)})[0] == 200
    done = run_locust(*ARGS[2:], "-t", "3s", env=env, cwd=tmp_path, file=LOGIN_FILE)
    assert_refused(done, f"refuses {env['LOGIN_TOPIC']}-value", "ncompatib", "409")
    unknown = {**fresh(platform), "SCHEMA_AUTO_REGISTER": "0"}
    refused = run_locust(*ARGS[2:], "-t", "3s", env=unknown, cwd=tmp_path, file=LOGIN_FILE)
    assert_refused(refused, f"{unknown['LOGIN_TOPIC']}-value", "SCHEMA_AUTO_REGISTER=1")


# --- what happens in the middle of a run ---


def test_a_registry_that_dies_does_no_harm(kafka: dict[str, str], own_registry: Own, tmp_path: Path) -> None:
    """The registry is killed under load: no login fails, the ledger closes, labels arrive, exit code 0."""
    env = fresh({**kafka, **own_registry.env})
    with LocustProcess(*ARGS, "-t", "4s", env=env, cwd=tmp_path, file=LOGIN_FILE) as locust:
        locust.wait_for("All users spawned")
        own_registry.kill()
        done = locust.wait()
    assert done.sound_code == 0, done.output
    assert done.total(PRODUCE)["failed"] == 0
    labels = (done.folder / "labels.csv").read_text().splitlines()[1:]
    assert len(messages_of(env, env["LOGIN_LABELS_TOPIC"])) == len(labels) > 0


def test_a_broker_that_is_killed_and_comes_back(own_kafka: Own, registry: dict[str, str], tmp_path: Path) -> None:
    """The broker is SIGKILLed under load and restarted: users live on, nothing acknowledged is lost, books close."""
    env = fresh({**own_kafka.env, **registry})
    with LocustProcess(*ARGS, "-t", "8s", env=env, cwd=tmp_path, file=LOGIN_FILE) as locust:
        locust.wait_for("All users spawned")
        time.sleep(2)
        own_kafka.kill()
        time.sleep(1)
        own_kafka.start()
        done = locust.wait()
    assert done.ledger["state"] == "closed", (done.ledger, done.output)
    total = done.total(PRODUCE)
    topic = topic_of(env)
    assert len(topic.of("live")) == total["completed"] + done.ledger["events_recovered"]
    assert total["completed"] > 1000
    assert total["response_ms"]["max"] > 1000
    seconds = [line.split(",") for line in (done.folder / "timeline.csv").read_text().splitlines()[1:]]
    assert max(int(second) for second, *_ in seconds) >= 6


GIVE_UP = """
import lakestorm.load.logins as logins
from locust import events
events.spawning_complete.add_listener(lambda **_: setattr(logins, "DRAIN_S", 0.5))
"""
"""Impatient at the end alone: the history before may take its time."""


def test_what_is_in_flight_at_the_end_is_cancelled(own_kafka: Own, registry: dict[str, str], tmp_path: Path) -> None:
    """A broker that has stopped answering: what is not acknowledged in time counts as cancelled, never as done."""
    env = fresh({**own_kafka.env, **registry})
    file = tmp_path / f"impatient_{secrets.token_hex(2)}.py"
    file.write_text(LOGIN_FILE.read_text() + GIVE_UP)
    with LocustProcess(*ARGS, "-t", "4s", env=env, cwd=tmp_path, file=file) as locust:
        locust.wait_for("All users spawned")
        time.sleep(1)
        own_kafka.process().suspend()
        locust.wait_for("run-time limit reached")
        time.sleep(1.5)
        own_kafka.process().resume()
        done = locust.wait()
    total = done.total(PRODUCE)
    assert total["cancelled"] > 100, done.output
    assert total["offered"] == total["completed"] + total["cancelled"]
    assert done.ledger["state"] == "closed"
    found = len(topic_of(env).of("live"))
    assert found == total["completed"] + done.ledger["events_recovered"]
