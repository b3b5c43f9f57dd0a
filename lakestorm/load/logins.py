"""The logins' part of a run: topics, schemas, people, history, one producer, what was acknowledged."""

from __future__ import annotations

import collections
import dataclasses
import functools
import json
import time
from typing import TYPE_CHECKING

from lakestorm.clients.avro_texts import TextEncoder
from lakestorm.clients.gazetteer import World
from lakestorm.clients.kafka import describe, make_topic, require_write
from lakestorm.clients.producing import Producing
from lakestorm.clients.registry import schema_id
from lakestorm.clients.topics import ends_of
from lakestorm.errors import PlatformError, SettingsError
from lakestorm.load.login_past import take_up
from lakestorm.load.measuring import Meter
from lakestorm.model.accounts import Accounts
from lakestorm.model.behaviour import Behaviour
from lakestorm.model.crowd import Crowd, Share
from lakestorm.model.disorder import Disorder, Disturbance, Ratios, poisoned
from lakestorm.model.event_time import Timeline
from lakestorm.model.journeys import Journeys
from lakestorm.model.login_schema import CLASS, LABEL, LOGIN, RUN, SEQUENCE, subject
from lakestorm.model.logins import Lines
from lakestorm.record.manifest import write_text
from lakestorm.record.references import AcknowledgedLines
from lakestorm.record.requests import Outcome
from lakestorm.verdict.topic_ledger import ENTRIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from confluent_kafka import KafkaError, Message

    from lakestorm.clients.producing import Report
    from lakestorm.load.part import RunContext
    from lakestorm.settings import Settings

PRODUCE = "KAFKA login.produce"
DRAIN_S = 35.0
"""Longer than a delivery may take: what is not acknowledged by then never will be."""
CHECK_ID = "lakestorm-check"
LET_GO = ("_PURGE_QUEUE", "_PURGE_INFLIGHT")
"""What librdkafka says of records that were in flight when the producer gave up."""
BEHIND_MS, BEHIND_SCALED_MS = 200_000, 1_000
"""Event time by which a record may stand behind one before it: late ones in any case, pairs by the clock's scale."""
RESENT_MS = 30_000
"""The same for what is sent again without idempotence, by the clock's scale."""


class LoginStream:
    """Logins as Avro under a schema registry."""

    name = "login"

    def __init__(self) -> None:
        self._world: World | None = None
        """Made before the clock runs: it takes a second, and is the same for every run."""
        self._schema_ids: dict[str, int] = {}
        """By topic. A registry that goes away after the start does no harm."""

    def vocabulary(self) -> Mapping[str, frozenset[str]]:
        """One request name, and the ledger's entries."""
        return {PRODUCE: frozenset(), "ledger": ENTRIES}

    def check(self, settings: Settings) -> dict[str, str]:
        """Brokers and registry answer, schemas are known, topics are there and can be written."""
        login = settings.login
        describe(settings.kafka, CHECK_ID)
        for topic in (login.topic, login.labels_topic):
            make_topic(settings.kafka, CHECK_ID, topic, {})
            require_write(settings.kafka, CHECK_ID, topic)
        for topic, schema in ((login.topic, LOGIN), (login.labels_topic, LABEL)):
            self._schema_ids[topic] = schema_id(settings.registry, subject(topic), schema)
        self._world = World()
        return {}

    def begin(self, context: RunContext) -> LoginRun:
        """Make the people, open the producer, write the history."""
        assert self._world is not None, "check comes first"  # noqa: S101 - Locust's init comes before its test_start
        return LoginRun(context, self._world, self._schema_ids)


