"""How long does a committed order take until it is in Kafka? Marked orders are sent that way and waited for.

A schedule that nothing holds up says when each is due. Several committers take turns, so that one slow commit does not
delay the next; one listener reads the topic from where it ended before the first. What is not seen within its time-out
has failed. When the run ends, canaries go on until one that was sent after that moment has come, for then the pipeline
is empty, or until the time-out.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from typing import TYPE_CHECKING, Any

import psycopg2

from lakestorm.clients.change_source import clock_offset, schema_of
from lakestorm.clients.debezium import Envelopes, change_of, moments_of
from lakestorm.clients.marks import place_of, write_mark
from lakestorm.clients.postgres import CONNECT_FAILED, connect, is_lost, open_backend, sqlstate_of
from lakestorm.clients.topics import ends_if_there, follow
from lakestorm.errors import LakestormError
from lakestorm.model.orders import CANARY_PROCESS
from lakestorm.probes.aviary import NAME, TYPE, Aviary
from lakestorm.record.canaries import Flight, Stamps
from lakestorm.record.manifest import write_text
from lakestorm.record.references import AcknowledgedLines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from confluent_kafka import Message

    from lakestorm.clients.postgres import Backend
    from lakestorm.model.orders import RunKey
    from lakestorm.probes.stream import Tell
    from lakestorm.settings import Settings

COMMITTERS = 4
"""Commits that may be under way at once; while all of these hang, more that are due wait, and their wait counts."""
PAUSE_S = 0.2
LOOK_EVERY_S = 0.02
AT_ONCE = 200
"""Records that are read between two looks at the clock: during a bulge, what came first must not wait for the rest."""
STRAGGLE_S = 0.5
"""Between partitions one record may overtake another by the time of a request to the brokers."""
MARK_CHARS = 23
"""Characters of a reference that all canaries of a run share."""
STAMPED_BY = {1: "CreateTime", 2: "LogAppendTime"}
"""Who stamps a record: its producer, or the broker."""


class Canary:
    """See Companion.

    Its connections are opened when it is made, before the run begins.

    Args:
        settings: of database, brokers and pipeline.
        key: the run's.
        folder: of its results.
        tell: takes messages for the run.
        clock: seconds, monotonic; shared with the run.

    Raises:
        LakestormError: database or brokers do not answer.
    """

    requests: Sequence[str] = (f"{TYPE} {NAME}",)

    def __init__(
        self, settings: Settings, key: RunKey, folder: Path, tell: Tell, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._settings = settings
        self._key = key
        self._folder = folder
        self._clock = clock
        self._every_s = settings.pipeline.canary_every_ms / 1e3
        self._timeout_s = settings.pipeline.canary_timeout_s
        self._prefix = key.prefix(CANARY_PROCESS)
        self._mark = self._prefix.text[:MARK_CHARS].encode()
        self._acknowledged = AcknowledgedLines(folder / "orders-canary.bin", key.hex, CANARY_PROCESS)
        self._aviary = Aviary(tell, self._acknowledged, clock)
        self._due: queue.SimpleQueue[Flight | None] = queue.SimpleQueue()
        self._over = threading.Event()
        self._count = 0
        self._stamped_by = ""
        self._senders: list[threading.Thread] = []
        self._find()

    def _find(self) -> None:
        """Where orders go and where they come out, and the topic's end."""
        backend = connect(self._settings.postgres, application_name=self._application, autocommit=True)
        self._place = place_of(backend)
        self._topic = f"{self._settings.pipeline.cdc_topic_prefix}.{schema_of(backend, 'purchases')}.purchases"
        self._offset = clock_offset(backend)
        backend.close()
        self._envelopes = Envelopes(self._settings.registry, self._topic)
        self._next = {partition: end for partition, (_, end) in (self._ends() or {}).items()}

    def start(self) -> None:
        """See Companion."""
        threading.Thread(target=self._listen, name="canary listener", daemon=True).start()
        self._senders = [
            threading.Thread(target=work, name="canary sender", daemon=True)
            for work in (self._schedule, *[self._commit_for_ever] * COMMITTERS)
        ]
        for thread in self._senders:
            thread.start()

    def finish(self) -> None:
        """See Companion."""
        ending = self._clock()
        while self._aviary.latest_sent <= ending and self._clock() - ending < self._timeout_s:
            time.sleep(LOOK_EVERY_S)
        drained, drain_s = self._aviary.latest_sent > ending, self._clock() - ending
        self._over.set()
        for thread in self._senders:
            thread.join(STRAGGLE_S)
        until = self._clock() + STRAGGLE_S
        while self._aviary and self._clock() < until:
            time.sleep(LOOK_EVERY_S)
        self._aviary.cut_short()
        self._write({"drained_after_s": round(drain_s, 3) if drained else None})

    @property
    def _application(self) -> str:
        return f"lakestorm {self._key.hex} canary"

    def _schedule(self) -> None:
        """Let each go when it is due, whatever became of those before; those that were missed go at once."""
        due = self._clock() + self._every_s
        while not self._over.wait(max(0.0, due - self._clock())):
            flight = Flight(number=self._count, intended=due, woke=self._clock())
            self._count += 1
            self._aviary.add(flight)
            self._due.put(flight)
            self._aviary.expire(self._timeout_s)
            due += self._every_s
        for _ in range(COMMITTERS):
            self._due.put(None)

    def _commit_for_ever(self) -> None:
        backend: Backend | None = None
        while (flight := self._due.get()) is not None:
            if not self._aviary.awaits(flight):
                continue
            try:
                if backend is None or is_lost(backend):
                    backend = open_backend(self._settings.postgres, self._application)
            except psycopg2.Error:
                self._aviary.failed(flight, CONNECT_FAILED)
                continue
            self._commit(backend, flight)
        if backend is not None:
            backend.close()

    def _commit(self, backend: Backend, flight: Flight) -> None:
        """The row first, in its transaction; what is timed is the commit, from its sending."""
        try:
            write_mark(backend, self._place, self._prefix.reference(flight.number))
            flight.sent_at, flight.sent = time.time(), self._clock()
            backend.commit()
        except psycopg2.Error as error:
            if flight.sent is not None and is_lost(backend):
                self._aviary.doubted(flight)
                return
            if not is_lost(backend):
                backend.rollback()
            self._aviary.failed(flight, sqlstate_of(error))
        else:
            self._aviary.answered(flight)

    def _listen(self) -> None:
        """Read until the process ends; a topic that is away is tried again from where it was left."""
        client_id = f"lakestorm-canary-{self._key.hex}"
        while True:
            try:
                while (marks := self._ends()) is None:
                    time.sleep(PAUSE_S)
                starts = {partition: self._next.get(partition, first) for partition, (first, _) in marks.items()}
                for batch in follow(self._settings.kafka, client_id, self._topic, starts, AT_ONCE):
                    self._look_through(batch, self._clock(), time.time())
            except LakestormError:
                time.sleep(PAUSE_S)  # canaries that nobody sees meanwhile say so by their time-out

    def _look_through(self, batch: list[Message], seen: float, seen_at: float) -> None:
        for message in batch:
            self._next[message.partition() or 0] = (message.offset() or 0) + 1
            value = message.value()
            if value is not None and self._mark in value:
                self._see(message, value, seen, seen_at)

    def _see(self, message: Message, value: bytes, seen: float, seen_at: float) -> None:
        envelope: dict[str, Any] = self._envelopes(value)
        change = change_of(self._key, envelope, message)
        if change is None or change.process != CANARY_PROCESS:
            return
        self._stamped_by = STAMPED_BY.get(message.timestamp()[0], "nobody")
        self._aviary.seen(change.number, seen, Stamps(*moments_of(envelope, message), seen_at))

    def _ends(self) -> dict[int, tuple[int, int]] | None:
        return ends_if_there(self._settings.kafka, f"lakestorm-canary-{self._key.hex}", self._topic)

    def _write(self, facts: dict[str, Any]) -> None:
        """What the audit and the report need."""
        facts |= {
            "every_ms": self._settings.pipeline.canary_every_ms,
            "timeout_s": self._timeout_s,
            "records_stamped_by": self._stamped_by,
            "postgres_clock_ms": self._offset,
        }
        write_text(self._folder / "canary.json", json.dumps(self._aviary.account.summary(facts), indent=1) + "\n")
        doubts = [[number, False, False] for number in self._aviary.doubts]
        write_text(self._folder / "in_doubt-canary.json", json.dumps(doubts))
        self._acknowledged.close(self._count)
