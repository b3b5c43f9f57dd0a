"""What probes read, against what somebody else knows: a parked consumer, a held lock, a slot that is left behind."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from typing import TYPE_CHECKING

import psycopg2
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from lakestorm.errors import ProbeError
from lakestorm.probes.asking_kafka import KafkaQuestions
from lakestorm.probes.asking_postgres import PostgresQuestions
from lakestorm.probes.burrow import Status
from lakestorm.probes.checkpoints import Checkpoints
from lakestorm.probes.consumer_groups import NO_COMMIT, ConsumerGroups
from lakestorm.probes.locks import Locks
from lakestorm.probes.replication_slot import ReplicationSlot
from lakestorm.probes.topics import Topics
from lakestorm.probes.transactions import Transactions
from lakestorm.probes.wal import Wal
from tests.integration.locust_process import open_database, rows
from tests.integration.probes_process import LIMIT_S, commit, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lakestorm.probes.asking import Probe


def read(probe: Probe) -> dict[str, float]:
    """Numbers by name; nothing that is read here may fail."""
    values = list(probe.sample())
    assert [value for value in values if value.error] == []
    return {value.name: value.value for value in values if value.value is not None}


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for a condition."""
    until = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


class Clock:
    """A clock that goes when it is told to."""

    now = 1000.0

    def __call__(self) -> float:
        """The time that it shows."""
        return self.now


