"""The audit of a run's changes: what Debezium brought to its topic, against what was committed in the database.

The topic is followed from where it ended when the run began, until everything is there, or is known to be lost, or has
had its time.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from lakestorm.clients.change_source import slot_of
from lakestorm.clients.connect import Connect
from lakestorm.clients.debezium import Envelopes, change_of
from lakestorm.clients.postgres import connect
from lakestorm.clients.topics import ends_if_there, follow
from lakestorm.errors import LakestormError
from lakestorm.model.orders import CLOSING_PROCESS
from lakestorm.verdict.change_ledger import ChangesSeen, change_balance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from confluent_kafka import Message

    from lakestorm.model.orders import RunKey
    from lakestorm.report.order_audit import OrdersAudited
    from lakestorm.settings import PipelineSettings, Settings
    from lakestorm.verdict.across import Held

EVIDENCE = "cdc.json"
"""Without this file a run did not look at its changes."""
LOOK_EVERY_S = 0.5
GRACE_S = 3.0
"""Between partitions records overtake each other by the time of a request to the brokers, and no more."""
LAST_LINE_S = 10.0
"""What the run's last line has at least: it was committed after the run had waited for slot and canary."""
FIRST_S = 30.0
"""What the brokers may take to give what the topic held when the audit began."""


def audit_changes(
    folder: Path, settings: Settings, orders: OrdersAudited, read: Callable[[int, int], None]
) -> dict[str, Any]:
    """The ledger of the topic.

    Args:
        folder: the run's.
        settings: of brokers and pipeline.
        orders: what was committed.
        read: is told how many of how many lines have come.

    Raises:
        PlatformError: the topic cannot be read, or holds something else.
    """
    facts = json.loads((folder / EVIDENCE).read_text(encoding="utf-8"))
    starts = {int(partition): offset for partition, offset in facts["starts"].items()}
    pipeline = settings.pipeline
    counts = {process: len(held.present) for process, held in orders.committed.items()}
    reader = Reader(
        orders.key, Envelopes(settings.registry, facts["topic"]), ChangesSeen(counts, pipeline.cdc_late_after_ms / 1e3)
    )
    wait = Wait(orders.committed, reader, patience_s(folder, pipeline.cdc_settle_s, time.time()), read)
    client_id = f"lakestorm-audit-{facts['run']}"
    while (marks := ends_if_there(settings.kafka, client_id, facts["topic"])) is None and not wait.is_over():
        time.sleep(LOOK_EVERY_S)
    if marks is not None:
        for batch in follow(settings.kafka, client_id, facts["topic"], from_where(starts, marks)):
            reader.read(batch)
            wait.heard(marks, is_silent=not batch)
            if wait.is_over():
                break
    behind = wait.behind and f"{wait.behind}{culprits(settings)}"
    return change_balance(orders.key, orders.committed, reader.seen, topic=facts["topic"], behind=behind)


def patience_s(folder: Path, settle_s: float, now_s: float) -> float:
    """How much longer changes may take that have `settle_s` from the load's end on; a run that was killed had none.

    What the run has waited already, for slot, consumers and canary, is not waited again.
    """
    path = folder / "run.json"
    ended_at = json.loads(path.read_text(encoding="utf-8"))["ended_at"] if path.exists() else None
    left_s = settle_s if ended_at is None else ended_at + settle_s - now_s
    return float(min(settle_s, max(left_s, LAST_LINE_S)))


def from_where(starts: Mapping[int, int], marks: Mapping[int, tuple[int, int]]) -> dict[int, int]:
    """{partition: offset} to read from; a topic that was made anew since the run began is read whole.

    Partitions that came later are read whole too.
    """
    is_anew = any(partition not in marks or marks[partition][1] < start for partition, start in starts.items())
    return {p: max(first, 0 if is_anew else starts.get(p, 0)) for p, (first, _) in marks.items()}


class Reader:
    """Takes records in the order of their partitions.

    Args:
        key: the run's.
        envelopes: reads values.
        seen: counts this run's changes.
    """

    def __init__(self, key: RunKey, envelopes: Envelopes, seen: ChangesSeen) -> None:
        self.seen = seen
        self.next: dict[int, int] = {}
        """{partition: offset of what comes next}."""
        self._key = key
        self._envelopes = envelopes

    def read(self, batch: Iterable[Message]) -> None:
        """Count a batch; tombstones and other runs' rows are told apart."""
        changes = []
        for message in batch:
            self.next[message.partition() or 0] = (message.offset() or 0) + 1
            value = message.value()
            if value is None:
                self.seen.counts["tombstones"] += 1
                continue
            change = change_of(self._key, self._envelopes(value), message)
            if change is None:
                self.seen.counts["of_others"] += 1
            else:
                changes.append(change)
        self.seen.add(changes)


