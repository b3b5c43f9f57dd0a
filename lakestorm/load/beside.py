"""What the pipeline's settings add to a run, whatever its scenarios are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakestorm.load.change_books import ChangeBooks, check_changes
from lakestorm.load.probing import Probing
from lakestorm.load.purchases import PurchaseRun
from lakestorm.probes import lineup
from lakestorm.probes.aviary import NAME, PROBE, TYPE
from lakestorm.record.canaries import HOPS
from lakestorm.verdict import change_ledger
from lakestorm.verdict.backlog import trend_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lakestorm.load.part import RunContext, RunPart
    from lakestorm.settings import Settings


def vocabulary() -> Mapping[str, frozenset[str]]:
    """Targets that thresholds may name: see Scenario."""
    names = [f"{TYPE} {NAME}", *(f"probe {PROBE}.{hop}" for hop in HOPS)]
    probes = {f"probe {name}": trend_names(name) for name in lineup.readings()}
    return {"ledger": change_ledger.ENTRIES, **dict.fromkeys(names, frozenset()), **probes}


def check(settings: Settings) -> dict[str, str]:
    """Refuse before any load what cannot work: see Scenario."""
    return check_changes(settings) if settings.pipeline.cdc_topic_prefix else {}


def parts(context: RunContext, others: Sequence[RunPart]) -> Iterator[RunPart]:
    """What is on, in the order in which it shall stop.

    Args:
        context: the run's.
        others: the scenarios' parts, which stop before.
    """
    pipeline = context.settings.pipeline
    if lineup.is_any_on(context.settings):
        yield Probing(context)
    has_orders = lineup.is_canary_on(context.settings) or any(isinstance(part, PurchaseRun) for part in others)
    if pipeline.cdc_topic_prefix and has_orders:
        yield ChangeBooks(context)