class LoginRun:
    """See RunPart. Shared by all users of the process: journeys belong to accounts, not to users."""

    has_books = True

    def __init__(self, context: RunContext, world: World, schema_ids: Mapping[str, int]) -> None:
        self._context = context
        self._settings = settings = context.settings
        login = settings.login
        self._key = context.key.hex
        self._topic = login.topic
        self._sequence = self._live = 0
        self.acknowledged = AcknowledgedLines(context.folder / "logins.bin", self._key, 0)
        self.classes: collections.Counter[str] = collections.Counter()
        """Acknowledged records by class."""
        self._failed_beside: collections.Counter[str] = collections.Counter()
        """Records that are no request of a user's and were not acknowledged, by the error's name."""
        self.meter = Meter(context.recorder.add(PRODUCE, closed_loop=login.gen_every_ms == 0), context.environment)
        self._encode = TextEncoder(LOGIN, schema_ids[self._topic], once=("timestamp",))
        before = ends_of(settings.kafka, CHECK_ID, self._topic)
        self._began, self._began_ms = time.perf_counter(), int(time.time() * 1e3)
        """When event time begins to run: before past and history are dealt with, as Locust's own run time does."""
        self._timeline = self._time_of(None)
        self._crowd = crowd_of(settings, self._timeline, world)
        if any(first < end for first, end in before.values()):
            self._timeline = self._time_of(take_up(settings, CHECK_ID, before, world.plan, self._crowd.journeys))
        self._disorder = Disorder(settings.run.random_seed, 0, ratios_of(settings))
        self._producing = Producing(settings.kafka, f"lakestorm-{self._key}-0", login.in_flight)
        self._producing.start()
        self._write_baseline(before, schema_ids[login.labels_topic])
        self._write_history()

    def start(self) -> None:
        """Nothing goes on beside the users but the producer, which polls already."""

    def stop(self) -> None:
        """Wait for what is in flight; what is let go of counts as cancelled."""
        self._producing.drain(DRAIN_S)
        self._producing.close()
        counts = {
            "acknowledged": dict(self.classes),
            "failed_beside": dict(self._failed_beside),
            "back_pressure": self._producing.full,
            "sent": self._sequence,
        }
        write_text(self._context.folder / "login_counts.json", json.dumps(counts))
        self.acknowledged.close(self._sequence)

    def produce(self, intended: float, previous_end: float) -> float:
        """Hand over the next login, and what the disorder adds to it; when that was done, on the clock."""
        free = self._producing.wait_for_room()
        started = time.perf_counter()
        number, self._live = self._live, self._live + 1
        what = self._disorder.at(number)
        at_ms = self._timeline.at_ms(started - self._began)
        login = self._crowd.login(at_ms, late=what is Disturbance.LATE)
        value = self._encode(login.record)
        key = login.record["user_id"].encode()
        class_ = "late" if login.late else "live"
        moments = (intended, previous_end, free, started, time.perf_counter())
        report = functools.partial(self._answered, self._sequence, class_, moments)
        self._send(key, value, class_, report)
        if what is Disturbance.DUPLICATE:
            self._send_beside(key, value, "duplicate")
        elif what is Disturbance.POISON:
            self._send_beside(key, poisoned(self._disorder.poison_at(number), value), "poison")
        self._producing.give_turn()
        return time.perf_counter()

    def _send(self, key: bytes, value: bytes, class_: str, report: Report) -> None:
        headers: list[tuple[str, str | bytes | None]] = [
            (RUN, self._key), (SEQUENCE, str(self._sequence)), (CLASS, class_),
        ]  # fmt: skip
        self._sequence += 1
        self._producing.send(self._topic, key, value, headers, report)

    def _send_beside(self, key: bytes, value: bytes, class_: str) -> None:
        """A record that is no request of a user's: counted by class, and in the ledger."""
        self._send(key, value, class_, functools.partial(self._noted, self._sequence, class_))

    def _noted(self, sequence: int, class_: str, error: KafkaError | None, _message: Message | None) -> None:
        if error is None:
            self.acknowledged.bought(sequence)
            self.classes[class_] += 1
        else:
            self._failed_beside[error.name()] += 1

    def _answered(
        self,
        sequence: int,
        class_: str,
        moments: tuple[float, float, float, float, float],
        error: KafkaError | None,
        message: Message | None,
    ) -> None:
        """A delivery report; the answer's time is librdkafka's own, not that of our coming round to polling."""
        intended, previous_end, free, started, sent = moments
        if error is None and message is not None:
            self.acknowledged.bought(sequence)
            self.classes[class_] += 1
            ended = sent + (message.latency() or 0.0)
            self.meter.answered(intended, previous_end, free, started, ended, Outcome.COMPLETED, 0)
        elif error is not None and error.name() in LET_GO:
            self.meter.cut_off(intended, previous_end, free, started, time.perf_counter())
        elif error is not None:
            self.meter.failed(error.name(), intended, previous_end, free, started, time.perf_counter(), 0)

    def _time_of(self, last_ms: int | None) -> Timeline:
        """The run's event time. Raises SettingsError if it does not fit the clock or the topic's last event."""
        login = self._settings.login
        try:
            return Timeline.of(
                now_ms=self._began_ms,
                scale=login.time_scale,
                run_s=self._context.run_time_s,
                history_days=login.backfill_days,
                last_ms=last_ms,
            )
        except ValueError as error:
            raise SettingsError([str(error)]) from error

    def _write_baseline(self, before: Mapping[int, tuple[int, int]], label_schema_id: int) -> None:
        login = self._settings.login
        facts = {
            "run": self._key,
            "topic": self._topic,
            "labels_topic": login.labels_topic,
            "ends": {str(partition): end for partition, (_, end) in before.items()},
            "label_schema_id": label_schema_id,
            "acks": self._settings.kafka.acks,
            "behind_ms": behind_ms(self._settings),
            "timeline": dataclasses.asdict(self._timeline),
        }
        write_text(self._context.folder / "logins.json", json.dumps(facts))

    def _write_history(self) -> None:
        """Produce the days before the run, and wait for them: a detector learns from what is older than the first."""
        timeline = self._timeline
        for login in self._crowd.history(timeline.history_ms, timeline.origin_ms):
            self._producing.wait_for_room()
            self._send_beside(login.record["user_id"].encode(), self._encode(login.record), "backfill")
            self._producing.give_turn()
        self._producing.drain(DRAIN_S)
        if self._failed_beside:
            told = ", ".join(f"{name}: {count}" for name, count in self._failed_beside.items())
            raise PlatformError(
                f"The history could not be written to {self._topic} ({told} records). Look into the brokers' log,"
                " or do without a history (LOGIN_BACKFILL_DAYS=0)."
            )


