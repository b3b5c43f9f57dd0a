"""Locust's own table: with three significant digits instead of whole milliseconds, and fed a second at a time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import locust.stats
import numpy as np
from locust.stats import StatsEntry

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    from locust.env import Environment

EXACT_BELOW_MS = 0.001


def three_digits(response_ms: float) -> float:
    """A response time rounded to three significant digits, so that its keys stay few: under 1 µs counts as 0.

    Called twice a request: the common sizes are told apart by comparing, which takes half as long as a logarithm.
    """
    if 1.0 <= response_ms < 1000.0:  # noqa: PLR2004 - powers of ten
        return round(response_ms, 2 if response_ms < 10.0 else 1 if response_ms < 100.0 else 0)  # noqa: PLR2004
    if response_ms < EXACT_BELOW_MS:
        return 0.0
    return round(response_ms, 2 - math.floor(math.log10(response_ms)))


def keep_three_digits() -> None:
    """Make Locust keep them; its default rounds 0.4 ms to 0 and 147 ms to 150."""
    locust.stats.bucket_response_time = three_digits


class SecondsToLocust:
    """Adds a run's requests to Locust's own statistics a second at a time, the way workers' reports are added.

    Firing Locust's request event costs 4 µs a request, and 12 µs where the caches are cold: a fifth of all that a buy
    costs. It is fired for each request only where somebody besides Locust listens.

    Args:
        environment: whose statistics.
        started_at: when second 0 is, in seconds since 1970, once the run has started.
    """

    def __init__(self, environment: Environment, started_at: Callable[[], float]) -> None:
        self._stats = environment.stats
        self._started_at = started_at

    def add(self, record_name: str, second: int, durations_s: npt.NDArray[np.float64]) -> None:
        """Add the answers of one second; shape (n,), n ≥ 1."""
        request_type, _, name = record_name.partition(" ")
        ended_at = int(self._started_at()) + second
        entry = StatsEntry(self._stats, name, request_type)
        entry.num_requests = len(durations_s)
        entry.num_reqs_per_sec[ended_at] = len(durations_s)
        entry.last_request_timestamp = ended_at
        entry.total_response_time = float(durations_s.sum()) * 1e3
        entry.min_response_time, entry.max_response_time = (float(edge(durations_s)) * 1e3 for edge in (np.min, np.max))
        entry.response_times = times_by_three_digits(durations_s * 1e3)
        self._stats.total.extend(entry)
        self._stats.entries[name, request_type].extend(entry)


def is_only_locust_listening(environment: Environment) -> bool:
    """Whether nobody but Locust's own statistics hears of single requests."""
    return len(environment.events.request._handlers) == 1  # noqa: SLF001 - an EventHook does not tell otherwise


def times_by_three_digits(response_ms: npt.NDArray[np.float64]) -> dict[float, int]:
    """{time: how many}, times rounded to three significant digits; shape (n,)."""
    exponents = np.floor(np.log10(np.maximum(response_ms, EXACT_BELOW_MS))).astype(np.int64)
    digits = np.rint(response_ms * 10.0 ** (2 - exponents)).astype(np.int64)
    codes, counts = np.unique(exponents * 10_000 + digits, return_counts=True)
    found: dict[float, int] = {}
    for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
        exponent, digit = divmod(code, 10_000)
        time_ms = round(digit * 10.0 ** (exponent - 2), 2 - exponent)
        found[time_ms] = found.get(time_ms, 0) + count
    return found
