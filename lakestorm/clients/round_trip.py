"""How long a system takes to answer its smallest question."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ASKED = 3


def round_trip_ms(ask: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Milliseconds, the median of a few times; connected beforehand, so that a handshake is in none of them."""
    times = []
    for _ in range(ASKED):
        start_s = clock()
        ask()
        times.append((clock() - start_s) * 1e3)
    return statistics.median(times)
