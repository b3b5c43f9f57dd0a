"""The probes' process on a real pipeline: whole, and with each service wrong, paused, stopped, and back again."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from lakestorm.errors import ProbeError
from lakestorm.probes import lineup
from lakestorm.probes.asking_postgres import PostgresQuestions
from lakestorm.sandbox.box import Sandbox
from lakestorm.sandbox.service import free_port
from tests.integration.change_topic import PURCHASES, changes
from tests.integration.locust_process import rows
from tests.integration.probes_process import ProbesProcess, commit, has_errors, has_values, paused, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.conftest import OwnPostgres

DATABASE = ("replication_slot", "wal", "transactions", "locks", "checkpoints")
REST, METRICS = ("connector",), ("debezium", "source_task")
BROKERS = ("topic", "consumer_group")
EVERYTHING = (*DATABASE, *REST, *METRICS, *BROKERS)
OF_SERVICE = {"postgres": DATABASE, "kafka": BROKERS, "connect": (*REST, *METRICS)}
QUICK = {"PROBE_EVERY_S": "0.3", "CONSUMER_GROUPS": "probed-*"}


def buy(env: Mapping[str, str]) -> None:
    """A line in the table that Debezium follows."""
    rows(
        env,
        "INSERT INTO purchases (order_ref, user_id, item_id, quantity, purchase_price)"
        " SELECT gen_random_uuid(), u.id, i.id, 1, 9.5"
        " FROM (SELECT id FROM users LIMIT 1) u, (SELECT id FROM items LIMIT 1) i",
    )


@pytest.fixture(scope="module")
def probed(pipeline: dict[str, str]) -> dict[str, str]:
    """The pipeline after its first change, with everything turned on."""
    buy(pipeline)
    until = time.monotonic() + 60
    while not any(change is not None for change in changes(pipeline, PURCHASES)):
        assert time.monotonic() < until, "nothing came through the pipeline"
        time.sleep(0.2)
    commit(pipeline, "probed-app", {(PURCHASES, 0): 0})
    return {**pipeline, **QUICK}


def test_every_probe_answers_with_every_number(probed: dict[str, str], tmp_path: Path) -> None:
    """All probes of the suite are on, all numbers that each promises come without an error, none is strange."""
    with ProbesProcess(probed, tmp_path) as process:
        promised = {name for name in lineup.readings() if not name.endswith(".*") and not name.startswith("sysload")}
        read = process.wait_for(lambda found: promised <= {f"{r.probe}.{r.name}" for r in found if r.value is not None})
    assert [reading for reading in read if reading.error] == []
    assert {f"{r.probe}.{r.name.partition('.')[0]}" for r in read} == promised
    assert process.broken == 0
    assert all(reading.unit for reading in read)


def test_the_process_ends_when_told_to_and_when_nobody_is_there(probed: dict[str, str], tmp_path: Path) -> None:
    """`finish` ends it with 0, the end of its standard input too; Ctrl-C at the terminal does not."""
    for word in (b"start\nfinish\n", b""):
        with ProbesProcess(probed, tmp_path) as process:
            process.wait_for(has_values("wal"))
            process.process.send_signal(signal.SIGINT)
            time.sleep(0.5)
            assert process.process.poll() is None
            assert process.process.stdin is not None
            process.process.stdin.write(word)
            if not word:
                process.process.stdin.close()
            assert process.process.wait(20) == 0


@pytest.mark.parametrize("service", ["postgres", "kafka", "connect"])
def test_a_service_that_hangs_has_errors_and_disturbs_no_other(
    probed: dict[str, str], pipeline_box: Sandbox, tmp_path: Path, service: str
) -> None:
    """Stopped by SIGSTOP: errors for all of its numbers, never a 0; the others go on; it answers again afterwards."""
    pid = pipeline_box.states()[service].pid
    assert pid is not None
    own = OF_SERVICE[service]
    unlike = [probe for probe in EVERYTHING if probe not in own and (service, probe) != ("kafka", "connector")]
    with ProbesProcess(probed, tmp_path) as process:
        process.wait_for(has_values(*EVERYTHING))
        with paused(pid):
            stopped = time.perf_counter()
            process.wait_for(has_errors(*own), stopped)
            others = process.wait_for(has_values(*unlike), time.perf_counter())
            silent = [r for r in process.since(stopped + 1) if r.probe in own]
        assert [reading for reading in others if reading.probe in unlike and reading.error] == []
        assert silent
        assert [reading for reading in silent if reading.value is not None] == []
        process.wait_for(has_values(*own), time.perf_counter())


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[tuple[Sandbox, dict[str, str]]]:
    """A broker that the test may kill."""
    sandbox = Sandbox(tmp_path / "own-kafka", say=lambda _: None)
    sandbox.up(["kafka"])
    yield sandbox, sandbox.env()
    sandbox.down(erase=True)


def test_a_broker_that_dies_and_comes_back(own_kafka: tuple[Sandbox, dict[str, str]], tmp_path: Path) -> None:
    """Errors while it is away, numbers again once it is back, by the same process."""
    sandbox, env = own_kafka
    settings = {**env, "CONSUMER_GROUPS": "nobody,app-*", "PROBE_EVERY_S": "0.3", "CDC_TOPIC_PREFIX": "shop"}
    here = {"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": str(free_port())}
    with ProbesProcess({**settings, **here}, tmp_path) as process:
        first = process.wait_for(has_errors("consumer_group", "topic"))
        assert {r.error for r in first if r.name == "messages_per_s"} == {"there is no topic shop.…"}
        pid = sandbox.states()["kafka"].pid
        assert pid is not None
        broker = psutil.Process(pid)
        broker.kill()
        broker.wait(20)
        process.wait_for(
            lambda found: any(r.probe == "consumer_group" and r.error.startswith("_T") for r in found),
            time.perf_counter(),
        )
        dead = time.perf_counter()
        process.wait_for(has_errors("topic"), dead)
        assert [
            r for r in process.since(dead) if r.probe in BROKERS and not r.error.startswith(("_T", "no answer"))
        ] == []
        sandbox.up(["kafka"])
        process.wait_for(
            lambda found: any(r.probe == "consumer_group" and "no such group" in r.error for r in found),
            time.perf_counter(),
        )


def test_a_database_that_dies_and_comes_back(own_postgres: OwnPostgres, tmp_path: Path) -> None:
    """Errors with the connection's code while it is away, numbers again on a new connection."""
    with ProbesProcess({**own_postgres.env, "REPLICATION_SLOT": "none", "PROBE_EVERY_S": "0.3"}, tmp_path) as process:
        process.wait_for(has_values("wal", "locks"))
        own_postgres.kill()
        killed = time.perf_counter()
        read = process.wait_for(has_errors("wal", "transactions", "locks", "checkpoints"), killed)
        assert all(reading.error.startswith("080") for reading in read if reading.error and reading.probe == "wal")
        own_postgres.start()
        process.wait_for(has_values("wal", "transactions", "locks", "checkpoints"), time.perf_counter())


