"""Kafka and the schema registry of the sandbox: what they are, and what happens when things go wrong."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import confluent_kafka
import psutil
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from lakestorm.errors import SandboxError
from lakestorm.sandbox import downloads, process_service
from lakestorm.sandbox.box import Sandbox
from lakestorm.sandbox.service import is_free
from tests.integration.sandbox_process import command, settings_of, start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lakestorm.sandbox.service import State

BOTH = ("--with", "kafka,registry")
OFFLINE = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
"""Whoever asks the network fails at once."""
TIMEOUT_S = 30


def topic_of(env: dict[str, str], partitions: int = 3) -> str:
    """A new topic."""
    name = f"topic-{secrets.token_hex(4)}"
    admin = AdminClient({"bootstrap.servers": env["KAFKA_BROKERS"]})
    admin.create_topics([NewTopic(name, num_partitions=partitions, replication_factor=1)])[name].result(TIMEOUT_S)
    return name


def produce(env: dict[str, str], topic: str, count: int) -> list[confluent_kafka.Message]:
    """Write `message 0`, `message 1`, … with acks=all; gives what was acknowledged."""
    done: list[confluent_kafka.Message] = []
    failed: list[confluent_kafka.KafkaError] = []
    producer = confluent_kafka.Producer({"bootstrap.servers": env["KAFKA_BROKERS"], "acks": "all"})
    for i in range(count):
        producer.produce(
            topic, f"message {i}", str(i), on_delivery=lambda e, m: failed.append(e) if e else done.append(m)
        )
    assert producer.flush(TIMEOUT_S) == 0
    assert failed == []
    return done


def consume(env: dict[str, str], topic: str) -> list[str]:
    """All that is in a topic, read to the end of each partition."""
    consumer = confluent_kafka.Consumer(
        {
            "bootstrap.servers": env["KAFKA_BROKERS"],
            "group.id": secrets.token_hex(4),
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
    )
    consumer.subscribe([topic])
    left = len(consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic].partitions)
    values = []
    until_s = time.monotonic() + TIMEOUT_S
    while left and time.monotonic() < until_s:
        message = consumer.poll(1)
        if message is None:
            continue
        error = message.error()
        if error is None:
            values.append(text_of(message))
        else:
            assert error.code() == confluent_kafka.KafkaError._PARTITION_EOF
            left -= 1
    consumer.close()
    assert left == 0
    return values


def text_of(message: confluent_kafka.Message) -> str:
    """A message's value."""
    return (message.value() or b"").decode()


def ask(env: dict[str, str], path: str, body: Any = None, method: str | None = None) -> tuple[int, Any]:
    """(status, answer) of one request to the registry."""
    host, _, base = env["SCHEMA_REGISTRY_URL"].removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=TIMEOUT_S)
    data = None if body is None else json.dumps(body)
    headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
    connection.request(method or ("POST" if data else "GET"), f"/{base}{path}", data, headers)
    answer = connection.getresponse()
    found = answer.status, json.load(answer)
    connection.close()
    return found


def avro(*fields: tuple[str, Any]) -> dict[str, str]:
    """A record's schema as the registry takes it."""
    record = {"type": "record", "name": "Thing", "fields": [{"name": name, "type": kind} for name, kind in fields]}
    return {"schema": json.dumps(record)}


def box(folder: Path) -> Sandbox:
    """The folder's sandbox, in this process."""
    return Sandbox(folder / ".sandbox", say=lambda _: None)


def state(folder: Path, name: str) -> State:
    """How a service is."""
    return box(folder).states()[name]


def process_of(folder: Path, name: str) -> psutil.Process:
    """A running service's process."""
    found = state(folder, name)
    assert found.word == "running", found
    return psutil.Process(found.pid)


def kill(process: psutil.Process) -> None:
    """SIGKILL, and wait until it is gone."""
    process.kill()
    assert process_service.has_gone(process)


