"""When one user's requests are intended: times that are fixed when the user starts, whatever the answers do."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator


def regular(start_s: float, period_s: float, rng: random.Random) -> Iterator[float]:
    """Equal gaps, the first request at a random part of a period after the start.

    Each time is start + phase + k × period, computed anew: no error adds up over a long run.
    """
    first = start_s + rng.random() * period_s
    return (first + k * period_s for k in itertools.count())


def poisson(start_s: float, period_s: float, rng: random.Random) -> Iterator[float]:
    """Exponential gaps with mean `period_s`: the arrivals of many independent people."""
    at = start_s
    while True:
        at -= math.log(1.0 - rng.random()) * period_s
        yield at


ARRIVALS = {"regular": regular, "poisson": poisson}
"""By the name that settings give."""