@pytest.fixture
def brokers(kafka: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[KafkaQuestions]:
    """The brokers, asked as the process asks them; topics and groups are looked up anew each time."""
    monkeypatch.setattr("lakestorm.probes.asking_kafka.KNOWN_FOR_S", 0.0)
    questions = KafkaQuestions(settings_of(kafka, monkeypatch).kafka)
    yield questions
    questions.close()


@pytest.fixture
def database_questions(database: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresQuestions]:
    """A database of the test's own, asked as the process asks it."""
    questions = PostgresQuestions(settings_of(database, monkeypatch).postgres)
    yield questions
    questions.close()


def make_topic(env: Mapping[str, str], name: str, partitions: int) -> None:
    """A topic, waited for."""
    admin = AdminClient({"bootstrap.servers": env["KAFKA_BROKERS"]})
    admin.create_topics([NewTopic(name, partitions, 1)])[name].result(20)

    def is_there() -> bool:
        found = admin.list_topics(timeout=10).topics.get(name)
        return found is not None and len(found.partitions) == partitions

    wait_until(is_there)


def delete_topic(env: Mapping[str, str], name: str) -> None:
    """A topic no more, waited for."""
    admin = AdminClient({"bootstrap.servers": env["KAFKA_BROKERS"]})
    admin.delete_topics([name])[name].result(20)
    wait_until(lambda: name not in admin.list_topics(timeout=10).topics)


def produce(env: Mapping[str, str], topic: str, counts: Mapping[int, int]) -> None:
    """So many messages in each partition, acknowledged."""
    producer = Producer({"bootstrap.servers": env["KAFKA_BROKERS"], "acks": "all"})
    for partition, count in counts.items():
        for number in range(count):
            producer.produce(topic, str(number).encode(), partition=partition)
    assert producer.flush(30) == 0


def new(word: str) -> str:
    """A name that nobody has used."""
    return f"{word}-{secrets.token_hex(4)}"


def test_the_lag_of_a_parked_consumer_is_exact(kafka: dict[str, str], brokers: KafkaQuestions) -> None:
    """Wherever it is parked, and after more was written: what is left to read, without an error of one message."""
    topic, group = new("parked"), new("app")
    make_topic(kafka, topic, 3)
    produce(kafka, topic, {0: 100, 1: 250, 2: 7})
    probe = ConsumerGroups(brokers, group)
    for parked, left in [((0, 0, 0), 357), ((37, 250, 0), 70), ((100, 250, 7), 0), ((99, 249, 7), 2)]:
        commit(kafka, group, {(topic, partition): offset for partition, offset in enumerate(parked)})
        found = read(probe)
        assert (found["lag"], found[f"lag.{group}"]) == (left, left)
    produce(kafka, topic, {2: 5})
    assert read(probe)["lag"] == 7


def test_lag_in_time_grows_while_a_consumer_stands(kafka: dict[str, str], brokers: KafkaQuestions) -> None:
    """Since its next message was seen as the newest; 0 again once it has caught up; states as Burrow has them."""
    topic, group, clock = new("standing"), new("app"), Clock()
    make_topic(kafka, topic, 1)
    probe = ConsumerGroups(brokers, group, clock)
    commit(kafka, group, {(topic, 0): 0})
    assert read(probe) | {} == {f"{name}{of}": 0.0 for name in ("lag", "lag_s", "status") for of in ("", f".{group}")}
    produce(kafka, topic, {0: 4})
    seconds = []
    for _ in range(4):
        clock.now += 5.0
        seconds.append((read(probe)["lag_s"], Status(int(read(probe)["status"]))))
    assert seconds == [(0.0, Status.OK), (5.0, Status.OK), (10.0, Status.STOP), (15.0, Status.STOP)]
    commit(kafka, group, {(topic, 0): 4})
    found = read(probe)
    assert (found["lag"], found["lag_s"], found["status"]) == (0.0, 0.0, float(Status.OK))


def test_a_quiet_topic_has_no_lag_and_no_rate(kafka: dict[str, str], brokers: KafkaQuestions) -> None:
    """Nothing ever came, or nothing comes any more: 0, and not unknown."""
    prefix, group, clock = new("quiet"), new("app"), Clock()
    make_topic(kafka, f"{prefix}.empty", 2)
    make_topic(kafka, f"{prefix}.past", 1)
    produce(kafka, f"{prefix}.past", {0: 10})
    commit(kafka, group, {(f"{prefix}.empty", 0): 0, (f"{prefix}.past", 0): 10})
    groups, topics = ConsumerGroups(brokers, group), Topics(brokers, prefix, clock=clock)
    assert read(topics) == {}
    clock.now += 1.0
    assert read(topics) == {
        "messages_per_s": 0.0, f"messages_per_s.{prefix}.empty": 0.0, f"messages_per_s.{prefix}.past": 0.0
    }  # fmt: skip
    found = read(groups)
    assert (found["lag"], found["lag_s"], found["status"]) == (0.0, 0.0, 0.0)


def test_a_group_that_never_commits_lags_from_the_beginning(kafka: dict[str, str], brokers: KafkaQuestions) -> None:
    """Its members read a topic and say nothing: everything counts, it has no state, and nobody takes it for gone."""
    topic, group = new("uncommitted"), new("app")
    make_topic(kafka, topic, 2)
    produce(kafka, topic, {0: 30, 1: 12})
    consumer = Consumer(
        {"bootstrap.servers": kafka["KAFKA_BROKERS"], "group.id": group, "enable.auto.commit": False,
         "auto.offset.reset": "earliest"}
    )  # fmt: skip
    consumer.subscribe([topic])
    seen: list[object] = []

    def has_read() -> bool:
        message = consumer.poll(0.1)
        seen.extend([message] if message is not None and message.error() is None else [])
        return len(seen) == 42

    wait_until(has_read)
    values = {value.name: value for value in ConsumerGroups(brokers, group).sample()}
    assert values["lag"].value == values[f"lag.{group}"].value == 42.0
    assert (values["status"].value, values["status"].error) == (None, NO_COMMIT)
    consumer.commit(asynchronous=False)
    found = read(ConsumerGroups(brokers, group))
    assert (found["lag"], found["status"]) == (0.0, 0.0)
    consumer.close()


def test_a_topic_that_is_made_again(kafka: dict[str, str], brokers: KafkaQuestions) -> None:
    """With fewer partitions: no rate and no lag below 0 at any time, and the new topic's own numbers in the end."""
    prefix, group, clock = new("again"), new("app"), Clock()
    topic = f"{prefix}.rows"
    make_topic(kafka, topic, 3)
    produce(kafka, topic, {0: 500, 1: 500, 2: 500})
    commit(kafka, group, {(topic, 0): 500, (topic, 1): 100, (topic, 2): 500})
    topics, groups = Topics(brokers, prefix, clock=clock), ConsumerGroups(brokers, group, clock)
    assert read(topics) == {}
    assert read(groups)["lag"] == 400.0
    delete_topic(kafka, topic)
    make_topic(kafka, topic, 1)
    produce(kafka, topic, {0: 20})
    values: list[float] = []

    def has_come_back() -> bool:
        clock.now += 1.0
        for probe in (topics, groups):
            with contextlib.suppress(ProbeError):  # for a moment the topic is neither there nor gone
                values.extend(value.value for value in probe.sample() if value.value is not None)
        return clock.now > 1003.0 and values[-1:] != []

    wait_until(has_come_back)
    assert min(values) >= 0.0
    commit(kafka, group, {(topic, 0): 15})
    assert read(groups)[f"lag.{group}"] == 5.0
    produce(kafka, topic, {0: 8})
    clock.now += 2.0
    assert read(topics)["messages_per_s"] == 4.0


def test_groups_are_found_by_names_and_patterns(kafka: dict[str, str], brokers: KafkaQuestions) -> None:
    """The sum of all and each of them; one that is not there leaves the sum unknown and the others as they are."""
    topic, word = new("many"), secrets.token_hex(4)
    make_topic(kafka, topic, 1)
    produce(kafka, topic, {0: 10})
    for name, offset in [(f"flink-{word}-a", 4), (f"flink-{word}-b", 10), (f"other-{word}", 0)]:
        commit(kafka, name, {(topic, 0): offset})
    found = read(ConsumerGroups(brokers, f" flink-{word}-*, other-{word},other-{word}"))
    assert {name: value for name, value in found.items() if name.partition(".")[0] == "lag"} == {
        "lag": 16.0, f"lag.flink-{word}-a": 6.0, f"lag.flink-{word}-b": 0.0, f"lag.other-{word}": 10.0
    }  # fmt: skip
    values = {value.name: value for value in ConsumerGroups(brokers, f"flink-{word}-a,gone-{word}").sample()}
    assert values[f"lag.flink-{word}-a"].value == 6.0
    assert values["lag"].value is None
    assert values["lag"].error.startswith(f"gone-{word}: there is no such group")


def test_rates_of_topics_are_those_that_were_written(kafka: dict[str, str], brokers: KafkaQuestions) -> None:
    """Per second of the clock, over all partitions and topics, and of each topic."""
    prefix, clock, other = new("rates"), Clock(), new("logins")
    make_topic(kafka, f"{prefix}.a", 2)
    make_topic(kafka, other, 1)
    probe = Topics(brokers, prefix, [other], clock)
    assert read(probe) == {}
    produce(kafka, f"{prefix}.a", {0: 30, 1: 10})
    produce(kafka, other, {0: 20})
    clock.now += 4.0
    assert read(probe) == {
        "messages_per_s": 15.0, f"messages_per_s.{prefix}.a": 10.0, f"messages_per_s.{other}": 5.0
    }  # fmt: skip


def test_a_slot_that_nobody_reads_falls_behind(database: dict[str, str], database_questions: PostgresQuestions) -> None:
    """By exactly what the log grew, as the server itself counts; dropped, it is an error."""
    slot, clock = f"probe_{secrets.token_hex(4)}", Clock()
    rows(database, f"SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')")
    try:
        probe, wal = ReplicationSlot(database_questions, slot), Wal(database_questions, clock)
        first = read(probe)
        assert read(wal) == {}
        rows(database, "CREATE TABLE filler AS SELECT repeat('x', 500) FROM generate_series(1, 2000)")
        second = read(probe)
        grown = second["written_bytes"] - first["written_bytes"]
        assert grown > 1_000_000
        assert second["lag_bytes"] - first["lag_bytes"] == grown
        assert second["written_bytes"] - second["confirmed_bytes"] == second["lag_bytes"]
        assert second["restart_lag_bytes"] >= second["lag_bytes"]
        assert (second["active"], second["wal_status"]) == (0.0, 0.0)
        clock.now += 2.0
        assert read(wal)["bytes_per_s"] >= grown / 2
    finally:
        rows(database, f"SELECT pg_drop_replication_slot('{slot}')")
    with pytest.raises(ProbeError, match=f"there is no replication slot {slot}"):
        read(probe)


def test_waiting_sessions_and_old_transactions_are_seen(
    database: dict[str, str], database_questions: PostgresQuestions
) -> None:
    """One session holds a row, one waits for it: one is waiting, and the first one's transaction grows old."""
    rows(database, "CREATE TABLE held AS SELECT 1 AS id")
    locks, transactions = Locks(database_questions), Transactions(database_questions)
    assert read(locks)["waiting"] == 0.0
    assert read(transactions)["oldest_s"] < 0.5
    holder = open_database(database)
    holder.autocommit = False
    with holder.cursor() as cursor:
        cursor.execute("UPDATE held SET id = 2")
    waiter = threading.Thread(target=rows, args=(database, "UPDATE held SET id = 3"))
    waiter.start()
    wait_until(lambda: read(locks)["waiting"] == 1.0)
    time.sleep(0.6)
    assert 0.5 < read(transactions)["oldest_s"] < LIMIT_S
    holder.commit()
    holder.close()
    waiter.join(LIMIT_S)
    assert read(locks)["waiting"] == 0.0


def deadlock(env: Mapping[str, str]) -> None:
    """Two sessions that lock two rows in opposite orders: the server ends one of them."""
    first, second = open_database(env), open_database(env)
    for session, mine in ((first, 1), (second, 2)):
        session.autocommit = False
        with session.cursor() as cursor:
            cursor.execute(f"UPDATE pair SET n = n + 1 WHERE id = {mine}")

    def cross(session: psycopg2.extensions.connection, other: int) -> None:
        try:
            with session.cursor() as cursor:
                cursor.execute(f"UPDATE pair SET n = n + 1 WHERE id = {other}")
            session.commit()
        except psycopg2.Error:
            session.rollback()

    threads = [threading.Thread(target=cross, args=args) for args in ((first, 2), (second, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    first.close()
    second.close()


def test_deadlocks_commits_and_checkpoints_are_counted(
    database: dict[str, str], database_questions: PostgresQuestions
) -> None:
    """Since the first look: one deadlock, one checkpoint by hand; commits and rollbacks by the second."""
    rows(database, "CREATE TABLE pair AS SELECT id, 0 AS n FROM generate_series(1, 2) id")
    clock = Clock()
    locks, checkpoints = Locks(database_questions), Checkpoints(database_questions)
    transactions = Transactions(database_questions, clock)
    assert (read(locks)["deadlocks"], read(checkpoints)["requested"]) == (0.0, 0.0)
    read(transactions)
    deadlock(database)
    rows(database, "CHECKPOINT")
    wait_until(lambda: read(locks)["deadlocks"] == 1.0)
    wait_until(lambda: read(checkpoints)["requested"] >= 1.0)
    clock.now += 1.0
    found = read(transactions)
    assert found["commits_per_s"] >= 2.0
    assert found["rollbacks_per_s"] >= 1.0
