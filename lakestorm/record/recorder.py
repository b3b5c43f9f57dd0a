"""The record of a run in one process: request names, their rows, and the files these become."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np

from lakestorm.record.manifest import COUNTS
from lakestorm.record.readings import Readings
from lakestorm.record.requests import RequestRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from lakestorm.record.manifest import RequestSpans
    from lakestorm.record.readings import Reading
    from lakestorm.record.results import ResultsWriter
    from lakestorm.record.timeline import Timeline

    Tell = Callable[[str, int, npt.NDArray[np.float64]], None]

PROVISIONAL_S = 2
"""A second is appended to timeline.csv once it is this old; what changes later is written at the end."""


class Recorder:
    """All request records of a run.

    Args:
        writer: of the run's results folder.
        warmup_s: see RequestRecord.
        tell: called with (name, second, durations in seconds) of the answers of each second: responses, or service
            times in a closed loop.
    """

    def __init__(self, writer: ResultsWriter, *, warmup_s: float, tell: Tell | None = None) -> None:
        self.records: dict[str, RequestRecord] = {}
        self.readings = Readings()
        self.gaps: list[str] = []
        """What is not known of the run, as sentences; one is enough to make its verdict unknown."""
        self._writer = writer
        self._warmup_s = warmup_s
        self._tell = tell

    def add(
        self,
        name: str,
        *,
        late_after_s: float = 0.0,
        closed_loop: bool = False,
        refusals: str | None = None,
    ) -> RequestRecord:
        """A record for one more name, and for `refusals`: the name under which its refusals' latencies are shown."""
        make = functools.partial(
            RequestRecord, warmup_s=self._warmup_s, late_after_s=late_after_s, closed_loop=closed_loop
        )
        shown = make(refusals, offers=False) if refusals else None
        self.records[name] = make(name, refusals=shown)
        if shown is not None:
            self.records[shown.name] = shown
        return self.records[name]

    def start(self, origin_s: float) -> None:
        """The run starts: `origin_s` is the clock's reading at second 0."""
        for record in self.records.values():
            record.origin_s = origin_s

    def offered(self, before_s: int | None = None) -> npt.NDArray[np.int64]:
        """Requests intended in each second, of all names together; shape (seconds,), at most before_s."""
        lines = [record.timeline for record in self.records.values() if record.offers]
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
        yield from self._absorb(math.floor(now_s))
        self._writer.append_seconds(self._timelines(), max(0, math.floor(now_s) - PROVISIONAL_S))

    def finish(self) -> Iterator[None]:
        """Count and write all that is left; nothing may be recorded afterwards."""
        yield from self._absorb(math.inf)
        errors = (
            (second, record.name, code, count)
            for record in self.records.values()
            for (second, code), count in record.error_seconds.items()
        )
        self._writer.finish(self._timelines(), errors)

    def spans(self) -> dict[str, RequestSpans]:
        """What `run.json` shows under `requests`: names that ran."""
        spans = {name: record.spans() for name, record in self.records.items()}
        return {name: both for name, both in spans.items() if both.total.offered or both.total.started}

    def _absorb(self, before_s: float) -> Iterator[None]:
        for record in self.records.values():
            for of_record, second, durations in record.absorb(record.take(before_s)):
                for kind, seconds in durations.items():
                    self._writer.log_second(of_record.name, kind, second, seconds)
                    yield
                if self._tell is not None:
                    self._tell(of_record.name, second, durations.get("response", durations["service"]))

    def _timelines(self) -> dict[str, Timeline]:
        return {name: record.timeline for name, record in self.records.items()}
