"""Results made by hand, for tests of what the report says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lakestorm.record.folder import Results
from lakestorm.record.histograms import Histogram
from lakestorm.record.manifest import COUNTS
from lakestorm.record.tables import Seconds
from lakestorm.record.timeline import PERCENTILES
from lakestorm.report.timescale import TimeScale
from tests.unit import made_runs

if TYPE_CHECKING:
    from lakestorm.record.manifest import Run

BUY = made_runs.BUY
THIN = "\u2009"


def seconds(**counts: list[int]) -> Seconds:
    """Seconds with these counts, zeros elsewhere, and a p50 … p99.9 of 1 … 5 ms in each."""
    length = max((len(values) for values in counts.values()), default=0)
    given_ = {name: np.array(counts.get(name, [0] * length), dtype=np.int64) for name in COUNTS}
    return Seconds(given_, {name: np.full(length, i + 1.0) for i, name in enumerate(PERCENTILES)})


def results(run: Run | None = None, **fields: Any) -> Results:
    """Results of a run of 60 s without any file but run.json, unless changed."""
    run = run or made_runs.run()
    empty: dict[str, Any] = {"timeline": {}, "errors": {}, "probes": {}, "ledger": run.ledger, "distributions": {}}
    return Results(run=run, **empty | fields)


def scale(length: int, width: int = 1) -> TimeScale:
    """A time scale without phases and events."""
    return TimeScale(seconds=length, width_s=width, started_at=0.0)


def histogram(*durations_s: float) -> Histogram:
    """A distribution."""
    found = Histogram()
    found.add(np.array(durations_s))
    return found
