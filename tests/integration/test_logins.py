"""Logins on a real Kafka with a real registry: what runs count, label and write is what Confluent's consumer reads."""

from __future__ import annotations

import collections
import csv
import json
import subprocess
import time
from signal import SIGTERM
from typing import TYPE_CHECKING, Any

import gevent
import pytest

from lakestorm.clients.gazetteer import places
from lakestorm.clients.producing import Producing
from lakestorm.model.addresses import AddressPlan
from lakestorm.model.disorder import Disorder, Disturbance, Ratios
from lakestorm.model.event_time import ms_from_timestamp
from lakestorm.model.geography import Geography
from lakestorm.model.labels import Labeller
from lakestorm.model.login_schema import FIELDS
from lakestorm.settings import KafkaSettings
from tests.integration.locust_process import FLASHSALE, ROOT, LocustProcess, make_shop, rows, run_locust
from tests.integration.login_topics import LOGIN_FILE, SEQUENCE, TIMEOUT_S, fresh, headers, messages_of, topic_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.locust_process import Finished
    from tests.integration.login_topics import Topic

PRODUCE = "KAFKA login.produce"
OUTCOMES = ("completed", "refused", "failed", "skipped", "cancelled")
SOON_S = 10.0
"""How far event time may be behind the wall clock at a run's end."""


@pytest.fixture(scope="module")
def platform(kafka: dict[str, str], registry: dict[str, str]) -> dict[str, str]:
    """Settings of broker and registry."""
    return {**kafka, **registry}


@pytest.fixture(scope="module")
def twins(
    platform: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[dict[str, str], Finished, float]]:
    """Two runs with one seed on two fresh topics, side by side: (settings, what came of it, when it ended)."""
    pairs = [(fresh(platform, LOGIN_ANOMALY_RATIO="0.1"), tmp_path_factory.mktemp("twin")) for _ in range(2)]
    args = ("--headless", "--only-summary", "-u", "20", "-r", "20", "-t", "8s")
    running = [LocustProcess(*args, env=env, cwd=cwd, file=LOGIN_FILE) for env, cwd in pairs]
    found = []
    for (env, _), process in zip(pairs, running, strict=True):
        with process:
            found.append((env, process.wait(), time.time()))
    return found


def login_run(env: dict[str, str], cwd: Path, *args: str) -> Finished:
    """A headless run of the logins to its end."""
    return run_locust("-r", "20", *args, env=env, cwd=cwd, file=LOGIN_FILE)


def assert_whole(done: Finished) -> None:
    """The ledger closes, and every offered login has one outcome."""
    assert done.ledger["state"] == "closed", (done.ledger, done.output)
    total = done.total(PRODUCE)
    assert total["offered"] == sum(total[outcome] for outcome in OUTCOMES)


def test_what_is_acknowledged_is_what_a_consumer_reads(twins: Any) -> None:
    """The topic holds exactly the acknowledged records; Confluent's deserializer reads six texts, keyed by account."""
    env, done, _ = twins[0]
    assert done.sound_code == 0, done.output
    assert_whole(done)
    topic = topic_of(env)
    assert len(topic.messages) == done.ledger["events_acknowledged"] == done.ledger["events_in_topic"]
    assert topic.count() == done.ledger["events_by_class"] == done.ledger["events_acknowledged_by_class"]
    assert len(topic.of("live")) == done.total(PRODUCE)["completed"] > 1000
    assert len(topic.of("backfill")) == 200 * 12
    for message in topic.messages:
        record = topic.record(message)
        assert tuple(record) == FIELDS
        assert all(isinstance(value, str) and value for value in record.values())
        assert message.key() == record["user_id"].encode()
    assert sorted(int(headers(m)[SEQUENCE]) for m in topic.messages) == list(range(len(topic.messages)))


def test_event_time_ends_at_now(twins: Any) -> None:
    """No login is of the future when it is written, and the last is of when the run ended; history is older."""
    env, done, _ = twins[0]
    topic, ended = topic_of(env), done.run["ended_at"]
    times = [(ms_from_timestamp(topic.record(m)["timestamp"]), m.timestamp()[1]) for m in topic.of("live")]
    assert all(event_ms <= written_ms for event_ms, written_ms in times)
    assert max(event_ms for event_ms, _ in times) / 1e3 > ended - SOON_S
    first = min(event_ms for event_ms, _ in times)
    history = [ms_from_timestamp(topic.record(m)["timestamp"]) for m in topic.of("backfill")]
    assert first - 15 * 86_400_000 < min(history)
    assert max(history) <= first


def labels_in_file(done: Finished) -> list[dict[str, Any]]:
    """labels.csv."""
    with (done.folder / "labels.csv").open() as file:
        return list(csv.DictReader(file))


