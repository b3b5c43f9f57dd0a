"""Logins across workers: each account is one worker's, all have one time, and the books close over all processes."""

from __future__ import annotations

import collections
import dataclasses
import json
import os
import time
from signal import SIGINT, SIGKILL
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil
import pytest

from lakestorm.model.event_time import ms_from_timestamp
from lakestorm.model.login_schema import process_and_number
from lakestorm.sandbox.service import free_port
from tests.integration.locust_process import LocustProcess, run_locust
from tests.integration.login_topics import LOGIN_FILE, RUN, SEQUENCE, fresh, headers, topic_of
from tests.integration.test_login_faults import run_verb
from tests.integration.test_logins import PRODUCE, assert_whole, labels_by_rule, told
from tests.integration.test_sandbox_kafka import topic_of as topic_of_three
from tests.integration.test_web import Page
from tests.integration.test_workers import two_workers, workers_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from confluent_kafka import Message

    from tests.integration.locust_process import Finished
    from tests.integration.login_topics import Topic

ACCOUNTS = 300
MOST_APART_S = 5.0
"""Between two workers' first or last logins, on a busy machine."""


@pytest.fixture(scope="module")
def platform(kafka: dict[str, str], registry: dict[str, str]) -> dict[str, str]:
    """Settings of broker and registry."""
    return {**kafka, **registry}


class Pair(NamedTuple):
    """A run of two workers, and what the topic holds of it."""

    env: dict[str, str]
    done: Finished
    topic: Topic

    def by_process(self, *classes: str) -> dict[int, list[Message]]:
        """Records of these classes, by the process that wrote them."""
        found: dict[int, list[Message]] = collections.defaultdict(list)
        for message in self.topic.of(*classes):
            found[process_and_number(sequence(message))[0]].append(message)
        return found


def sequence(message: Message) -> int:
    """As its header says."""
    return int(headers(message)[SEQUENCE])


