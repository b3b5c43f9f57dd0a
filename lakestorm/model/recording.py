"""Users that were counted somewhere else, second by second, as a profile to be replayed."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from lakestorm.model.profiles import Profile, interpolated, is_rising, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Recording(Profile):
    """Counted users, straight between the rows, scaled by the largest count.

        y = users(first + x (last - first)) / max(users)

    A recording has no stages: rows that fall between two ticks of a compressed replay are passed over.

    Args:
        rows: (second, users), at least two; seconds rising and finite, users ≥ 0 and not all 0.
    """

    rows: Sequence[tuple[float, float]]

    def __post_init__(self) -> None:
        seconds, users = [s for s, _ in self.rows], [u for _, u in self.rows]
        problems = []
        if len(seconds) < 2 or not is_rising(seconds) or not all(map(math.isfinite, seconds)):  # noqa: PLR2004
            problems.append("at least two rows with rising seconds are wanted")
        if not all(0 <= u < math.inf for u in users) or not any(users):
            problems.append("users ≥ 0 are wanted, and more than 0 in some row")
        refuse(self, problems)

    @property
    def duration_s(self) -> float:
        """Seconds from the first row to the last."""
        return self.rows[-1][0] - self.rows[0][0]

    @property
    def peak_users(self) -> float:
        """The largest count."""
        return max(users for _, users in self.rows)

    def value(self, x: float) -> float:
        """See the class."""
        return interpolated(self.rows, self.rows[0][0] + x * self.duration_s) / self.peak_users
