"""The logins' part of a run: topics, schemas, people, history, one producer, what was acknowledged."""

from __future__ import annotations

import collections
import dataclasses
import json
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

import gevent

from lakestorm.clients.gazetteer import World
from lakestorm.clients.kafka import describe, make_topic, require_write
from lakestorm.clients.login_writing import LoginWriter
from lakestorm.clients.producing import Producing
from lakestorm.clients.registry import schema_id
from lakestorm.errors import PlatformError
from lakestorm.load.login_beginning import CHECK_ID, NAME, Beginning, facts_of, share_of
from lakestorm.load.login_crowd import crowd_of, ratios_of, too_few_late
from lakestorm.load.login_part import PRODUCE, LateLogins, LoginPart
from lakestorm.load.login_past import take_up
from lakestorm.load.login_receipts import NOTE, LiveReport, Receipts
from lakestorm.model.crowd import HISTORY_LOGINS
from lakestorm.model.disorder import Disorder, Disturbance, poisoned
from lakestorm.model.login_schema import CLASS, CLASSES, LABEL, LOGIN, RUN, SEQUENCE, sequence_of, subject
from lakestorm.record.manifest import write_text
from lakestorm.record.references import AcknowledgedLines
from lakestorm.report.work_progress import work_progress
from lakestorm.verdict.topic_ledger import ENTRIES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lakestorm.clients.producing import Header, Report
    from lakestorm.load.part import RunContext
    from lakestorm.model.crowd import Share
    from lakestorm.settings import Settings

DRAIN_S = 35.0
"""Longer than a delivery may take: what is not acknowledged by then never will be."""
CLOCK, PACK = time.perf_counter, NOTE.pack
NONE, LATE = Disturbance.NONE, Disturbance.LATE
OF_CLASS: dict[str, Header] = {class_: (CLASS, class_) for class_ in CLASSES}
"""Headers that say a record's class."""
TOLD_EVERY = 1000
"""Records of the history from one word about it to the next."""


class LoginStream:
    """Logins as Avro under a schema registry."""

    name = NAME

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

    def begin(self, context: RunContext) -> LoginPart:
        """Make the people, open the producer; who leads writes the history."""
        assert self._world is not None, "check comes first"  # noqa: S101 - Locust's init comes before its test_start
        share = share_of(context.role, context.shares(), context.settings.login.accounts)
        if share is None:
            return LateLogins(context)
        return LoginRun(context, share, self._world, self._schema_ids)