@pytest.fixture(scope="module", autouse=True)
def _cached() -> None:
    """All files are in the cache: what follows needs no network."""
    for name in ("kafka", "registry"):
        downloads.ready(name)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose sandbox is taken down afterwards, whatever the test did to it."""
    yield tmp_path
    box(tmp_path).down(erase=True)
    left = [p for p in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(p.info["cmdline"] or ())]
    assert left == []


def test_what_is_acknowledged_can_be_read(kafka: dict[str, str]) -> None:
    """A thousand messages acknowledged by all replicas are in the topic, each once, over its partitions."""
    topic = topic_of(kafka)
    acknowledged = produce(kafka, topic, 1000)
    assert len(acknowledged) == 1000
    assert {m.partition() for m in acknowledged} == {0, 1, 2}
    assert sorted(consume(kafka, topic)) == sorted(f"message {i}" for i in range(1000))


def test_the_registry_speaks_confluents_api(registry: dict[str, str]) -> None:
    """Register, read by id, evolve; what is incompatible, invalid or unknown is refused with the status it should."""
    subject = f"subject-{secrets.token_hex(4)}"
    versions = f"/subjects/{subject}/versions"
    assert ask(registry, "/config") == (200, {"compatibilityLevel": "BACKWARD"})
    status, answer = ask(registry, versions, avro(("id", "string")))
    assert status == 200
    status, schema = ask(registry, f"/schemas/ids/{answer['id']}")
    assert status == 200
    assert json.loads(schema["schema"]) == json.loads(avro(("id", "string"))["schema"])
    assert ask(registry, versions, avro(("id", "string"))) == (200, answer)
    newer = avro(("id", "string"), ("at", ["null", "string"]))
    newer["schema"] = newer["schema"].replace('["null", "string"]', '["null", "string"], "default": null')
    assert ask(registry, versions, newer)[0] == 200
    assert ask(registry, versions)[1] == [1, 2]
    status, refusal = ask(registry, versions, avro(("id", "int")))
    assert (status, "STRING" in refusal["message"]) == (409, True)
    assert ask(registry, versions, {"schema": '{"type": "nonsense"}'})[0] == 422
    assert ask(registry, "/schemas/ids/4000000")[0] == 404
    assert ask(registry, "/subjects/nobody-value/versions/latest")[0] == 404


def test_up_status_env_down(folder: Path) -> None:
    """Without a network `up` prints settings and nothing else; `down` and `up` keep data, ports and ids."""
    up = command("up", *BOTH, cwd=folder, env=OFFLINE)
    assert up.returncode == 0, up.stderr
    env = settings_of(up.stdout)
    assert sorted(env) == ["KAFKA_BROKERS", "SCHEMA_REGISTRY_URL"]
    assert env["SCHEMA_REGISTRY_URL"].endswith("/apis/ccompat/v7")
    processes = [process_of(folder, name) for name in ("kafka", "registry")]
    for process in processes:
        assert {c.laddr.ip for c in process.net_connections() if c.status == "LISTEN"} == {"127.0.0.1"}
        assert os.getsid(process.pid) != os.getsid(0)
    assert f"kafka: running (pid {processes[0].pid}, port {env['KAFKA_BROKERS'].split(':')[1]})" in (
        command("status", cwd=folder).stdout
    )
    again = command("up", *BOTH, cwd=folder)
    assert (again.stdout, again.stderr) == (up.stdout, "")
    assert [process_of(folder, name) for name in ("kafka", "registry")] == processes
    topic = topic_of(env)
    produce(env, topic, 10)
    ask(env, "/subjects/a-value/versions", avro(("id", "string")))
    schema = ask(env, "/subjects/a-value/versions/latest")
    assert schema[0] == 200
    cluster = AdminClient({"bootstrap.servers": env["KAFKA_BROKERS"]}).list_topics(timeout=TIMEOUT_S).cluster_id
    assert command("down", cwd=folder).returncode == 0
    assert all(process_service.has_gone(process) for process in processes)
    assert "kafka: stopped\n" in (stopped := command("status", cwd=folder).stdout)
    assert "registry: stopped\n" in stopped
    assert command("env", cwd=folder).stdout == ""
    assert command("up", *BOTH, cwd=folder, env=OFFLINE).stdout == up.stdout
    assert sorted(consume(env, topic)) == [f"message {i}" for i in range(10)]
    assert ask(env, "/subjects/a-value/versions/latest") == schema
    assert AdminClient({"bootstrap.servers": env["KAFKA_BROKERS"]}).list_topics(timeout=TIMEOUT_S).cluster_id == cluster
    assert command("down", "--erase", cwd=folder).returncode == 0
    assert [path.name for path in (folder / ".sandbox").iterdir()] == ["lock"]


def test_a_folder_with_an_odd_name(tmp_path: Path) -> None:
    """Spaces, commas, semicolons and umlauts in the folder's name are no obstacle, nor are they in the data's way."""
    sandbox = Sandbox(tmp_path / "jürgens, box; 1=2", say=lambda _: None)
    sandbox.up(["kafka", "registry"])
    assert len(produce(sandbox.env(), "a-topic", 1)) == 1
    ask(sandbox.env(), "/subjects/a-value/versions", avro(("id", "string")))
    assert list((tmp_path / "jürgens, box; 1=2" / "kafka" / "data" / "storage").glob("a-topic-0"))
    assert (tmp_path / "jürgens, box; 1=2" / "registry" / "data" / "schemas.mv.db").exists()
    sandbox.down(erase=True)


def test_a_compatibility_that_was_changed_stays(folder: Path) -> None:
    """BACKWARD is only what a registry begins with: what somebody sets instead is kept over `down` and `up`."""
    env = settings_of(command("up", "--with", "registry", cwd=folder).stdout)
    assert ask(env, "/config", {"compatibility": "NONE"}, "PUT")[0] == 200
    command("down", cwd=folder)
    command("up", "--with", "registry", cwd=folder)
    assert ask(env, "/config") == (200, {"compatibilityLevel": "NONE"})


def test_killed_services_are_stale_and_come_back(folder: Path) -> None:
    """After SIGKILL `status` says so, and `up` brings back all that was acknowledged, on the same ports."""
    up = command("up", *BOTH, cwd=folder)
    env = settings_of(up.stdout)
    topic = topic_of(env)
    acknowledged = produce(env, topic, 1000)
    ask(env, "/subjects/a-value/versions", avro(("id", "string")))
    schema = ask(env, "/subjects/a-value/versions/latest")
    assert schema[0] == 200
    for name in ("kafka", "registry"):
        kill(process_of(folder, name))
    status = command("status", cwd=folder).stdout
    assert "kafka: stale, it was killed; `up` starts it again" in status
    assert "registry: stale, it was killed; `up` starts it again" in status
    assert command("up", *BOTH, cwd=folder).stdout == up.stdout
    assert sorted(consume(env, topic)) == sorted(map(text_of, acknowledged))
    assert ask(env, "/subjects/a-value/versions/latest") == schema


def test_taken_ports_are_left_to_their_owner(folder: Path) -> None:
    """If somebody listens on our ports meanwhile, `up` takes others and prints them; data stay."""
    env = settings_of(command("up", *BOTH, cwd=folder).stdout)
    topic = topic_of(env)
    produce(env, topic, 10)
    command("down", cwd=folder)
    facts = box(folder).services["kafka"].home.recall()
    ports = [facts["port"], facts["controller_port"], int(env["SCHEMA_REGISTRY_URL"].split(":")[2].split("/")[0])]
    squatters = [socket.create_server(("127.0.0.1", port)) for port in ports]
    again = settings_of(command("up", *BOTH, cwd=folder).stdout)
    for squatter in squatters:
        squatter.close()
    assert again["KAFKA_BROKERS"] != env["KAFKA_BROKERS"]
    assert again["SCHEMA_REGISTRY_URL"] != env["SCHEMA_REGISTRY_URL"]
    assert sorted(consume(again, topic)) == [f"message {i}" for i in range(10)]
    assert ask(again, "/subjects") == (200, [])


def test_a_port_taken_at_the_last_moment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If somebody is quicker between our look and the service's start, it is started again on another port."""
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        taken = squatter.getsockname()[1]
        service = box(folder).services["registry"]
        service.home.make()
        service.home.remember(port=taken)
        looks = iter([True])
        monkeypatch.setattr(process_service, "is_free", lambda port: next(looks, None) or is_free(port))
        service.up()
        assert service.home.recall()["port"] != taken
        assert service.state().word == "running"


