"""A profile made concrete: how many users at each second of one run."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import TYPE_CHECKING

from lakestorm.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakestorm.model.profiles import Profile

TICK_S = 1.0
"""A shape is asked this often, at best."""

TICKS_A_STAGE = 2
"""Between two ticks of a distributed run up to two seconds pass (the master waits for its workers' reports): a stage
of two is seen by at least one of them, wherever it begins."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """How many users a run shall have.

        users(t) = round(peak_users × profile(t / run_time_s)),   0 ≤ t < run_time_s

    Args:
        name: of the shape.
        profile: what part of the peak, over the part of the run.
        peak_users: most users at one time, ≥ 1 (`-u`).
        run_time_s: T, long enough for the profile's shortest stage (`-t`).
        doors_open: when doors open, as a part of the run, 0…1; None = the shape does not say.

    Raises:
        UsageError: with every mistake in them.
    """

    name: str
    profile: Profile
    peak_users: int
    run_time_s: float
    doors_open: float | None = None

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise UsageError("\n".join(problems))

    @property
    def doors_open_s(self) -> float | None:
        """When doors open, in seconds since the start; None = the shape does not say."""
        return None if self.doors_open is None else self.doors_open * self.run_time_s

    @property
    def shortest_run_s(self) -> int:
        """The shortest run in which no stage passes between two ticks, in whole seconds."""
        return math.ceil(round(TICKS_A_STAGE * TICK_S / self.profile.shortest, 6))

    def users_at(self, elapsed_s: float) -> int:
        """Users at a moment; before the start as at the start, after the end as at the end."""
        return round(self.peak_users * self.profile(elapsed_s / self.run_time_s))

    def largest_change(self) -> int:
        """The most users that come or go from one tick to the next; none were there before the start."""
        ticks = (self.users_at(second * TICK_S) for second in range(math.ceil(self.run_time_s / TICK_S)))
        return max(abs(b - a) for a, b in itertools.pairwise(itertools.chain([0], ticks)))

    def _problems(self) -> Iterator[str]:
        if self.peak_users < 1:
            yield f"{self.name}: users (-u) are {self.peak_users}; a whole number ≥ 1 is wanted, the most at one time."
        if not self.shortest_run_s <= self.run_time_s < math.inf:
            yield (
                f"{self.name}: the run time (-t) is {self.run_time_s:g} s; at least {self.shortest_run_s} s are wanted."
                f" The shape's shortest stage is {self.profile.shortest:.3g} of the run, and one under"
                f" {TICKS_A_STAGE * TICK_S:g} s may pass between two ticks, unseen."
            )
        if self.doors_open is not None and not 0 <= self.doors_open <= 1:
            yield f"{self.name}: doors_open is {self.doors_open}; a part of the run, 0…1, is wanted."
