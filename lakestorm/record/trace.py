"""A curve in bounded memory: the numbers of one series with their moments."""

from __future__ import annotations

import array
import bisect
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

POINTS_MAX = 36_000
"""Ten hours of a reading a second. What is longer loses every other point, evenly over the whole curve."""


class Trace:
    """Points as they come, in the order of their moments."""

    def __init__(self) -> None:
        self._seconds = array.array("d")
        self._values = array.array("d")
        self._each = 1
        self._passed = 0

    def __len__(self) -> int:
        return len(self._seconds)

    def add(self, second: float, value: float) -> None:
        """Append a point, unless the curve is thinned out by now and this is one of those left out."""
        self._passed += 1
        if self._passed % self._each:
            return
        self._seconds.append(second)
        self._values.append(value)
        if len(self._seconds) > POINTS_MAX:
            self._seconds, self._values = self._seconds[1::2], self._values[1::2]
            self._each *= 2

    def since(self, second: float) -> tuple[Floats, Floats]:
        """(seconds, values) from a moment on, as copies; shapes (n,)."""
        first = bisect.bisect_left(self._seconds, second)
        return np.array(self._seconds[first:]), np.array(self._values[first:])

    def whole(self) -> tuple[Floats, Floats]:
        """(seconds, values) of all points, as copies; shapes (n,)."""
        return np.array(self._seconds), np.array(self._values)


def quantile_of_each(groups: Floats, values: Floats, quantile: float) -> tuple[Floats, Floats]:
    """(groups, the quantile of the values in each), groups ascending; `inverted_cdf`. Shapes (n,), (n,) → (groups,).

    One sort for all: a call of numpy for each group would take 20 µs a group.
    """
    order = np.lexsort((values, groups))
    found, firsts, counts = np.unique(groups[order], return_index=True, return_counts=True)
    ranks = np.maximum(np.ceil(quantile * counts - 1e-9).astype(np.int64) - 1, 0)
    return found, values[order][firsts + ranks]