def test_another_cluster_on_our_port_is_not_ours(folder: Path) -> None:
    """A broker whose cluster is not the one of our files is refused by name."""
    sandbox = box(folder)
    sandbox.up(["kafka"])
    service = sandbox.services["kafka"]
    meta = service.home.data / "storage" / "meta.properties"
    lines = meta.read_text().splitlines()
    true = next(line.removeprefix("cluster.id=") for line in lines if line.startswith("cluster.id="))
    meta.write_text("\n".join(lines).replace(true, "AAAAAAAAAAAAAAAAAAAAAA"))
    with pytest.raises(SandboxError, match=f"is of cluster {true}, which is not ours"):
        service.up()
    meta.write_text("\n".join(lines))


def test_a_stale_pid_that_is_another_process_by_now(folder: Path) -> None:
    """The pid that a dead service left may be somebody else's: that process is neither trusted nor touched."""
    up = command("up", "--with", "registry", cwd=folder)
    kill(process_of(folder, "registry"))
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"]) as bystander:
        (folder / ".sandbox" / "registry" / "pid").write_text(str(bystander.pid))
        assert state(folder, "registry").word == "stale"
        assert command("up", "--with", "registry", cwd=folder).stdout == up.stdout
        command("down", cwd=folder)
        assert bystander.poll() is None
        bystander.kill()