def test_a_connection_that_is_cut_is_opened_again(database: dict[str, str], tmp_path: Path) -> None:
    """The server ends the probes' backend: an error or none, then numbers as before."""
    with ProbesProcess({**database, "REPLICATION_SLOT": "none", "PROBE_EVERY_S": "0.3"}, tmp_path) as process:
        process.wait_for(has_values("wal"))
        ended = rows(
            database,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'lakestorm probes' AND datname = current_database()",
        )
        assert ended == [(True,)]
        process.wait_for(has_values("wal", "locks"), time.perf_counter())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        # names that nobody bears
        (
            {"REPLICATION_SLOT": "x", "CONNECTOR_NAME": "x", "CDC_TOPIC_PREFIX": "x", "CONSUMER_GROUPS": "x*"},
            {
                "replication_slot": "there is no replication slot x",
                "connector": "refuses GET /connectors/x/status (HTTP 404)",
                "debezium": "the page has no",
                "source_task": "the page has no",
                "topic": "there is no topic x.…",
                "consumer_group": "there is no consumer group x*",
            },
        ),
        # nobody listens there
        (
            {
                "POSTGRES_PORT": "{port}",
                "CONNECT_URL": "http://127.0.0.1:{port}",
                "CONNECT_METRICS_URL": "http://127.0.0.1:{port}/metrics",
                "KAFKA_BROKERS": "127.0.0.1:{port}",
            },
            {
                "wal": "Connection refused",
                "connector": "does not answer",
                "debezium": "ConnectError",
                "topic": "_TRANSPORT",
                "consumer_group": "_T",
            },
        ),
        # somebody else does, or refuses
        (
            {
                "POSTGRES_PASSWORD": "wrong",
                "CONNECT_URL": "{SCHEMA_REGISTRY_URL}",
                "CONNECT_METRICS_URL": "{CONNECT_URL}/connectors",
                "KAFKA_BROKERS": "127.0.0.1:{POSTGRES_PORT}",
            },
            {
                "locks": "password authentication failed",
                "connector": "HTTP 4",
                "source_task": "the page has no",
                "consumer_group": "_T",
            },
        ),
        (
            {"CONNECT_URL": "no address", "CONNECT_METRICS_URL": "{CONNECT_URL}/nowhere"},
            {"connector": "", "debezium": "404"},
        ),
    ],
)
def test_a_setting_that_is_wrong_is_an_error_in_words(
    probed: dict[str, str], tmp_path: Path, wrong: dict[str, str], words: dict[str, str]
) -> None:
    """What is asked for is not there, nothing answers, or somebody else: an error that says so, and never a number."""
    filled = {name: text.format(port=free_port(), **probed) for name, text in wrong.items()}
    with ProbesProcess({**probed, **filled}, tmp_path) as process:
        read = process.wait_for(has_errors(*words))
    for probe, part in words.items():
        of_probe = [reading for reading in read if reading.probe == probe]
        assert any(part in reading.error for reading in of_probe), of_probe
        assert [reading for reading in of_probe if reading.value is not None] == []