@pytest.fixture(scope="module")
def pair(platform: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Two workers on three partitions, with anomalies, hard cases and disorder, in time a thousand times as fast."""
    name, cwd = topic_of_three(platform), tmp_path_factory.mktemp("pair")
    disorder = {f"LOGIN_{kind}_RATIO": "0.02" for kind in ("LATE", "DUPLICATE", "POISON")}
    env = fresh(
        platform,
        **disorder,
        LOGIN_TOPIC=name,
        LOGIN_LABELS_TOPIC=f"{name}-labels",
        LOGIN_ACCOUNTS=str(ACCOUNTS),
        LOGIN_ANOMALY_RATIO="0.03",
        LOGIN_HARD_RATIO="0.2",
        LOGIN_TIME_SCALE="1000",
    )
    done = run_locust("-u", "20", "-r", "20", "-t", "6s", *two_workers(), env=env, cwd=cwd, file=LOGIN_FILE)
    return Pair(env, done, topic_of(env))


def test_what_two_workers_acknowledge_is_what_a_consumer_reads(pair: Pair) -> None:
    """The ledger closes over all processes; Confluent's deserializer reads exactly what they say, class by class."""
    done, topic = pair.done, pair.topic
    assert done.sound_code == 0, done.output
    assert_whole(done)
    assert [(w["process"], w["state"]) for w in workers_of(done)] == [(1, "drained"), (2, "drained")]
    assert len(topic.messages) == done.ledger["events_acknowledged"] == done.ledger["events_in_topic"]
    assert topic.count() == done.ledger["events_by_class"] == done.ledger["events_acknowledged_by_class"]
    assert topic.count()["duplicate"] > 10 < topic.count()["poison"]
    assert len([topic.record(m) for m in topic.of("live", "late")]) == done.total(PRODUCE)["completed"] > 800
    assert len(topic.of("backfill")) == ACCOUNTS * 12
    assert {len(messages) > 300 for process, messages in pair.by_process("live").items()} == {True}
    assert sorted(path.name for path in done.folder.glob("logins*.bin")) == [
        "logins-1.bin",
        "logins-2.bin",
        "logins.bin",
    ]
    assert done.ledger["events_unreported"] == 0


def test_sequence_numbers_are_whole_in_each_process(pair: Pair) -> None:
    """Headers number each process's records without a gap, and those of two processes are never the same."""
    numbers = collections.defaultdict(list)
    for message in pair.topic.messages:
        process, number = process_and_number(sequence(message))
        numbers[process].append(number)
    assert set(numbers) == {0, 1, 2}
    assert all(sorted(of) == list(range(len(of))) for of in numbers.values())


def test_each_account_is_one_workers_and_keeps_its_order(pair: Pair) -> None:
    """Accounts log in by one worker each; in its partition its history comes first and its numbers only rise."""
    whose = {process: {m.key() for m in of} for process, of in pair.by_process("live", "late").items()}
    assert set(whose) == {1, 2}
    assert not whose[1] & whose[2]
    assert len(whose[1] | whose[2]) > ACCOUNTS / 2
    assert set(pair.by_process("backfill")) == {0}
    order: dict[Any, list[tuple[int, int]]] = collections.defaultdict(list)
    for message in pair.topic.messages:
        order[message.key()].append((message.partition() or 0, sequence(message)))
    assert len({partition for places in order.values() for partition, _ in places}) == 3
    for places in order.values():
        assert len({partition for partition, _ in places}) == 1
        assert places == sorted(places)


def test_two_workers_have_one_time(pair: Pair) -> None:
    """Nothing is of the future when it is written; both begin behind the history and end at now, at one pace."""
    first, last = {}, {}
    for process, messages in pair.by_process("live").items():
        events = [ms_from_timestamp(pair.topic.record(m)["timestamp"]) for m in messages]
        written = [m.timestamp()[1] for m in messages]
        assert all(event <= at for event, at in zip(events, written, strict=True))
        first[process], last[process] = min(events), max(events)
        assert max(written) - max(events) < MOST_APART_S * 1e6  # a thousand event seconds a second
    assert abs(first[1] - first[2]) < MOST_APART_S * 1e6
    assert max(last.values()) - min(first.values()) > 3 * 1e6
    history = [ms_from_timestamp(pair.topic.record(m)["timestamp"]) for m in pair.topic.of("backfill")]
    assert max(history) <= min(first.values())


def test_labels_of_both_workers_are_the_rule(pair: Pair) -> None:
    """labels.csv is one whole, and what the rule says of the topic; each worker's accounts have scored ones."""
    found = told(pair.done)
    assert found == labels_by_rule(pair.topic)
    scored = {int(user) % 2 for user, _, _, is_scored, _ in found if is_scored}
    assert scored == {0, 1}


def test_detector_and_score_work_on_such_a_run(pair: Pair, tmp_path: Path) -> None:
    """`lakestorm detect` and `lakestorm score` as for one process: nearly all is found, and little else."""
    detect = run_verb(
        "detect", "--from-beginning", "--alerts", "a.jsonl", "--duration", "2", env=pair.env, cwd=tmp_path
    )
    assert detect.returncode == 0, detect.stderr
    alerts, folder = str(tmp_path / "a.jsonl"), str(pair.done.folder.resolve())
    score = run_verb("score", folder, "--alerts", alerts, "--reads-kind", "--json", env=pair.env, cwd=tmp_path)
    assert score.returncode == 0, score.stderr
    found = json.loads(score.stdout)
    assert found["logins"] == sum(pair.topic.count()[class_] for class_ in ("live", "late", "backfill"))
    assert found["kinds"]["all"]["labelled"] >= 10
    assert found["kinds"]["all"]["recall"] >= 0.99
    assert found["kinds"]["all"]["precision"] >= 0.95


@pytest.fixture(scope="module")
def crippled(platform: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crippled]:
    """A run that lost one of its two workers a moment ago; it takes a while to be sure of that."""
    env, cwd = fresh(platform, LOGIN_GEN_EVERY_MS="50"), tmp_path_factory.mktemp("crippled")
    args = ("--headless", "--only-summary", "-u", "10", "-r", "10", "-t", "5s", *two_workers())
    with LocustProcess(*args, env=env, cwd=cwd, file=LOGIN_FILE) as master:
        master.wait_for("All users spawned", 60)
        time.sleep(1.5)
        victim = psutil.Process(master.process.pid).children()[0].pid
        os.kill(victim, SIGKILL)
        yield Crippled(env, master, victim)


class Crippled(NamedTuple):
    """A run that goes on without one of its workers."""

    env: dict[str, str]
    master: LocustProcess
    victim: int


@pytest.mark.usefixtures("crippled")  # begins before, ends after: both spend their time waiting
def test_runs_of_the_page_and_a_worker_that_comes_late(platform: dict[str, str], tmp_path: Path) -> None:
    """A late worker has no account and says so, its logins are skipped; in the next run it has, and events go on."""
    honest = {"LOGIN_ANOMALY_RATIO": "0", "LOGIN_HARD_RATIO": "0"}
    env, ports = fresh(platform, LOGIN_GEN_EVERY_MS="50", **honest), [str(free_port()), str(free_port())]
    folders = [tmp_path / name for name in ("master", "one", "late")]
    for folder in folders:
        folder.mkdir()
    to_master = ("--worker", "--master-host", "127.0.0.1", "--master-port", ports[0])
    leading = ("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", ports[0], "--web-port", ports[1])
    with (
        LocustProcess(*leading, "--enable-rebalancing", env=env, cwd=folders[0], file=LOGIN_FILE) as master,
        LocustProcess(*to_master, env=env, cwd=folders[1], file=LOGIN_FILE),
    ):
        page = Page(int(ports[1]))
        page.wait_until_up()
        master.wait_for("1 workers connected")
        page.get("/swarm", {"user_count": 10, "spawn_rate": 10})
        page.wait_for("running")
        with LocustProcess(*to_master, env=env, cwd=folders[2], file=LOGIN_FILE):
            master.wait_for("came late: its users log nobody in")
            time.sleep(1.5)
            page.get("/stop", {})
            master.wait_for("verdict: ")
            page.get("/swarm", {"user_count": 10, "spawn_rate": 10, "run_time": "3s"})
            wait_for_verdicts(master, 2)
            master.signal(SIGINT)
            done = master.wait()
    first, second = (dataclasses.replace(done, folder=folder) for folder in runs_of(done))
    for run in (first, second):
        assert_whole(run)
    assert first.total(PRODUCE)["skipped"] > 10
    assert first.total(PRODUCE)["completed"] > 50
    assert second.total(PRODUCE)["skipped"] == 0
    runs = {run.run["run_id"]: run for run in (first, second)}
    of_run: dict[str, list[Message]] = collections.defaultdict(list)
    topic = topic_of(env)
    for message in topic.messages:
        of_run[headers(message)[RUN]].append(message)
    assert {run: len(of) for run, of in of_run.items()} == {
        run: of.ledger["events_acknowledged"] for run, of in runs.items()
    }
    processes = [{process_and_number(sequence(m))[0] for m in of_run[run]} for run in runs]
    assert processes == [{0, 1}, {1, 2}]
    times = [[ms_from_timestamp(topic.record(m)["timestamp"]) for m in of_run[run]] for run in runs]
    assert max(times[0]) < min(times[1])
    assert told(second) == labels_by_rule(topic, since=len(of_run[first.run["run_id"]]))
    assert not [label for run in (first, second) for label in told(run) if label[3]], "where they were they go on"


def wait_for_verdicts(locust: LocustProcess, count: int, limit_s: float = 60) -> None:
    """Wait until so many runs had theirs."""
    until = time.monotonic() + limit_s
    while locust.output().count("verdict: ") < count:
        assert time.monotonic() < until, locust.output()
        time.sleep(0.1)


def runs_of(done: Finished) -> list[Path]:
    """All results folders beside the last one, oldest first."""
    return sorted(path for path in done.folder.parent.iterdir() if not path.is_symlink())


def test_a_lost_worker_is_named_and_its_records_are_counted(crippled: Crippled) -> None:
    """SIGKILL of one of two: the run ends by itself, exit 4, and tells whom it lost and how many nobody reported."""
    done = crippled.master.wait()
    assert done.code == 4, done.output
    lost = next(w for w in workers_of(done) if w["state"] == "lost")
    assert lost["pid"] == crippled.victim
    ledger, reasons = done.ledger, " ".join(done.run["reasons"])
    assert f"Worker {lost['process']} (" in reasons
    assert f"process {crippled.victim}) was lost" in reasons
    assert ledger["state"] == "unknown"
    written = collections.Counter(process_and_number(sequence(m))[0] for m in topic_of(crippled.env).messages)
    assert ledger["events_unreported"] == written[int(str(lost["process"]))] > 20
    assert ledger["events_acknowledged"] == written.total() - ledger["events_unreported"]
    assert ledger["events_lost"] == ledger["events_recovered"] == 0
    told_count = f"{ledger['events_unreported']} records stand in the topic that worker {lost['process']} wrote"
    assert told_count in reasons
