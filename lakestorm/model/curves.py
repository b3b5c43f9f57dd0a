"""Profiles that bend: hills, waves, fading interest."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from lakestorm.model.profiles import Profile, refuse, wrong_parts, wrong_sizes

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Hill:
    """One hill of `Hills`.

    Args:
        at: where its top is, 0…1.
        height: of its top, 0…1.
        width: at half its height, as part of the run, > 0; its foot is twice as wide.
    """

    at: float
    height: float
    width: float


@dataclasses.dataclass(frozen=True)
class Hills(Profile):
    """Smooth hills (raised cosines) on a plain; where two meet, the higher one counts.

        y = base + max over hills of (height - base) cos²(π (x - at) / (2 width))    where |x - at| < width

    Args:
        base: height of the plain, 0…1.
        hills: at least one, none below the plain.
    """

    base: float
    hills: Sequence[Hill]

    def __post_init__(self) -> None:
        problems = list(wrong_parts(base=self.base)) + ([] if self.hills else ["there is no hill"])
        for i, hill in enumerate(self.hills, 1):
            problems += wrong_parts(**{f"top of hill {i}": hill.at, f"height of hill {i}": hill.height})
            problems += wrong_sizes(**{f"width of hill {i}": hill.width})
            if hill.height < self.base:
                problems.append(f"height of hill {i} is {hill.height}: at least the base, {self.base}, is wanted")
        refuse(self, problems)

    @property
    def shortest(self) -> float:
        """The narrowest hill at half its height."""
        return min([1.0, *(hill.width for hill in self.hills)])

    def value(self, x: float) -> float:
        """See the class."""
        near = [hill for hill in self.hills if abs(x - hill.at) < hill.width]
        rises = ((h.height - self.base) * math.cos(math.pi * (x - h.at) / (2 * h.width)) ** 2 for h in near)
        return self.base + max(rises, default=0.0)


@dataclasses.dataclass(frozen=True)
class Decay(Profile):
    """Interest that fades: the distance to where it ends halves again and again.

        y = end + (start - end) 2^(-x / half_life)

    Args:
        start: at x = 0, 0…1.
        end: what it comes near to, 0…1.
        half_life: as part of the run, > 0.
    """

    start: float
    end: float
    half_life: float

    def __post_init__(self) -> None:
        refuse(self, [*wrong_parts(start=self.start, end=self.end), *wrong_sizes(half_life=self.half_life)])

    def value(self, x: float) -> float:
        """See the class."""
        return self.end + (self.start - self.end) * 2 ** (-x / self.half_life)


@dataclasses.dataclass(frozen=True)
class Waves(Profile):
    """Up and down, smoothly, from the trough.

        y = low + (high - low) (1 - cos(2π count x)) / 2

    Args:
        low: trough, 0…1.
        high: crest, low…1.
        count: how many waves in the run, > 0.
    """

    low: float
    high: float
    count: float

    def __post_init__(self) -> None:
        problems = [*wrong_parts(low=self.low, high=self.high), *wrong_sizes(count=self.count)]
        if self.high < self.low:
            problems.append(f"high is {self.high}: at least low, {self.low}, is wanted")
        refuse(self, problems)

    @property
    def shortest(self) -> float:
        """Half a wave."""
        return min(1.0, 0.5 / self.count)

    def value(self, x: float) -> float:
        """See the class."""
        return self.low + (self.high - self.low) * (1 - math.cos(2 * math.pi * self.count * x)) / 2