def test_probes_are_off_without_their_settings(server: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked where nothing is set; each setting turns on its own."""
    names = {}
    for setting in (
        "",
        "REPLICATION_SLOT",
        "CDC_TOPIC_PREFIX",
        "CONSUMER_GROUPS",
        "CONNECT_METRICS_URL",
        "CONNECT_URL",
    ):
        with monkeypatch.context() as patch:
            settings = settings_of({**server, **({setting: "x"} if setting else {})}, patch)
            names[setting] = {probe.name for probes in lineup.probes_of(settings).values() for probe in probes}
    assert names == {
        "": set(),
        "REPLICATION_SLOT": set(DATABASE),
        "CDC_TOPIC_PREFIX": {*DATABASE, "topic"} - {"replication_slot"},
        "CONSUMER_GROUPS": {"consumer_group"},
        "CONNECT_METRICS_URL": set(METRICS),
        "CONNECT_URL": set(),
    }


def test_probes_ask_the_database_on_one_connection(database: dict[str, str], tmp_path: Path) -> None:
    """However many of them there are."""
    with ProbesProcess({**database, "REPLICATION_SLOT": "none", "PROBE_EVERY_S": "0.2"}, tmp_path) as process:
        process.wait_for(lambda found: len(found) > 30)
        held = rows(
            database,
            "SELECT pid FROM pg_stat_activity"
            " WHERE application_name = 'lakestorm probes' AND datname = current_database()",
        )
    assert len(held) == 1


def test_a_statement_that_lasts_is_given_up(database: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The server cancels it after two seconds, and the connection is as good as before."""
    questions = PostgresQuestions(settings_of(database, monkeypatch).postgres)
    (backend,) = questions.row("SELECT pg_backend_pid()")
    began = time.monotonic()
    with pytest.raises(ProbeError, match="57014"):
        questions.rows("SELECT pg_sleep(30)")
    assert time.monotonic() - began < 15
    assert questions.row("SELECT pg_backend_pid()") == (backend,)
    questions.close()
