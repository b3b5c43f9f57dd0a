"""Where a load was level, and how a number moved meanwhile: slopes over plateaus only, with their confidence.

A slope over a whole run says nothing: the load rises and falls in it. Over a plateau it says whether the pipeline
keeps up with that rate: Theodolite calls a rate sustainable where the slope of the consumers' lag, by least squares
after the warm-up, is not above a threshold (Henning and Hasselbring, "Theodolite: Scalability Benchmarking of
Distributed Stream Processing Engines in Microservice Architectures", 2021).
"""

from __future__ import annotations

import collections
import dataclasses
import math
import statistics
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

LEAST_S = 20
"""A plateau is at least this long."""
SHARE = 0.1
"""How far the offered rate may be from the plateau's middle, up and down."""
SMOOTH_S = 5
"""A second's rate is the mean of this many around it: where few come, Poisson arrivals scatter by more than SHARE."""
CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True, slots=True)
class Plateau:
    """A stretch of level load: from a second (included) to a second (excluded), and the mean rate offered in it."""

    from_s: int
    to_s: int
    offered_per_s: float


@dataclasses.dataclass(frozen=True, slots=True)
class Slope:
    """Growth a second, with the ends of its 95 % confidence interval; None where there are too few readings for one."""

    per_s: float
    low: float | None
    high: float | None


def plateaus(offered: npt.ArrayLike, warmup_s: float = 0.0) -> list[Plateau]:
    """All stretches of level load, the longest taken first, in the order of time; none overlaps another.

    Args:
        offered: requests by the second in which they were intended, from second 0; shape (seconds,). The last second
            should be a whole one.
        warmup_s: nothing before it counts.
    """
    counts = np.asarray(offered, dtype=np.float64)
    first = math.ceil(warmup_s)
    found = level_stretches(smoothed(counts[first:]))
    return [
        Plateau(first + start, first + end, float(counts[first + start : first + end].mean())) for start, end in found
    ]


def smoothed(counts: Floats) -> Floats:
    """Running means over SMOOTH_S seconds, over fewer at both ends; shape as given."""
    sums = np.concatenate([[0.0], np.cumsum(counts)])
    at = np.arange(len(counts))
    low, high = np.maximum(at - SMOOTH_S // 2, 0), np.minimum(at + SMOOTH_S // 2 + 1, len(counts))
    means: Floats = (sums[high] - sums[low]) / np.maximum(high - low, 1)
    return means


def level_stretches(rates: Floats, offset: int = 0) -> list[tuple[int, int]]:
    """(first, end) of stretches whose rates lie within ±SHARE of a middle, longest first, then on both sides of it."""
    pending, found = [(0, len(rates))], []
    while pending:
        start, end = pending.pop()
        first, last = longest_level(rates[start:end])
        if last - first < LEAST_S:
            continue
        found.append((offset + start + first, offset + start + last))
        pending += [(start, start + first), (start + last, end)]
    return sorted(found)


def longest_level(rates: Floats) -> tuple[int, int]:
    """The longest (first, end) with rates above 0 that differ by no more than ±SHARE; the earliest of equal ones."""
    ratio = (1 + SHARE) / (1 - SHARE)
    low: collections.deque[int] = collections.deque()
    high: collections.deque[int] = collections.deque()
    best, first = (0, 0), 0
    for at, rate in enumerate(rates.tolist()):
        while low and rates[low[-1]] >= rate:
            low.pop()
        while high and rates[high[-1]] <= rate:
            high.pop()
        low.append(at)
        high.append(at)
        while low and (rates[high[0]] > ratio * rates[low[0]] or rates[low[0]] <= 0):
            first = min(low[0], high[0]) + 1
            for extremes in (low, high):
                if extremes[0] < first:
                    extremes.popleft()
        if at + 1 - first > best[1] - best[0]:
            best = (first, at + 1)
    return best


def slope(seconds: Floats, values: Floats) -> Slope | None:
    """Least squares over readings; shapes (n,). None for fewer than three, or all at one moment.

    Neighbouring readings of a lag resemble each other, so that n of them tell less than n independent ones would: the
    interval counts them as n (1 - r) / (1 + r), r being the correlation of neighbouring residuals.
    Source: Santer et al., "Statistical significance of trends", J. Geophys. Res. 105, 2000, section 4.
    """
    count = len(seconds)
    if count < 3:  # noqa: PLR2004 - a line through two points has no error
        return None
    moments = seconds - seconds.mean()
    spread = float(moments @ moments)
    if spread == 0.0:
        return None
    per_s = float(moments @ (values - values.mean())) / spread
    residuals = values - values.mean() - per_s * moments
    effective = count * independence(residuals)
    if effective <= 3:  # noqa: PLR2004 - with no degree of freedom left there is no interval
        return Slope(per_s, None, None)
    error = math.sqrt(float(residuals @ residuals) / (effective - 2) / spread)
    reach = student_quantile((1 + CONFIDENCE) / 2, effective - 2) * error
    return Slope(per_s, per_s - reach, per_s + reach)


def independence(residuals: Floats) -> float:
    """(1 - r) / (1 + r) of neighbouring residuals, at most 1: an alternating series is not more than independent."""
    power = float(residuals @ residuals)
    if power == 0.0:
        return 1.0
    r = min(0.999, max(0.0, float(residuals[1:] @ residuals[:-1]) / power))
    return (1 - r) / (1 + r)


def student_quantile(probability: float, freedom: float) -> float:
    """Quantile of Student's t, to 0.1 % from 3 degrees of freedom on.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.5.
    """
    z = statistics.NormalDist().inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, 1))


def slopes_of(seconds: Floats, values: Floats, level: list[Plateau]) -> Iterator[tuple[Plateau, Slope]]:
    """The slope over each plateau in which enough was read; shapes (n,), seconds ascending."""
    for plateau in level:
        first, end = np.searchsorted(seconds, (plateau.from_s, plateau.to_s))
        found = slope(seconds[first:end], values[first:end])
        if found is not None:
            yield plateau, found
