"""Locust's own table with three significant digits instead of whole milliseconds."""

from __future__ import annotations

import math

import locust.stats

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