class LoginRun(LoginPart):
    """Shared by all users of the process: journeys belong to accounts, not to users.

    Args:
        context: of the run.
        share: which accounts are this process's.
        world: where they live.
        schema_ids: by topic.
    """

    has_books = True

    def __init__(self, context: RunContext, share: Share, world: World, schema_ids: Mapping[str, int]) -> None:
        super().__init__(context)
        self._context = context
        self._settings = settings = context.settings
        self._role = role = context.role
        login = settings.login
        self._key = context.key.hex
        self._topic = login.topic
        self._of_run: Header = (RUN, self._key)
        self._first = sequence_of(role.process, 0)
        self._number = self._live = 0
        """Of the next record of this process, and of the next login of its users."""
        self.acknowledged = AcknowledgedLines(context.folder / role.file("logins.bin"), self._key, role.process)
        self._receipts = Receipts(self.acknowledged, self.meter)
        self._write = LoginWriter(schema_ids[self._topic])
        self._beginning = Beginning.decided(context) if role.leads else Beginning.told(context.orders[NAME])
        self._began = time.perf_counter()
        """When event time begins to run: set anew once past and history are dealt with."""
        self._timeline = self._beginning.timeline
        self._crowd = crowd_of(settings, self._timeline, world, share)
        self._disorder = Disorder(settings.run.random_seed, share.number, ratios_of(settings))
        self._is_calm = self._disorder.is_none
        client_id = f"lakestorm-{self._key}-{role.process}"
        self._producing = Producing(settings.kafka, client_id, login.in_flight, self._receipts.settle)
        self._producing.start()
        try:
            self._take_up_past(share, world)
            if role.leads:
                context.orders[NAME] = self._beginning.orders()
                self._facts = facts_of(settings, self._key, self._beginning, schema_ids[login.labels_topic])
                self._write_facts()
                self._write_history()
            else:
                self._remember_history()
            if not role.loads:
                self._producing.close()
        except BaseException:
            self.abandon()
            raise

    def start(self) -> None:
        """Event time begins behind the history, at the same moment in all processes."""
        self._began, now = self._context.clock_origin(), time.perf_counter()
        own_started_at = time.time() - (now - self._began)
        self._timeline = self._beginning.begun(self._context.started_at(), own_started_at)
        self._crowd.journeys.end_ms = self._timeline.end_ms
        if self._role.leads:
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
        counts = {
            "acknowledged": dict(self._receipts.classes),
            "failed_beside": dict(self._receipts.failed_beside),
            "back_pressure": self._producing.full,
            "sent": self._number,
            "late_owed": self._crowd.owed,
        }
        write_text(self._context.folder / self._role.file("login_counts.json"), json.dumps(counts))
        self.acknowledged.close(self._number)
        if self._role.leads and (owed := late_owed(self._context.folder)):
            print(too_few_late(owed), file=sys.stderr, flush=True)

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
                self._send(key, value, "late", partial(receipts.request, "late", self._number, moments))
            else:
                noted = PACK(self._number, intended, previous_end, free, started, sent)
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
        number = self._number
        self._number = number + 1
        headers = [self._of_run, (SEQUENCE, str(self._first + number)), OF_CLASS[class_]]
        self._producing.send(self._topic, key, value, headers, report)

    def _send_beside(self, key: bytes, value: bytes, class_: str) -> None:
        """A record that is no request of a user's: counted by class, and in the ledger."""
        self._send(key, value, class_, partial(self._receipts.beside, class_, self._number))

    def _take_up_past(self, share: Share, world: World) -> None:
        """Runs before this one left every account somewhere; event time goes on behind the last of them."""
        if not self._beginning.has_past:
            return
        journeys, before = self._crowd.journeys, self._beginning.before
        whose = None if self._role.leads else share
        last_ms = take_up(self._settings, CHECK_ID, before, world.plan, journeys, whose)
        if self._role.leads:
            self._beginning = self._beginning.behind(self._context, last_ms)
            self._timeline = self._beginning.timeline

    def _write_facts(self) -> None:
        timeline, shares = dataclasses.asdict(self._timeline), self._context.shares()
        facts = {**self._facts, "timeline": timeline, "shares": shares}
        write_text(self._context.folder / "logins.json", json.dumps(facts))

    def _write_history(self) -> None:
        """Produce the days before the run, and wait for them: a detector learns from what is older than the first."""
        timeline = self._timeline
        with work_progress("Writing history") as told:
            for login in self._crowd.history(timeline.history_ms, timeline.origin_ms):
                self._producing.wait_for_room()
                self._send_beside(*self._write(login), "backfill")
                self._producing.give_turn()
                if not self._number % TOLD_EVERY:
                    told(self._number, self._settings.login.accounts * HISTORY_LOGINS)
            self._producing.drain(DRAIN_S)
        if self._receipts.failed_beside:
            failures = ", ".join(f"{name}: {count}" for name, count in self._receipts.failed_beside.items())
            raise PlatformError(
                f"The history could not be written to {self._topic} ({failures} records). Look into the brokers' log,"
                " or do without a history (LOGIN_BACKFILL_DAYS=0)."
            )

    def _remember_history(self) -> None:
        """Where the history that the leader has written left this process's accounts: it is drawn once more.

        In a thread: of many accounts it takes minutes, and the master counts on a sign of life every few seconds.
        """
        history = self._crowd.history(self._timeline.history_ms, self._timeline.origin_ms)
        gevent.get_hub().threadpool.apply(collections.deque, (history, 0))


def late_owed(folder: Path) -> int:
    """How many logins that were to be late were not, in all processes of the run."""
    counts = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("login_counts*.json")]
    return sum(of["late_owed"] for of in counts)
