"""Did every committed line reach a system behind the database? One comparison, whichever system it is.

A side brings what it holds of a run's lines as flags by process and line number, and an account of how far it came;
what only it can count (redeliveries, disorder) it adds to the ledger under names of its own.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lakestorm.model.orders import MARKED_PROCESSES
from lakestorm.verdict.ledger import SAMPLES, padded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    from lakestorm.model.orders import RunKey

    Flags = npt.NDArray[np.bool_]

WRONG = {
    "lost": "{n} committed lines never came to {place}",
    "missing": "{n} of {committed} committed lines had not come to {place}",
    "cancels_lost": "{n} cancellations never came to {place}",
    "cancels_missing": "{n} of {cancels_committed} cancellations had not come to {place}",
    "unexplained": "{n} lines stand in {place} that are not in the table",
    "cancels_unexplained": "{n} lines are cancelled in {place} and not in the table",
}
"""What makes the books not balance, as a sentence."""
ENTRIES = (*WRONG, "committed", "arrived", "marks", "cancels_committed", "cancels_arrived")


class Held(NamedTuple):
    """What a system holds of one process's lines, by line number."""

    present: Flags
    cancelled: Flags


@dataclasses.dataclass(frozen=True, slots=True)
class Side:
    """A system behind the database.

    Attributes:
        name: in front of its entries in the ledger ("cdc").
        place: where its lines stand, in words ("the topic shop.public.purchases").
        behind: why what is not there may still come, as half a sentence; empty if the side has caught up, and then
            what is not there is lost.
    """

    name: str
    place: str
    behind: str = ""


def across(
    side: Side, key: RunKey, committed: Mapping[int, Held], arrived: Mapping[int, Held]
) -> tuple[dict[str, Any], list[str], dict[str, list[str]]]:
    """Compare the table with a side.

    A cancellation is a second entry of its line. Marks are lines like others, but are cancelled from the first.

    Args:
        side: which.
        key: the run's, for references.
        committed: what stands in the table, by process.
        arrived: what the side holds, by process.

    Returns:
        the ledger's entries, reasons why it does not balance, samples of references.
    """
    counts = dict.fromkeys(ENTRIES, 0)
    samples: dict[str, list[str]] = {}
    for process in sorted({*committed, *arrived}):
        prefix = key.prefix(process)
        for finding, flags in findings(process, *pair(committed.get(process), arrived.get(process))):
            counts[finding] += int(flags.sum())
            named = samples.setdefault(finding, [])
            named += [prefix.reference(int(n)) for n in np.flatnonzero(flags)[: SAMPLES - len(named)]]
    entries: dict[str, Any] = counts | dict.fromkeys(("missing", "cancels_missing"), 0)
    for kind in ("lost", "cancels_lost") if side.behind else ():
        late = kind.replace("lost", "missing")
        entries[late], entries[kind] = counts[kind], None if counts[kind] else 0
        samples[late] = samples.pop(kind, [])
    reasons = [
        WRONG[kind].format(n=entries[kind], place=side.place, **context(entries))
        + (f": {side.behind}." if kind.endswith("missing") else ".")
        for kind in WRONG
        if entries[kind]
    ]
    wrong = {f"{side.name}_{kind}": samples[kind] for kind in WRONG if samples.get(kind)}
    return {f"{side.name}_{entry}": count for entry, count in entries.items()}, reasons, wrong


def context(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers that a sentence sets its own against."""
    return {name: entries[name] for name in ("committed", "cancels_committed")}


def pair(committed: Held | None, arrived: Held | None) -> tuple[Held, Held]:
    """Both sides of one process, of one length; what is not there is all False."""
    nothing = Held(np.zeros(0, dtype=bool), np.zeros(0, dtype=bool))
    both = (committed or nothing, arrived or nothing)
    size = max(len(flags) for held in both for flags in held)
    here, there = (Held(padded(held.present, size), padded(held.cancelled, size)) for held in both)
    return here, there


def findings(process: int, here: Held, there: Held) -> Iterator[tuple[str, Flags]]:
    """(entry, which lines) of one process."""
    yield "committed", here.present
    yield "arrived", here.present & there.present
    yield "lost", here.present & ~there.present
    yield "unexplained", there.present & ~here.present
    if process in MARKED_PROCESSES:
        yield "marks", here.present
        return
    undone = here.present & here.cancelled
    yield "cancels_committed", undone
    yield "cancels_arrived", undone & there.cancelled
    yield "cancels_lost", undone & ~there.cancelled
    yield "cancels_unexplained", here.present & there.cancelled & ~here.cancelled
