"""How far a worker's clock is from the master's, by round trips: the quickest one says it best."""

from __future__ import annotations

import dataclasses
import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclasses.dataclass(slots=True)
class ClockOffset:
    """Built up from round trips.

    Attributes:
        offset_s: the master's clock minus ours; both are monotonic, with zeros of their own.
        error_s: by which it may be wrong, half of the quickest round trip; infinite before the first.
    """

    clock: Callable[[], float] = time.perf_counter
    offset_s: float = 0.0
    error_s: float = math.inf

    def answered(self, asked_s: float, master_s: float) -> None:
        """The master read its clock between our asking (by our clock) and now."""
        now = self.clock()
        error_s = (now - asked_s) / 2
        if error_s < self.error_s:
            self.error_s = error_s
            self.offset_s = master_s - (asked_s + now) / 2

    def ours(self, master_s: float) -> float:
        """A reading of the master's clock as our own clock would have shown it."""
        return master_s - self.offset_s

    def past(self, master_s: float) -> float:
        """`ours` of a moment that the master has told us of: it is over by our clock too, whatever the error says."""
        return min(self.ours(master_s), self.clock())
