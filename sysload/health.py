"""What the answers of one check amount to: up or down, since when, how often that changed, does it flap."""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from typing import Literal

State = Literal["up", "down", "unknown"]

HISTORY = 20
"""Changes between so many pairs of neighbouring answers are looked at."""
FLAPS_FROM = 0.30
FLAPS_UNTIL = 0.20
OLDEST_WEIGHT, NEWEST_WEIGHT = 0.8, 1.2
TRANSITIONS_KEPT = 1000
LATENCIES_KEPT = 1000


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """One asking.

    Args:
        began_s: when it was asked, on a clock that never steps back.
        ended_s: when the answer was complete, or was given up.
        error: why it counts as down; empty if it is up.
    """

    began_s: float
    ended_s: float
    error: str = ""

    @property
    def is_up(self) -> bool:
        """Whether it answered as it should."""
        return not self.error

    @property
    def latency_s(self) -> float:
        """From asked to answered; infinite without an answer, so that a failure never looks fast."""
        return self.ended_s - self.began_s if self.is_up else math.inf


@dataclasses.dataclass(frozen=True, slots=True)
class Transition:
    """A change of state.

    Args:
        at_s: when; down from the start of the first asking that failed, up from the end of the first that succeeded.
        to: the state that began.
        lasted_s: how long the state before it had lasted.
    """

    at_s: float
    to: State
    lasted_s: float


class Health:
    """The state of one check, moved by its answers in their order."""

    def __init__(self) -> None:
        self.last: Answer | None = None
        self.state: State = "unknown"
        self.since_s = 0.0
        self.changes = 0
        self.is_flapping = False
        self.transitions: deque[Transition] = deque(maxlen=TRANSITIONS_KEPT)
        self._changed: deque[bool] = deque(maxlen=HISTORY)

    def add(self, answer: Answer) -> None:
        """Take the next answer."""
        state: State = "up" if answer.is_up else "down"
        changed_at_s = answer.ended_s if answer.is_up else answer.began_s
        if self.state == "unknown":
            self.state, self.since_s = state, changed_at_s
        else:
            self._changed.append(state != self.state)
            if state != self.state:
                self._change(state, changed_at_s)
        self.last = answer
        self.is_flapping = flaps(flap_ratio(self._changed), is_flapping=self.is_flapping)

    def _change(self, state: State, at_s: float) -> None:
        self.changes += 1
        self.transitions.append(Transition(at_s, state, at_s - self.since_s))
        self.state, self.since_s = state, at_s


def flap_ratio(changed: deque[bool]) -> float:
    """Weighted share of the last 20 neighbouring pairs of answers that differ, 0…1; newer changes weigh more.

    ratio = Σ wᵢ·changedᵢ / 20, w from 0.8 (oldest) to 1.2 (newest) in equal steps. Pairs not yet seen count as equal.
    Source: Nagios Core, "Detection and Handling of State Flapping".
    """
    step = (NEWEST_WEIGHT - OLDEST_WEIGHT) / (HISTORY - 1)
    newest_first = enumerate(reversed(changed))
    return sum(NEWEST_WEIGHT - age * step for age, is_change in newest_first if is_change) / HISTORY


def flaps(ratio: float, *, is_flapping: bool) -> bool:
    """Whether it flaps: from 30 % on, until it is below 20 % again (Nagios Core's built-in bounds)."""
    return ratio >= (FLAPS_UNTIL if is_flapping else FLAPS_FROM)


@dataclasses.dataclass(frozen=True, slots=True)
class Quantiles:
    """Latencies of the last askings, failed ones as infinite.

    Args:
        count: askings that these stand for, at most 1000.
        p50_ms: median; None without any.
        p95_ms: 95th percentile.
        max_ms: the slowest.
    """

    count: int
    p50_ms: float | None = None
    p95_ms: float | None = None
    max_ms: float | None = None


class Latencies:
    """Latencies before any pressure and under it; what is asked between two spells of pressure is neither."""

    def __init__(self) -> None:
        self._before: deque[float] = deque(maxlen=LATENCIES_KEPT)
        self._under: deque[float] = deque(maxlen=LATENCIES_KEPT)

    def add(self, latency_s: float, pressure: Pressure) -> None:
        """Count one."""
        if pressure == "before":
            self._before.append(latency_s)
        elif pressure == "under":
            self._under.append(latency_s)

    @property
    def before(self) -> Quantiles:
        """Before the first pressure: the baseline."""
        return quantiles(self._before)

    @property
    def under(self) -> Quantiles:
        """While there was pressure."""
        return quantiles(self._under)


Pressure = Literal["before", "under", "between"]


def quantiles(latencies_s: deque[float]) -> Quantiles:
    """Quantiles by nearest rank: the smallest value that at least this share of all does not exceed."""
    ordered = sorted(latencies_s)
    if not ordered:
        return Quantiles(0)

    def rank(share: float) -> float:
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)] * 1000

    return Quantiles(len(ordered), rank(0.5), rank(0.95), ordered[-1] * 1000)
