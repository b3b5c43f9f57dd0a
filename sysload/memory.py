"""How much memory to hold next: slowly up to the target, never past the limit less a reserve, and down under pressure.

room = held + left - reserve           left: to the container's limit or the machine's end
held' = min(target, room, held + ramp × dt)
held' = min(room, held × ½^dt)         while pressed, and no more for CALM_S after it
"""

from __future__ import annotations

import dataclasses
import math

CALM_S = 15.0
"""After pressure nothing is taken for this long: `avg10` needs its ten seconds to forget."""

GRAIN_BYTES = 1 << 20
"""What is held differs from what was decided by less than this, as it is taken in pieces."""
SHORTEST_STEP_S, LONGEST_STEP_S = 1e-6, 1.0
"""Of a ramp in one go: who was idle, or stopped, for an hour does not take an hour's ramp at once."""


@dataclasses.dataclass(frozen=True, slots=True)
class Politeness:
    """When to hold back.

    Args:
        reserve_bytes: stays untaken below the limit.
        pressure_percent: of ten seconds that others may wait for memory; 100 = whatever they wait.
    """

    reserve_bytes: float
    pressure_percent: float


@dataclasses.dataclass(frozen=True, slots=True)
class Surroundings:
    """What the container shows.

    Args:
        left_bytes: that can be taken before its limit or the machine's end.
        stalled_percent: of the last ten seconds for which some task waited for memory; None without PSI.
    """

    left_bytes: float
    stalled_percent: float | None


class Appetite:
    """Decides; keeps in mind when memory was last short.

    Attributes:
        reason: in words why less is held than asked; empty if nothing stands against it.
    """

    def __init__(self, politeness: Politeness, now_s: float) -> None:
        self.reason = ""
        self._politeness = politeness
        self._now_s = now_s
        self._level = 0.0
        self._pressed_s = -math.inf

    def next_bytes(self, now_s: float, held: float, target: float, ramp_per_s: float, around: Surroundings) -> float:
        """Bytes to hold now; the arguments in bytes, bytes a second, and seconds of a clock that only rises."""
        dt, self._now_s = min(LONGEST_STEP_S, max(SHORTEST_STEP_S, now_s - self._now_s)), now_s
        room = max(0.0, held + around.left_bytes - self._politeness.reserve_bytes)
        # What is held comes in whole pieces; a ramp of less than a piece a step would never begin if it began there.
        level = self._level if abs(self._level - held) < GRAIN_BYTES else held
        self._level = min(target, room, self._step(now_s, level, ramp_per_s * dt, dt, around))
        if not self.reason and target > room:
            self.reason = "no more is left below the limit less the reserve"
        return self._level

    def _step(self, now_s: float, level: float, rise: float, dt: float, around: Surroundings) -> float:
        """The level that pressure allows, and the reason if it does not allow the rise."""
        if self._is_pressed(around):
            self._pressed_s = now_s
            self.reason = f"others wait for memory {around.stalled_percent:.0f} % of the time"
            return level * math.pow(0.5, dt)
        if now_s - self._pressed_s < CALM_S:
            self.reason = "others waited for memory a moment ago"
            return level
        self.reason = ""
        return level + rise

    def _is_pressed(self, around: Surroundings) -> bool:
        most = self._politeness.pressure_percent
        return around.stalled_percent is not None and most < around.stalled_percent


def ramped(before: float, target: float, ramp_per_s: float, dt_s: float) -> float:
    """The target as far as a ramp has come: up at its pace, down at once."""
    return min(target, before + ramp_per_s * dt_s)
