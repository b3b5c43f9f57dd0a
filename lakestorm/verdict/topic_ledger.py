"""Do the topic's books balance? Every acknowledged record stands in it exactly once, in order for each account."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lakestorm.model.login_schema import process_and_number, sequence_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import numpy.typing as npt

    Flags = npt.NDArray[np.bool_]

SAMPLES = 10
NOBODY = np.zeros(0, dtype=bool)
WRONG = {
    "events_lost": "{n} acknowledged records are not in the topic",
    "events_duplicate": "{n} records stand in the topic more than once",
    "events_reordered": "{n} records stand behind a later one of their account",
}
"""What makes the books not balance, as a sentence."""
ENTRIES = frozenset(WRONG) | {
    "events_acknowledged", "events_in_topic", "events_recovered", "events_unreported", "events_of_others",
    "events_loss_possible",
}  # fmt: skip
"""The ledger's numbers, by which thresholds may ask for them."""


class TopicSeen:
    """What a topic holds of a run's records, by process and number.

    Args:
        counts: {process: records that it numbered}; more may turn up, and of other processes too.
    """

    def __init__(self, counts: Mapping[int, int]) -> None:
        self.times: dict[int, npt.NDArray[np.uint8]] = {
            process: np.zeros(max(count, 1), dtype=np.uint8) for process, count in counts.items()
        }
        self.classes: collections.Counter[str] = collections.Counter()
        self.reordered: list[tuple[str, int]] = []
        self.reordered_count = 0
        self.others = 0
        self._last: dict[bytes, int] = {}

    def add(self, key: bytes, sequence: int, class_: str) -> bool:
        """Count a record, read in the order of its partition; whether it is the first with its sequence number.

        A redelivery is no disorder, but a duplicate.
        """
        process, number = process_and_number(sequence)
        times = self._times_of(process, number)
        is_new = bool(times[number] == 0)
        times[number] = min(255, int(times[number]) + 1)
        self.classes[class_] += 1
        last = self._last.get(key, -1)
        if is_new and sequence < last:
            self.reordered_count += 1
            self.reordered = [*self.reordered, (key.decode("utf-8", "replace"), sequence)][:SAMPLES]
        self._last[key] = max(sequence, last)
        return is_new

    def _times_of(self, process: int, number: int) -> npt.NDArray[np.uint8]:
        """How often each number of a process was seen, as far as this one at least."""
        times = self.times.get(process)
        if times is None or number >= len(times):
            known = np.zeros(0, dtype=np.uint8) if times is None else times
            times = self.times[process] = np.concatenate([known, np.zeros(number + 1, dtype=np.uint8)])
        return times


class Held(NamedTuple):
    """A process's view of its records beside the topic's, by number; shapes (n,) alike.

    Attributes:
        process: whose.
        said: whether the brokers acknowledged it.
        times: how often it stands in the topic.
    """

    process: int
    said: Flags
    times: npt.NDArray[np.uint8]

    @property
    def lost(self) -> Flags:
        """Acknowledged, and not there."""
        lost: Flags = self.said & (self.times == 0)
        return lost

    @property
    def unsaid(self) -> int:
        """How many are there whose acknowledgement nobody told of."""
        return int((~self.said & (self.times > 0)).sum())

    @property
    def copies(self) -> int:
        """Copies beyond the first."""
        return int((self.times[self.times > 1].astype(np.int64) - 1).sum())

    def named(self, flags: Flags) -> list[int]:
        """Sequence numbers, as they stand in the headers, of the first where it is so."""
        return [sequence_of(self.process, number) for number in np.flatnonzero(flags)[:SAMPLES].tolist()]


def beside(acknowledged: Mapping[int, Flags], seen: TopicSeen) -> list[Held]:
    """Each process's records; those that only one side knows are there too."""
    found = []
    for process in sorted({*acknowledged, *seen.times}):
        said, times = acknowledged.get(process, NOBODY), seen.times.get(process, np.zeros(0, dtype=np.uint8))
        size = max(len(said), len(times))
        found.append(Held(process, np.pad(said, (0, size - len(said))), np.pad(times, (0, size - len(times)))))
    return found


def topic_balance(
    acknowledged: Mapping[int, Flags],
    seen: TopicSeen,
    *,
    acks: str,
    acknowledged_by_class: Mapping[str, int] | None,
    lost_workers: Collection[int] = (),
) -> dict[str, Any]:
    """The ledger: numbers, `state` (closed, open, unknown), `reasons`, `samples`.

    Args:
        acknowledged: by process and number.
        seen: what the topic holds.
        acks: as the producer had it; less than all may lose what was acknowledged, by its own choice.
        acknowledged_by_class: as the producers counted at the end of the run; None if it did not come to its end.
        lost_workers: their processes. What the topic has of them beyond what they told of is `events_unreported`.
    """
    held = beside(acknowledged, seen)
    unreported = dict.fromkeys(sorted(lost_workers), 0)
    unreported |= {of.process: of.unsaid for of in held if of.process in unreported}
    ledger: dict[str, Any] = {
        "events_acknowledged": sum(int(of.said.sum()) for of in held),
        "events_in_topic": sum(int((of.times > 0).sum()) for of in held),
        "events_lost": sum(int(of.lost.sum()) for of in held),
        "events_duplicate": sum(of.copies for of in held),
        "events_reordered": seen.reordered_count,
        "events_recovered": sum(of.unsaid for of in held if of.process not in unreported),
        "events_unreported": sum(unreported.values()),
        "events_of_others": seen.others,
        "events_loss_possible": int(acks != "all"),
        "events_by_class": dict(sorted(seen.classes.items())),
        "events_acknowledged_by_class": dict(sorted((acknowledged_by_class or {}).items())),
    }
    samples = {
        "events_lost": [sequence for of in held for sequence in of.named(of.lost)][:SAMPLES],
        "events_duplicate": [sequence for of in held for sequence in of.named(of.times > 1)][:SAMPLES],
        "events_reordered": [f"{key}: {sequence}" for key, sequence in seen.reordered],
    }
    reasons = [text.format(n=ledger[finding]) + "." for finding, text in WRONG.items() if ledger[finding]]
    unknown = unknowns(unreported, complete=acknowledged_by_class is not None)
    state = "unknown" if unknown else "open" if reasons else "closed"
    named = {finding: found for finding, found in samples.items() if found}
    return {"state": state, "reasons": unknown + reasons, **ledger, "samples": named}


def unknowns(unreported: Mapping[int, int], *, complete: bool) -> list[str]:
    """Why the books cannot be judged, as sentences."""
    found = [
        f"{count} records stand in the topic that worker {process} wrote and nobody reported: it was lost."
        for process, count in unreported.items()
    ]
    return found if complete else [*found, "The run was killed before its end."]
