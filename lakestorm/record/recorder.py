"""The record of a run: what its processes counted, added up, and the files that it becomes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lakestorm.record.manifest import COUNTS
from lakestorm.record.readings import Readings
from lakestorm.record.records import Records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import numpy.typing as npt

    from lakestorm.record.manifest import RequestSpans
    from lakestorm.record.readings import Reading
    from lakestorm.record.records import Tell
    from lakestorm.record.requests import Second
    from lakestorm.record.results import ResultsWriter
    from lakestorm.record.tally import Tally
    from lakestorm.record.timeline import Timeline

PROVISIONAL_S = 2
"""A second is appended to timeline.csv once it is this old; what changes later is written at the end."""


class Recorder:
    """Adds up what is counted here and elsewhere.

    Args:
        writer: of the run's results folder.
        warmup_s: see RequestRecord.
        tell: see Records.
    """

    def __init__(self, writer: ResultsWriter, *, warmup_s: float, tell: Tell | None = None) -> None:
        self.own = Records(warmup_s=warmup_s, tell=tell)
        """The requests of this process."""
        self.add, self.start = self.own.add, self.own.start
        self.tallies: dict[str, Tally] = {}
        """By request name."""
        self.readings = Readings()
        self.gaps: list[str] = []
        """What is not known of the run, as sentences; one is enough to make its verdict unknown."""
        self._writer = writer

    def offered(self, before_s: int | None = None) -> npt.NDArray[np.int64]:
        """Requests intended in each second, of all names together; shape (seconds,), at most before_s."""
        lines = [tally.timeline for tally in self.tallies.values() if tally.offers]
        found = np.zeros(max((line.seconds for line in lines), default=0), dtype=np.int64)
        for line in lines:
            found[: line.seconds] += line.counts[: line.seconds, COUNTS.index("offered")]
        return found[:before_s]

    def read(self, reading: Reading) -> None:
        """Take what a probe read."""
        self.readings.add(reading)
        self._writer.append_reading(reading)

    def rotate(self, now_s: float) -> Iterator[None]:
        """Count and write all seconds that are over; yields between steps of at most a millisecond or two."""
        yield from self._count_own(math.floor(now_s))
        self._writer.append_seconds(self._timelines(), max(0, math.floor(now_s) - PROVISIONAL_S))

    def take(self, tallies: Mapping[str, Tally], seconds: Iterable[Second]) -> Iterator[None]:
        """Add what a process counted since it last told; yields between steps."""
        for name, tally in tallies.items():
            self.tallies.setdefault(name, tally.empty()).add(tally)
            yield
        for second in seconds:
            tally = self.tallies[second.name]
            tally.timeline.measure(second.second, second.batches[tally.answer])
            for kind, durations in second.batches.items():
                self._writer.log_second(second.name, kind, second.second, durations)
                yield

    def finish(self) -> Iterator[None]:
        """Count and write all that is left; nothing may be recorded afterwards."""
        yield from self._count_own(math.inf)
        errors = (
            (second, name, code, count)
            for name, tally in self.tallies.items()
            for (second, code), count in tally.error_seconds.items()
        )
        self._writer.finish(self._timelines(), errors)

    def spans(self) -> dict[str, RequestSpans]:
        """What `run.json` shows under `requests`: names that ran."""
        spans = {name: tally.spans() for name, tally in self.tallies.items()}
        return {name: both for name, both in spans.items() if both.total.offered or both.total.started}

    def _count_own(self, before_s: float) -> Iterator[None]:
        seconds = []
        for second in self.own.absorb(before_s):
            seconds.append(second)
            yield
        yield from self.take(self.own.cut(), seconds)

    def _timelines(self) -> dict[str, Timeline]:
        return {name: tally.timeline for name, tally in self.tallies.items()}
