"""Which targets and names a thresholds file may use, and what was meant where it uses others.

What exists comes in as values: each scenario and probe brings its targets, with names beyond their family's own.
A target's first word says its family: `run`, `ledger`, `probe …`, `score …`; every other target is a request name.
"""

from __future__ import annotations

import dataclasses
import difflib
from typing import TYPE_CHECKING

from lakestorm.record.manifest import COUNTS, LATENCIES, Latency
from lakestorm.verdict import score_values

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from lakestorm.verdict.expressions import Name

RUN = "run"
LEDGER = "ledger"
PROBE = "probe"
SCORE = score_values.FAMILY
STATISTICS = tuple(field.name for field in dataclasses.fields(Latency))
"""Of a latency: `response_ms.p99`."""
READINGS = ("count", "errors", "first", "min", "mean", "max", "max_at_s", "last")
"""Of a probe: `max`."""
ONE_OF_MANY = ".*"
"""Ends a target that stands for many, one for each topic or group."""
PER_SECOND = "_per_s"
RUN_WIDE = ("duration_s", "users_peak", *(f"{count}{PER_SECOND}" for count in COUNTS))
"""Of the run as a whole, sums over its request names; every target may use them."""
CODED = ("errors", "retries")
"""Counts by a code that is not known beforehand: `errors.40001`."""
REQUEST = (*COUNTS, *RUN_WIDE, *(f"{latency}.{statistic}" for latency in LATENCIES for statistic in STATISTICS))
"""Of a request name; rates and counts are its own there."""
FIXED = (RUN, LEDGER, PROBE, SCORE)
"""Families without names that hold a code."""
LISTED_MAX = 24
"""A refusal lists what exists if it is not more."""


class Vocabulary:
    """All targets of the suite with the names that each may use.

    Args:
        targets: {target: names beyond its family's own}; those of scores are there always.
    """

    def __init__(self, targets: Mapping[str, Collection[str]]) -> None:
        self._own = {**score_values.TARGETS, **targets}

    def target_fault(self, target: str) -> str:
        """What is wrong with a target, with a suggestion; empty if nothing is."""
        if target == RUN or self._entry(target) in self._own:
            return ""
        return f"there is no such target. {suggestion(target, [RUN, *self._own])}"

    def _entry(self, target: str) -> str:
        """The entry that speaks of a target: itself, or the one that stands for many."""
        many = (own for own in self._own if own.endswith(ONE_OF_MANY) and target.startswith(own[:-1]))
        return target if target in self._own or target.endswith(".") else next(many, target)

    def name_fault(self, target: str, name: Name) -> str:
        """What is wrong with a name under a target that exists, with a suggestion; empty if nothing is."""
        known = self._names(target)
        root, _, code = name.path.partition(".")
        if name.path in known or (code and root in CODED and family_of(target) not in FIXED):
            return ""
        return f"character {name.place}: {name.path} is not known under this target. {suggestion(name.path, known)}"

    def _names(self, target: str) -> list[str]:
        families = {RUN: (*COUNTS, *RUN_WIDE), LEDGER: RUN_WIDE, PROBE: (*READINGS, *RUN_WIDE), SCORE: ()}
        return [*sorted(self._own.get(self._entry(target), ())), *families.get(family_of(target), REQUEST)]


def family_of(target: str) -> str:
    """The first word of a target."""
    return target.partition(" ")[0]


def suggestion(word: str, known: Collection[str]) -> str:
    """What may have been meant: the nearest that exists, else what there is."""
    ends = [name for name in known if "." in name and name.rpartition(".")[2] == word]
    folded = {name.casefold(): name for name in reversed(list(known))}
    near = ends[:1] or [folded[found] for found in difflib.get_close_matches(word.casefold(), folded, 1)]
    if near:
        return f"Did you mean {near[0]}?"
    shown = ", ".join(list(known)[:LISTED_MAX])
    return f"Known are {shown}{', …' if len(known) > LISTED_MAX else ''}."
