"""The logins' part of a run: topics, schemas, people, history, one producer, what was acknowledged."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from lakestorm.clients.gazetteer import World
from lakestorm.clients.kafka import describe, make_topic, require_write
from lakestorm.clients.login_writing import LoginWriter
from lakestorm.clients.producing import Producing
from lakestorm.clients.registry import schema_id
from lakestorm.clients.topics import ends_of
from lakestorm.errors import PlatformError, SettingsError, UsageError
from lakestorm.load.login_crowd import behind_ms, crowd_of, ratios_of, refuse_lateness, too_few_late
from lakestorm.load.login_past import take_up
from lakestorm.load.login_receipts import NOTE, LiveReport, Receipts
from lakestorm.load.measuring import Meter
from lakestorm.model.crowd import HISTORY_LOGINS
from lakestorm.model.disorder import Disorder, Disturbance, poisoned
from lakestorm.model.event_time import Timeline
from lakestorm.model.login_schema import CLASS, CLASSES, LABEL, LOGIN, RUN, SEQUENCE, subject
from lakestorm.record.manifest import write_text
from lakestorm.record.references import AcknowledgedLines
from lakestorm.report.work_progress import work_progress
from lakestorm.verdict.topic_ledger import ENTRIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakestorm.clients.producing import Header, Report
    from lakestorm.load.part import RunContext
    from lakestorm.settings import Settings

PRODUCE = "KAFKA login.produce"
DRAIN_S = 35.0
"""Longer than a delivery may take: what is not acknowledged by then never will be."""
CHECK_ID = "lakestorm-check"
CLOCK, PACK = time.perf_counter, NOTE.pack
NONE, LATE = Disturbance.NONE, Disturbance.LATE
OF_CLASS: dict[str, Header] = {class_: (CLASS, class_) for class_ in CLASSES}
"""Headers that say a record's class."""
TOLD_EVERY = 1000
"""Records of the history from one word about it to the next."""


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
        if context.role.leads != context.role.loads:
            raise UsageError(
                "Logins across workers are not supported yet: one process owns all accounts and their order."
                " Run login.py without --master, --worker and --processes; a sale beside it may have workers."
            )
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
        self._of_run: Header = (RUN, self._key)
        self._sequence = self._live = 0
        self.acknowledged = AcknowledgedLines(context.folder / "logins.bin", self._key, 0)
        self.meter = Meter(context.recorder.add(PRODUCE, closed_loop=login.gen_every_ms == 0), context.environment)
        self._receipts = Receipts(self.acknowledged, self.meter)
        self._write = LoginWriter(schema_ids[self._topic])
        before = ends_of(settings.kafka, CHECK_ID, self._topic)
        has_past = any(first < end for first, end in before.values())
        refuse_lateness(settings, context.users, context.run_time_s, has_past=has_past)
        self._began, self._began_ms = time.perf_counter(), int(time.time() * 1e3)
        """When event time begins to run: set anew once past and history are dealt with."""
        self._timeline = self._time_of(None)
        self._crowd = crowd_of(settings, self._timeline, world)
        if has_past:
            self._timeline = self._time_of(take_up(settings, CHECK_ID, before, world.plan, self._crowd.journeys))
        self._disorder = Disorder(settings.run.random_seed, 0, ratios_of(settings))
        self._is_calm = self._disorder.is_none
        self._producing = Producing(settings.kafka, f"lakestorm-{self._key}-0", login.in_flight, self._receipts.settle)
        self._producing.start()
        self._facts = self._baseline(before, schema_ids[login.labels_topic])
        self._write_facts()
        try:
            self._write_history()
        except BaseException:
            self.abandon()
            raise

    def start(self) -> None:
        """Event time begins behind the history, and ends at the wall clock's now however long that took to write."""
        self._began = self._context.clock_origin()
        since_s = time.perf_counter() - self._began  # a moment: but nothing is to be of the future, not by so much
        self._timeline = self._timeline.begun(int((time.time() - since_s) * 1e3) - self._began_ms)
        self._crowd.journeys.end_ms = self._timeline.end_ms
        self._write_facts()

    def abandon(self) -> None:
        """Let go of the brokers and of what is in flight."""
        self._producing.drain(0)
        self._producing.close()
        self.acknowledged.close(0)

    def stop(self) -> None:
        """Wait for what is in flight; what is let go of counts as cancelled."""
        self._producing.drain(DRAIN_S)
        self._producing.close()
        if self._crowd.owed:
            print(too_few_late(self._crowd.owed), file=sys.stderr, flush=True)
        counts = {
            "acknowledged": dict(self._receipts.classes),
            "failed_beside": dict(self._receipts.failed_beside),
            "back_pressure": self._producing.full,
            "sent": self._sequence,
            "late_owed": self._crowd.owed,
        }
        write_text(self._context.folder / "login_counts.json", json.dumps(counts))
        self.acknowledged.close(self._sequence)

    def produce(self, intended: float, previous_end: float, most: int = 1) -> float:
        """Hand over the next login, and what the disorder adds to it; when that was done, on the clock.

        In a closed loop `most` logins, each intended when the one before was handed over; fewer if the window is full.
        """
        receipts, free = self._receipts, self._producing.wait_for_room()
        started = CLOCK()
        for _ in range(self._producing.burst(most)):
            number, self._live = self._live, self._live + 1
            what = NONE if self._is_calm else self._disorder.at(number)
            login = self._crowd.login(self._timeline.at_ms(started - self._began), late=what is LATE)
            key, value = self._write(login)
            sent = CLOCK()
            if login.late:
                moments = intended, previous_end, free, started, sent
                self._send(key, value, "late", partial(receipts.request, "late", self._sequence, moments))
            else:
                noted = PACK(self._sequence, intended, previous_end, free, started, sent)
                self._send(key, value, "live", LiveReport(receipts, noted))
            if what is not NONE:
                self._disturb(number, what, key, value)
            intended = previous_end = started = sent  # no other reading of the clock: each is a hundredth of the whole
        self._producing.give_turn()
        return CLOCK()

    def _disturb(self, number: int, what: Disturbance, key: bytes, value: bytes) -> None:
        if what is Disturbance.DUPLICATE:
            self._send_beside(key, value, "duplicate")
        elif what is Disturbance.POISON:
            self._send_beside(key, poisoned(self._disorder.poison_at(number), value), "poison")

    def _send(self, key: bytes, value: bytes, class_: str, report: Report) -> None:
        sequence = self._sequence
        self._sequence = sequence + 1
        headers = [self._of_run, (SEQUENCE, str(sequence)), OF_CLASS[class_]]
        self._producing.send(self._topic, key, value, headers, report)

    def _send_beside(self, key: bytes, value: bytes, class_: str) -> None:
        """A record that is no request of a user's: counted by class, and in the ledger."""
        self._send(key, value, class_, partial(self._receipts.beside, class_, self._sequence))

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

    def _baseline(self, before: Mapping[int, tuple[int, int]], label_schema_id: int) -> dict[str, Any]:
        """What the topic was before the run; an audit needs it."""
        login = self._settings.login
        return {
            "run": self._key,
            "topic": self._topic,
            "labels_topic": login.labels_topic,
            "ends": {str(partition): end for partition, (_, end) in before.items()},
            "label_schema_id": label_schema_id,
            "acks": self._settings.kafka.acks,
            "behind_ms": behind_ms(self._settings),
        }

    def _write_facts(self) -> None:
        facts = {**self._facts, "timeline": dataclasses.asdict(self._timeline)}
        write_text(self._context.folder / "logins.json", json.dumps(facts))

    def _write_history(self) -> None:
        """Produce the days before the run, and wait for them: a detector learns from what is older than the first."""
        timeline = self._timeline
        with work_progress("Writing history") as told:
            for login in self._crowd.history(timeline.history_ms, timeline.origin_ms):
                self._producing.wait_for_room()
                self._send_beside(*self._write(login), "backfill")
                self._producing.give_turn()
                if not self._sequence % TOLD_EVERY:
                    told(self._sequence, self._settings.login.accounts * HISTORY_LOGINS)
            self._producing.drain(DRAIN_S)
        if self._receipts.failed_beside:
            failures = ", ".join(f"{name}: {count}" for name, count in self._receipts.failed_beside.items())
            raise PlatformError(
                f"The history could not be written to {self._topic} ({failures} records). Look into the brokers' log,"
                " or do without a history (LOGIN_BACKFILL_DAYS=0)."
            )
