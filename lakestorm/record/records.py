"""The requests of one process: a record for each name, counted once a second."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from lakestorm.record.requests import RequestRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    import numpy.typing as npt

    from lakestorm.record.requests import Second
    from lakestorm.record.tally import Tally

    Tell = Callable[[str, int, npt.NDArray[np.float64]], None]


class Records:
    """All request records of a process.

    Args:
        warmup_s: see RequestRecord.
        tell: called with (name, second, durations in seconds) of the answers of each second: responses, or service
            times in a closed loop.
    """

    def __init__(self, *, warmup_s: float, tell: Tell | None = None) -> None:
        self.by_name: dict[str, RequestRecord] = {}
        self._warmup_s = warmup_s
        self._tell = tell

    def add(
        self, name: str, *, late_after_s: float = 0.0, closed_loop: bool = False, refusals: str | None = None
    ) -> RequestRecord:
        """A record for one more name, and for `refusals`: the name under which its refusals' latencies are shown."""
        make = functools.partial(
            RequestRecord, warmup_s=self._warmup_s, late_after_s=late_after_s, closed_loop=closed_loop
        )
        shown = make(refusals, offers=False) if refusals else None
        self.by_name[name] = make(name, refusals=shown)
        if shown is not None:
            self.by_name[shown.name] = shown
        return self.by_name[name]

    def start(self, origin_s: float) -> None:
        """The run starts: `origin_s` is the clock's reading at second 0."""
        for record in self.by_name.values():
            record.origin_s = origin_s

    def absorb(self, before_s: float) -> Iterator[Second]:
        """Count what ended before a moment; in steps of a millisecond or two, each the answers of a second."""
        for record in self.by_name.values():
            for second in record.absorb(record.take(before_s)):
                if self._tell is not None:
                    self._tell(second.name, second.second, second.answers_s)
                yield second

    def cut(self) -> dict[str, Tally]:
        """What was counted of each name since the last time."""
        return {name: record.cut() for name, record in self.by_name.items()}