class Wait:
    """Knows when there is nothing more to wait for.

    Args:
        committed: what shall come.
        reader: what came.
        limit_s: for how long; looked at only where nothing waits to be read, and once all was read that was there.
        tell: see audit_changes.
        clock: seconds, monotonic.

    Attributes:
        behind: why what is missing may still come, as half a sentence; empty if it would have come by now.
    """

    def __init__(
        self,
        committed: Mapping[int, Held],
        reader: Reader,
        limit_s: float,
        tell: Callable[[int, int], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.behind = ""
        self._committed = {process: held for process, held in committed.items() if held.present.any()}
        self._total = sum(int(held.present.sum()) for held in self._committed.values())
        self._reader = reader
        self._limit_s = limit_s
        self._tell = tell
        self._clock = clock
        self._began = self._next_look = clock()
        self._closed_at: float | None = None
        self._read_all = False
        self._is_silent = True

    def heard(self, marks: Mapping[int, tuple[int, int]], *, is_silent: bool) -> None:
        """A batch was read, or none was there.

        Args:
            marks: {partition: (first offset, next offset)} when the audit began: what must be read in any case.
            is_silent: whether nothing was there.
        """
        self._is_silent = is_silent
        self._read_all = self._read_all or all(
            self._reader.next.get(partition, first) >= end or (is_silent and first >= end)
            for partition, (first, end) in marks.items()
        )

    def is_over(self) -> bool:
        """Whether to wait no longer."""
        now = self._clock()
        if now < self._next_look:
            return False
        self._next_look = now + LOOK_EVERY_S
        came, is_whole = self._progress()
        self._tell(came, self._total)
        if is_whole:
            return self._read_all or self._is_silent
        if not self._is_silent:
            return False
        if self._closed_at is None and self._is_closed():
            self._closed_at = now
        if self._closed_at is not None and now - self._closed_at >= GRACE_S:
            return True
        if now - self._began < (self._limit_s if self._read_all else max(self._limit_s, FIRST_S)):
            return False
        self.behind = f"{came} of {self._total} were there after {now - self._began:.0f} s"
        return True

    def _progress(self) -> tuple[int, bool]:
        """How many lines have come, and whether all have, with their cancellations."""
        held = self._reader.seen.held()
        came, is_whole = 0, True
        for process, here in self._committed.items():
            size = len(here.present)
            there = held[process]
            came += int((here.present & there.present[:size]).sum())
            undone = here.present & here.cancelled & ~there.cancelled[:size]
            is_whole = is_whole and not undone.any()
        return came, is_whole and came == self._total

    def _is_closed(self) -> bool:
        """Whether the run's last line has come."""
        closing = self._reader.seen.held().get(CLOSING_PROCESS)
        return closing is not None and bool(closing.present[:1].any())


def culprits(settings: Settings) -> str:
    """What is wrong with slot and connector, as a further half of a sentence; empty if nothing is seen to be."""
    return "".join(f"; {words}" for words in (slot_in_words(settings), connector_in_words(settings.pipeline)) if words)


def slot_in_words(settings: Settings) -> str:
    """How the replication slot is."""
    name = settings.pipeline.replication_slot
    if not name:
        return ""
    backend = connect(settings.postgres, application_name="lakestorm audit", autocommit=True)
    slot = slot_of(backend, name)
    backend.close()
    if slot is None:
        return f"the replication slot {name} is gone"
    if slot.wal_status == "lost":
        return f"the replication slot {name} has lost its log (wal_status lost)"
    reader = "" if slot.is_active else ", and nobody reads it"
    lag = "" if slot.lag_bytes is None else f" is {slot.lag_bytes} bytes behind"
    return f"the replication slot {name}{lag}{reader}" if lag or reader else ""


def connector_in_words(pipeline: PipelineSettings) -> str:
    """How the connector is, where it does not run; empty if it does, or if nobody said where to ask."""
    if not (pipeline.connect_url and pipeline.connector_name):
        return ""
    try:
        with Connect(pipeline.connect_url) as client:
            status = client.status(pipeline.connector_name)
    except LakestormError as error:
        return f"its connector cannot be asked: {str(error).rstrip('.')}"
    if status.is_running:
        return ""
    states = ", ".join([status.connector.state, *(task.state for task in status.tasks.values())])
    return f"the connector {pipeline.connector_name} is {states}" + (f": {status.reason}" if status.reason else "")
