"""Do the topic's books balance? Every acknowledged record stands in it exactly once, in order for each account."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    Flags = npt.NDArray[np.bool_]

SAMPLES = 10
WRONG = {
    "events_lost": "{n} acknowledged records are not in the topic",
    "events_duplicate": "{n} records stand in the topic more than once",
    "events_reordered": "{n} records stand behind a later one of their account",
}
"""What makes the books not balance, as a sentence."""
ENTRIES = frozenset(WRONG) | {
    "events_acknowledged", "events_in_topic", "events_recovered", "events_of_others", "events_loss_possible",
}  # fmt: skip
"""The ledger's numbers, by which thresholds may ask for them."""


class TopicSeen:
    """What a topic holds of one process's records, by their sequence numbers.

    Args:
        count: records that the process numbered (more may turn up).
    """

    def __init__(self, count: int) -> None:
        self.times: npt.NDArray[np.uint8] = np.zeros(max(count, 1), dtype=np.uint8)
        self.classes: collections.Counter[str] = collections.Counter()
        self.reordered: list[tuple[str, int]] = []
        self.reordered_count = 0
        self.others = 0
        self._last: dict[bytes, int] = {}

    def add(self, key: bytes, sequence: int, class_: str) -> bool:
        """Count a record, read in the order of its partition; whether it is the first with its number.

        A redelivery is no disorder, but a duplicate.
        """
        if sequence >= len(self.times):
            self.times = np.concatenate([self.times, np.zeros(sequence + 1, dtype=np.uint8)])
        is_new = bool(self.times[sequence] == 0)
        self.times[sequence] = min(255, int(self.times[sequence]) + 1)
        self.classes[class_] += 1
        if is_new and sequence < self._last.get(key, -1):
            self.reordered_count += 1
            self.reordered = [*self.reordered, (key.decode("utf-8", "replace"), sequence)][:SAMPLES]
        self._last[key] = max(sequence, self._last.get(key, -1))
        return is_new


def topic_balance(
    acknowledged: Flags, seen: TopicSeen, *, acks: str, acknowledged_by_class: Mapping[str, int] | None
) -> dict[str, Any]:
    """The ledger: numbers, `state` (closed, open, unknown), `reasons`, `samples`.

    Args:
        acknowledged: by sequence number.
        seen: what the topic holds.
        acks: as the producer had it; less than all may lose what was acknowledged, by its own choice.
        acknowledged_by_class: as the producer counted at the end of the run; None if it did not come to its end.
    """
    size = max(len(acknowledged), len(seen.times))
    said = np.pad(acknowledged, (0, size - len(acknowledged)))
    times = np.pad(seen.times, (0, size - len(seen.times)))
    lost, repeated = said & (times == 0), times > 1
    ledger: dict[str, Any] = {
        "events_acknowledged": int(said.sum()),
        "events_in_topic": int((times > 0).sum()),
        "events_lost": int(lost.sum()),
        "events_duplicate": int((times[repeated].astype(np.int64) - 1).sum()),
        "events_reordered": seen.reordered_count,
        "events_recovered": int((~said & (times > 0)).sum()),
        "events_of_others": seen.others,
        "events_loss_possible": int(acks != "all"),
        "events_by_class": dict(sorted(seen.classes.items())),
        "events_acknowledged_by_class": dict(sorted((acknowledged_by_class or {}).items())),
    }
    samples = {
        "events_lost": np.flatnonzero(lost)[:SAMPLES].tolist(),
        "events_duplicate": np.flatnonzero(repeated)[:SAMPLES].tolist(),
        "events_reordered": [f"{key}: {sequence}" for key, sequence in seen.reordered],
    }
    reasons = [text.format(n=ledger[finding]) + "." for finding, text in WRONG.items() if ledger[finding]]
    unknown = ["The run was killed before its end."] if acknowledged_by_class is None else []
    state = "unknown" if unknown else "open" if reasons else "closed"
    named = {finding: found for finding, found in samples.items() if found}
    return {"state": state, "reasons": unknown + reasons, **ledger, "samples": named}