def labels_by_rule(topic: Topic, since: int = 0) -> list[tuple[str, str, str, bool, int]]:
    """(user, timestamp, kind, scored, offset) of the rule over the whole of a topic, told from an offset on."""
    plan, labeller = AddressPlan(Geography(places())), Labeller()
    for message in topic.of("live", "late", "backfill"):
        record = topic.record(message)
        place = plan.find(record["ip"])
        assert place is not None
        at_ms = ms_from_timestamp(record["timestamp"])
        labeller.add(record["user_id"], at_ms, place.city, place.kind, message.offset())
    found = [(la.user_id, la.timestamp, la.kind, la.scored, la.ref) for la in labeller.finish() if la.ref >= since]
    return sorted(found)


def told(done: Finished) -> list[tuple[str, str, str, bool, int]]:
    """The same of labels.csv."""
    return sorted(
        (row["user_id"], row["timestamp"], row["kind"], row["scored"] == "True", int(row["offset"]))
        for row in labels_in_file(done)
    )


def test_labels_are_the_rule_and_go_to_their_topic(twins: Any) -> None:
    """labels.csv is what the rule says of the topic; the labels' topic has the same rows, readable by the registry."""
    env, done, _ = twins[0]
    assert told(done) == labels_by_rule(topic_of(env))
    assert {kind for _, _, kind, scored, _ in told(done) if scored} == {"impossible_travel", "unseen_country"}
    topic = topic_of(env, env["LOGIN_LABELS_TOPIC"])
    written = [topic.record(message) for message in topic.messages]
    assert {row.pop("run") for row in written} == {done.run["run_id"]}
    as_text = [{name: "" if value is None else str(value) for name, value in row.items()} for row in written]
    inside = [{name: row[name] for name in as_text[0]} for row in labels_in_file(done)]
    assert sorted(map(str, as_text)) == sorted(map(str, inside))


def journeys_of(env: dict[str, str]) -> dict[str, list[tuple[str, ...]]]:
    """{account: addresses and devices, login after login}."""
    topic = topic_of(env)
    found: dict[str, list[tuple[str, ...]]] = collections.defaultdict(list)
    for record in map(topic.record, topic.messages):
        found[record["user_id"]].append((record["ip"], record["device"], record["user_agent"]))
    return found


def test_the_same_seed_twice(twins: Any) -> None:
    """Two runs with one seed have the same people, who do the same things in the same order."""
    first, second = (journeys_of(env) for env, _, _ in twins)
    assert first.keys() == second.keys()
    assert all({one[:1] for one in first[who]} & {one[:1] for one in second[who]} for who in first)
    common = [zip(first[who], second[who], strict=False) for who in first]
    same = [[one == other for one, other in pair] for pair in common]
    assert sum(map(sum, same)) / sum(map(len, same)) > 0.9
    scored = [collections.Counter(k for _, _, k, is_scored, _ in told(done) if is_scored) for _, done, _ in twins]
    assert scored[0].keys() == scored[1].keys()


KCAT_LINE = "%p %o %k %S %h %s\n"
"""Partition, offset, key, size, headers, and what it unpacked of the value."""