def test_a_deleted_folder_is_a_fresh_start(folder: Path) -> None:
    """Whoever deletes .sandbox/ while services run gets new ones; the old process does not stay behind."""
    env = settings_of(command("up", "--with", "registry", cwd=folder).stdout)
    ask(env, "/subjects/a-value/versions", avro(("id", "string")))
    old = process_of(folder, "registry")
    subprocess.run(["rm", "-rf", folder / ".sandbox"], check=True)
    assert "its folder was deleted" in command("status", cwd=folder).stdout
    again = settings_of(command("up", "--with", "registry", cwd=folder).stdout)
    assert process_service.has_gone(old)
    assert ask(again, "/subjects") == (200, [])


@pytest.mark.parametrize("wait_s", [0.0, 1.5])
def test_an_interrupt_leaves_nothing_running(folder: Path, wait_s: float) -> None:
    """Ctrl-C in the middle of the first `up` ends without a service; the next `up` works."""
    with start("up", "--with", "kafka", cwd=folder) as up:
        while not (folder / ".sandbox").exists() and up.poll() is None:  # it has read its arguments, and begun
            time.sleep(0.02)
        time.sleep(wait_s)
        up.send_signal(signal.SIGINT)
        _, errors = up.communicate(timeout=60)
    if up.returncode != 0:  # else it had come to its end before
        assert up.returncode == 130, errors
        assert "Traceback" not in errors
        assert "kafka: stopped\n" in command("status", cwd=folder).stdout
    again = command("up", "--with", "kafka", cwd=folder)
    assert again.returncode == 0, again.stderr
    assert len(produce(settings_of(again.stdout), "a-topic", 1)) == 1


def test_extra_properties_win(folder: Path) -> None:
    """What stands in extra.properties is Kafka's setting; a setting it does not take ends in its own words."""
    extra = folder / ".sandbox" / "kafka" / "extra.properties"
    extra.parent.mkdir(parents=True)
    extra.write_text("num.partitions=7\nlog.retention.ms=nonsense\n")
    wrong = command("up", "--with", "kafka", cwd=folder)
    assert wrong.returncode == 1
    assert "Invalid value nonsense for configuration log.retention.ms" in wrong.stderr
    assert "Traceback (most" not in wrong.stderr
    assert state(folder, "kafka").word == "stopped"
    extra.write_text("num.partitions=7\n")
    env = settings_of(command("up", "--with", "kafka", cwd=folder).stdout)
    produce(env, "made-by-writing", 1)
    topics = AdminClient({"bootstrap.servers": env["KAFKA_BROKERS"]}).list_topics(timeout=TIMEOUT_S).topics
    assert len(topics["made-by-writing"].partitions) == 7


def test_a_service_that_does_not_answer_is_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time it has to start the error says where it was expected; nothing is left running."""
    monkeypatch.setattr(process_service, "START_S", 0.3)
    sandbox = box(folder)
    with pytest.raises(SandboxError, match=r"registry \(pid \d+\) does not answer on 127\.0\.0\.1:\d+ after 0\.3 s"):
        sandbox.up(["registry"])
    assert state(folder, "registry").word == "stopped"


def test_a_service_that_does_not_stop_is_killed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that hears nothing is killed when its time to stop is over."""
    sandbox = box(folder)
    sandbox.up(["registry"])
    process = process_of(folder, "registry")
    process.suspend()
    monkeypatch.setattr(process_service, "STOP_S", 0.5)
    sandbox.down()
    assert process_service.has_gone(process)
    assert state(folder, "registry").word == "stopped"
