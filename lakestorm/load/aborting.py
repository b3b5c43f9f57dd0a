"""Watches the thresholds that end a run early, once a second, from the record as it grows."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import gevent

from lakestorm.verdict.backlog import SLOPE, trends
from lakestorm.verdict.values import Observed
from lakestorm.verdict.verdict import STOPPED
from lakestorm.verdict.vocabulary import PROBE, RUN, family_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lakestorm.load.live_run import LiveRun
    from lakestorm.record.manifest import RequestSummary, ThresholdResult
    from lakestorm.verdict.thresholds import Threshold


class AbortWatch:
    """The abort thresholds of one run.

    Args:
        thresholds: those with the prefix `abort:`.
        live: the run.
        grace_s: nothing is judged before this second of it.
        stop: called once with the threshold that does not hold.
    """

    def __init__(
        self,
        thresholds: Sequence[Threshold],
        live: LiveRun,
        *,
        grace_s: float,
        stop: Callable[[ThresholdResult], None],
    ) -> None:
        self._thresholds = thresholds
        self._live = live
        self._grace_s = grace_s
        self._stop = stop
        self.broken: dict[Threshold, ThresholdResult] = {}
        """The threshold that stopped the run, as it was at that moment: at the end it may hold again."""

    def look(self, second: int, _users: int) -> None:
        """Judge the seconds that are over; a threshold without a sample stops nothing."""
        if self.broken or second < self._grace_s:
            return
        observed = observed_now(self._live, self._thresholds, second)
        for threshold in self._thresholds:
            result = threshold.result(observed)
            if result.result == "fail":
                value = f"{result.value} after {second} s{STOPPED}"
                self.broken[threshold] = dataclasses.replace(result, value=value)
                self._stop(self.broken[threshold])
                return


def observed_now(live: LiveRun, thresholds: Sequence[Threshold], second: int) -> Observed:
    """The record now. Summaries are made one a turn of the event loop, so that no user waits for more than one."""
    tallies = live.recorder.tallies
    targets = {threshold.target for threshold in thresholds}
    wide = any(family_of(target) in (RUN, PROBE) for target in targets)
    measured: dict[str, RequestSummary] = {}
    for name, tally in list(tallies.items()):
        if wide or name in targets:
            measured[name] = tally.measured_now()
            gevent.sleep(0)
    return Observed(
        measured=measured,
        probes=probes_now(live, thresholds, second),
        ledger={},
        duration_s=second - live.settings.run.warmup_s,
        users_peak=live.users_peak,
    )


def probes_now(live: LiveRun, thresholds: Sequence[Threshold], second: int) -> Mapping[str, Mapping[str, Any]]:
    """What probes read so far; slopes only where one is asked for, and over whole seconds only."""
    recorder = live.recorder
    if not any(name.path == SLOPE for threshold in thresholds for name in threshold.expression.names):
        return recorder.readings.summary()
    return trends(recorder.readings, recorder.offered(second), live.settings.run.warmup_s, None)