def kcat(*args: str) -> str:
    """What kcat prints; installed if it is not there."""
    program = subprocess.run([ROOT / "scripts" / "install-kcat"], stdout=subprocess.PIPE, text=True, check=True)
    done = subprocess.run([program.stdout.strip(), *args], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


def test_kcat_reads_the_same(twins: Any) -> None:
    """A consumer of another make reads each record once, with its key, headers, size, magic byte and schema id.

    If it was built with Avro (Debian's is not), it also reads the same six texts of each by the registry's schema.
    """
    env, _, _ = twins[0]
    topic = topic_of(env)
    read = ("-C", "-b", env["KAFKA_BROKERS"], "-t", topic.name, "-o", "beginning", "-e", "-q")
    number = int.from_bytes((topic.messages[0].value() or b"")[1:5])
    wanted = {
        f"{m.partition()} {m.offset()} {(m.key() or b'').decode()} {len(m.value() or b'')}"
        f" {','.join(f'{name}={value}' for name, value in headers(m).items())} 0{number}"
        for m in topic.messages
    }
    lines = kcat(*read, "-s", "value=>bI", "-f", KCAT_LINE).splitlines()
    assert len(lines) == len(topic.messages)
    assert set(lines) == wanted
    if "Avro" in kcat("-V"):
        found = kcat(*read, "-s", "value=avro", "-r", env["SCHEMA_REGISTRY_URL"], "-f", "%s\n").splitlines()
        assert sorted(map(str, map(json.loads, found))) == sorted(str(topic.record(m)) for m in topic.messages)


def test_places_are_those_of_the_addresses(twins: Any) -> None:
    """login_places.csv has each city's logins of the run, its history left out, as the address table places them."""
    env, done, _ = twins[0]
    plan, topic = AddressPlan(Geography(places())), topic_of(env)
    found = [plan.find(topic.record(message)["ip"]) for message in topic.of("live", "late")]
    wanted = collections.Counter((place.city.name, place.city.country) for place in found if place)
    with (done.folder / "login_places.csv").open() as file:
        counted: collections.Counter[tuple[str, str]] = collections.Counter()
        for row in csv.DictReader(file):
            counted[row["city"], row["country"]] += int(row["logins"])
    assert counted == wanted
    assert counted.total() == done.total(PRODUCE)["completed"]


LATE_BY_S = 20


def test_disorder_is_counted_exactly(platform: dict[str, str], tmp_path: Path) -> None:
    """Late, duplicate and poisoned records are as many as the ratios say, in the ledger, in run.json and the topic."""
    ratios = {"LOGIN_LATE_RATIO": "0.1", "LOGIN_DUPLICATE_RATIO": "0.05", "LOGIN_POISON_RATIO": "0.08"}
    people = {"LOGIN_ACCOUNTS": "5000", "LOGIN_BACKFILL_DAYS": "0"}  # enough who were silent long enough to be late
    ratios |= {"LOGIN_LATE_BY_S": str(LATE_BY_S)}
    env = fresh(platform, **ratios, **people, LOGIN_GEN_EVERY_MS="20", RANDOM_SEED="7")
    done = login_run(env, tmp_path, "-u", "20", "-t", "4s")
    assert done.sound_code == 0, done.output
    assert_whole(done)
    topic = topic_of(env)
    logins = done.total(PRODUCE)["completed"]
    disorder = Disorder(7, 0, Ratios(late=0.1, duplicate=0.05, poison=0.08))
    wanted = collections.Counter(disorder.at(login) for login in range(logins))
    counts = topic.count()
    assert counts["live"] + counts["late"] == logins > 2000
    assert counts["late"] == wanted[Disturbance.LATE] > 150
    assert counts["duplicate"] == wanted[Disturbance.DUPLICATE] > 80
    assert counts["poison"] == wanted[Disturbance.POISON] > 120
    assert counts == done.ledger["events_by_class"] == done.ledger["events_acknowledged_by_class"]
    assert_disorder(topic)


def assert_disorder(topic: Topic) -> None:
    """Late ones are late, duplicates have their original, and nobody can read poison."""
    at = {id(m): i for i, m in enumerate(topic.messages)}
    for message in topic.of("late"):
        late_ms = message.timestamp()[1] - ms_from_timestamp(topic.record(message)["timestamp"])
        assert 1000 * LATE_BY_S <= late_ms < 1000 * (2 * LATE_BY_S + SOON_S)
    values = collections.Counter(m.value() for m in topic.of("live", "late"))
    for message in topic.of("duplicate"):
        assert values[message.value()] == 1
        assert topic.messages[at[id(message)] - 1].value() == message.value()
    for message in topic.of("poison"):
        with pytest.raises(Exception):  # noqa: B017, PT011 - each kind breaks in a way of its own
            topic.record(message)


def test_lateness_that_nobody_can_have_is_refused(platform: dict[str, str], tmp_path: Path) -> None:
    """Few accounts that log in all the time are never silent for long: told with what would do, before any load."""
    wrong = {"LOGIN_LATE_RATIO": "0.1", "LOGIN_LATE_BY_S": "60", "LOGIN_ACCOUNTS": "100", "LOGIN_GEN_EVERY_MS": "10"}
    done = login_run(fresh(platform, **wrong), tmp_path, "-u", "10", "-t", "30s")
    assert done.code == 5, done.output
    assert "LOGIN_LATE_RATIO is 0.1 and LOGIN_LATE_BY_S is 60: only an account that was silent" in done.output
    assert "Set LOGIN_ACCOUNTS or LOGIN_TIME_SCALE higher" in done.output or "LOGIN_LATE_BY_S to at most" in done.output
    assert not (tmp_path / "results").exists()


def test_the_closed_loop_keeps_its_window(platform: dict[str, str], tmp_path: Path) -> None:
    """With LOGIN_GEN_EVERY_MS=0 a window of 500 is filled again and again and not passed; all is acknowledged.

    By Little's law so many are outstanding on the average as come in the time that one takes; the one that is being
    made is no part of the window.
    """
    window = 500
    env = fresh(platform, LOGIN_GEN_EVERY_MS="0", LOGIN_IN_FLIGHT=str(window), LOGIN_BACKFILL_DAYS="0")
    done = login_run(env, tmp_path, "-u", "5", "-t", "2s")
    assert done.sound_code == 0, done.output
    assert_whole(done)
    total = done.total(PRODUCE)
    assert total["completed"] == len(messages_of(env, env["LOGIN_TOPIC"])) > 3 * window
    assert total["response_ms"] is None
    assert json.loads((done.folder / "login_counts.json").read_text())["back_pressure"] > 3
    service = total["service_ms"]
    lasted_ms = done.run["instrument"]["lasted_s"] * 1e3 + service["max"]  # those in flight at its end took longer
    assert total["completed"] * service["mean"] / lasted_ms <= window + 1
    assert done.run["instrument"]["loop_lag_ms"]["count"] > 0


def test_a_full_window_is_waited_for(platform: dict[str, str]) -> None:
    """Whoever hands over in bursts, and however many do: never more than the window is outstanding, and it is filled.

    Between two turns of the loop others get theirs: a timer beside five that never pause fires all the while.
    """
    topic = fresh(platform)["LOGIN_TOPIC"]
    producing = Producing(KafkaSettings(brokers=platform["KAFKA_BROKERS"]), "window", in_flight=100)
    acknowledged: list[bool] = []
    outstanding: list[int] = []
    ticks: list[int] = []

    def hand_over() -> None:
        while len(outstanding) < 10_000:
            producing.wait_for_room()
            for _ in range(producing.burst(64)):
                producing.send(topic, b"1", b"value", [], lambda error, _: acknowledged.append(error is None))
                outstanding.append(producing.in_flight)
            producing.give_turn()

    def tick() -> None:
        while True:
            ticks.append(len(outstanding))
            gevent.sleep(0.001)

    producing.start()
    ticking = gevent.spawn(tick)
    gevent.joinall([gevent.spawn(hand_over) for _ in range(5)], raise_error=True)
    assert producing.drain(TIMEOUT_S) == 0
    producing.close()
    ticking.kill()
    assert max(outstanding) == 100
    assert producing.full > 10
    assert acknowledged == [True] * len(outstanding)
    assert len(set(ticks)) > 10


def test_a_signal_drains_and_a_second_run_goes_on(platform: dict[str, str], tmp_path: Path) -> None:
    """SIGTERM loses nothing; a second run takes up the accounts where they are, and its labels know the first."""
    env = fresh(platform, LOGIN_GEN_EVERY_MS="20", LOGIN_ANOMALY_RATIO="0.1")
    args = ("--headless", "-u", "20", "-r", "20", "-t", "60s")
    with LocustProcess(*args, env=env, cwd=tmp_path, file=LOGIN_FILE) as locust:
        locust.wait_for("All users spawned")
        time.sleep(2)
        locust.signal(SIGTERM)
        first = locust.wait()
    assert first.sound_code == 0, first.output
    assert_whole(first)
    before = topic_of(env)
    assert len(before.messages) == first.ledger["events_acknowledged"]
    second = login_run(env, tmp_path, "-u", "20", "-t", "3s")
    assert second.sound_code == 0, second.output
    assert_whole(second)
    after = topic_of(env)
    assert len(after.messages) - len(before.messages) == second.ledger["events_acknowledged"] > 500
    assert set(second.ledger["events_by_class"]) == {"live"}
    assert second.ledger["events_of_others"] == 0
    assert told(second) == labels_by_rule(after, since=len(before.messages))
    assert {kind for _, _, kind, scored, _ in told(second) if scored} == {"impossible_travel", "unseen_country"}
    first_ms = min(ms_from_timestamp(after.record(m)["timestamp"]) for m in after.messages[len(before.messages) :])
    assert first_ms > max(ms_from_timestamp(after.record(m)["timestamp"]) for m in before.messages)


def test_a_sale_and_logins_in_one_run(platform: dict[str, str], database: dict[str, str], tmp_path: Path) -> None:
    """Two locustfiles make one results folder with both ledgers, both of which close."""
    make_shop(database, items=50)
    env = fresh({**platform, **database})
    both = f"{FLASHSALE},{LOGIN_FILE}"
    done = run_locust("-u", "20", "-r", "20", "-t", "4s", env=env, cwd=tmp_path, file=both)
    assert done.sound_code == 0, done.output
    ledger = json.loads((done.folder / "ledger.json").read_text())
    assert ledger["state"] == "closed"
    assert ledger["lines"] == rows(database, "SELECT count(*) FROM purchases")[0][0] > 100
    assert ledger["events_in_topic"] == len(messages_of(env, env["LOGIN_TOPIC"]))
    assert {"PG order.buy", PRODUCE} <= set(done.run["requests"])
    assert {path.name for path in (tmp_path / "results").iterdir()} == {"latest", done.folder.resolve().name}
