"""What a change stream holds of a run's lines: each once, again by the same log position, out of order, late.

Debezium delivers at least once: after a crash it sends again what it does not know to have sent. Such a record has the
position in the write-ahead log (LSN) of its first delivery; a record with another one is another change.
Memory: nine bytes a line number, of each process.
"""

from __future__ import annotations

import array
import collections
from typing import TYPE_CHECKING, Any

import numpy as np

from lakestorm.record.changes import CREATED, DELETED, SNAPSHOT, Change
from lakestorm.record.histograms import Histogram
from lakestorm.verdict.across import ENTRIES as ACROSS
from lakestorm.verdict.across import WRONG as WRONG_ACROSS
from lakestorm.verdict.across import Held, Side, across
from lakestorm.verdict.ledger import SAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lakestorm.model.orders import RunKey

NAME = "cdc"
WRONG = {
    "duplicate": "{n} lines were inserted more than once",
    "reordered": "{n} lines stand in the topic behind their own cancellation",
}
"""What makes the books not balance beside what all sides have, as a sentence."""
COUNTS = (*WRONG, "redelivered", "late", "reread", "snapshot", "deleted", "other_changes", "tombstones", "of_others")
FAULTS = frozenset(f"{NAME}_{entry}" for entry in (*WRONG_ACROSS, *WRONG))
"""Entries that should be 0."""
ENTRIES = frozenset(f"{NAME}_{entry}" for entry in (*ACROSS, *COUNTS))
"""The ledger's numbers, by which thresholds may ask for them."""
_INSERTED, _READ, _CANCELLED = 1, 2, 4


class LineChanges:
    """Changes of one process's lines.

    Args:
        count: lines that are known of (more may turn up).
    """

    def __init__(self, count: int) -> None:
        self.flags = bytearray(count)
        self.inserted_at = array.array("I", bytes(4 * count))
        self.cancelled_at = array.array("I", bytes(4 * count))

    def reach(self, number: int) -> None:
        """Make room for a line number."""
        more = max(number + 1, 2 * len(self.flags)) - len(self.flags)
        self.flags.extend(bytes(more))
        for column in (self.inserted_at, self.cancelled_at):
            column.frombytes(bytes(4 * more))

    def held(self) -> Held:
        """Which lines are there, and which of them cancelled."""
        flags = np.frombuffer(bytes(self.flags), dtype=np.uint8)
        return Held((flags & (_INSERTED | _READ)) != 0, (flags & _CANCELLED) != 0)


class ChangesSeen:
    """All changes of a run, read in the order of each partition.

    Args:
        counts: lines known of, by process.
        late_after_s: a change recorded so long after its commit is late; 0 marks none.
    """

    def __init__(self, counts: Mapping[int, int], late_after_s: float) -> None:
        self.lines = {process: LineChanges(count) for process, count in counts.items()}
        self.counts: collections.Counter[str] = collections.Counter()
        self.samples: dict[str, list[tuple[int, int]]] = collections.defaultdict(list)
        self.delay = Histogram()
        self.negative_delays = 0
        self._late_after_s = late_after_s

    def add(self, changes: Iterable[Change]) -> None:
        """Count a batch."""
        delays = array.array("d")
        for change in changes:
            lines = self.lines.get(change.process) or self.lines.setdefault(change.process, LineChanges(0))
            if change.number >= len(lines.flags):
                lines.reach(change.number)
            if self._is_first(lines, change):
                delays.append(change.recorded_at - change.committed_at)
        self._count_delays(np.frombuffer(delays, dtype=np.float64))

    def held(self) -> dict[int, Held]:
        """By process, what is there."""
        return {process: lines.held() for process, lines in self.lines.items()}

    def _is_first(self, lines: LineChanges, change: Change) -> bool:
        """Enter a change; whether it is news straight from the log, of which a delay can be told."""
        if change.op == SNAPSHOT:
            return self._read(lines, change)
        if change.op == DELETED:
            self.counts["deleted"] += 1
            return True
        if change.op == CREATED:
            return self._insert(lines, change)
        if change.cancelled:
            return self._cancel(lines, change)
        self.counts["other_changes"] += 1
        return True

    def _insert(self, lines: LineChanges, change: Change) -> bool:
        n, tag = change.number, tag_of(change.lsn)
        flags, before = lines.flags[n], lines.inserted_at[n]
        lines.flags[n] = flags | _INSERTED | (_CANCELLED if change.cancelled else 0)
        if before == tag:
            self.counts["redelivered"] += 1
        elif before:
            self._wrong("duplicate", change)
        else:
            lines.inserted_at[n] = tag
            if flags & _READ:
                self.counts["reread"] += 1
            elif flags & _CANCELLED:
                self._wrong("reordered", change)
        return not before

    def _cancel(self, lines: LineChanges, change: Change) -> bool:
        n, tag = change.number, tag_of(change.lsn)
        before = lines.cancelled_at[n]
        lines.flags[n] |= _CANCELLED
        if not before:
            lines.cancelled_at[n] = tag
            return True
        self.counts["redelivered" if before == tag else "other_changes"] += 1
        return before != tag

    def _read(self, lines: LineChanges, change: Change) -> bool:
        """A snapshot shows the line as it is, however it came to be so: it stands for what was not streamed."""
        self.counts["snapshot"] += 1
        n = change.number
        if lines.flags[n] & (_INSERTED | _READ):
            self.counts["reread"] += 1
        lines.flags[n] |= _READ | (_CANCELLED if change.cancelled else 0)
        return False

    def _wrong(self, finding: str, change: Change) -> None:
        self.counts[finding] += 1
        if len(self.samples[finding]) < SAMPLES:
            self.samples[finding].append((change.process, change.number))

    def _count_delays(self, delays: np.ndarray) -> None:
        self.delay.add(delays)
        self.negative_delays += int((delays < 0).sum())
        if self._late_after_s:
            self.counts["late"] += int((delays > self._late_after_s).sum())


def tag_of(lsn: int) -> int:
    """A log position in 32 bits, never 0. Records begin at multiples of 8 bytes; two with one tag are 32 GiB apart."""
    return (lsn >> 3) & 0xFFFFFFFF or 1


def change_balance(
    key: RunKey, committed: Mapping[int, Held], seen: ChangesSeen, *, topic: str, behind: str
) -> dict[str, Any]:
    """The ledger: numbers, `state` (closed, open), `reasons`, `samples`.

    Args:
        key: the run's.
        committed: what stands in the table, by process.
        seen: what the topic holds.
        topic: its name.
        behind: see Side.
    """
    entries, reasons, samples = across(Side(NAME, f"the topic {topic}", behind), key, committed, seen.held())
    for finding, text in WRONG.items():
        if seen.counts[finding]:
            reasons.append(text.format(n=seen.counts[finding]) + ".")
            samples[f"{NAME}_{finding}"] = [key.reference(*line) for line in seen.samples[finding]]
    delay = seen.delay.latency()
    return {
        "state": "open" if reasons else "closed",
        "reasons": reasons,
        **entries,
        **{f"{NAME}_{count}": seen.counts[count] for count in COUNTS},
        f"{NAME}_delay_ms": None if delay is None else {"p50": delay.p50, "p99": delay.p99, "max": delay.max},
        f"{NAME}_delays_negative": seen.negative_delays,
        "samples": samples,
    }