def behind_ms(settings: Settings) -> int:
    """Event time by which a record of the run may stand behind one before it in its partition."""
    scaled_ms = BEHIND_SCALED_MS + (0 if settings.kafka.acks == "all" else RESENT_MS)
    return BEHIND_MS + int(scaled_ms * settings.login.time_scale)


def ratios_of(settings: Settings) -> Ratios:
    """The disorder that settings ask for."""
    login = settings.login
    return Ratios(late=login.late_ratio, duplicate=login.duplicate_ratio, poison=login.poison_ratio)


def crowd_of(settings: Settings, timeline: Timeline, world: World) -> Crowd:
    """The people of a run."""
    seed, login = settings.run.random_seed, settings.login
    journeys = Journeys(
        seed,
        world.geography,
        Lines(world.plan),
        Accounts(seed, world.geography, world.plan),
        Behaviour(
            anomaly_ratio=login.anomaly_ratio,
            anomaly_mix=login.anomaly_mix,
            hard_ratio=login.hard_ratio,
            hard_mix=login.hard_mix,
            domestic=login.domestic,
        ),
        live_ms=timeline.origin_ms,
        end_ms=timeline.end_ms,
        scale=login.time_scale,
        most_away=max(1, login.accounts // 10),
    )
    return Crowd(seed, Share(0, 1, login.accounts), journeys)
