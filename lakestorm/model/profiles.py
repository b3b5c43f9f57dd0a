"""Load over time, without units: what part of the peak is there when the part x of the run is over.

    profile: [0, 1] → [0, 1]        users(t) = round(peak × profile(t / T))

Mistakes in a profile's arguments are told at once, in one ValueError.
"""

from __future__ import annotations

import abc
import bisect
import dataclasses
import itertools
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Profile(abc.ABC):
    """A function on [0, 1] → [0, 1]; arguments outside of it count as its ends."""

    @abc.abstractmethod
    def value(self, x: float) -> float:
        """The part of the peak at x; both in [0, 1], up to the last bit of a float."""

    @property
    def is_continuous(self) -> bool:
        """Whether it has no jump."""
        return True

    @property
    def shortest(self) -> float:
        """The part of a run that its shortest stage lasts: what is lost if nobody looks meanwhile.

        A stage is a level that is held, or a hill or dip at half its height. Rises and falls between them are none:
        who misses one finds its end.
        """
        return 1.0

    def __call__(self, x: float) -> float:
        """The part of the peak at x, in [0, 1]."""
        return min(1.0, max(0.0, self.value(min(1.0, max(0.0, x)))))


@dataclasses.dataclass(frozen=True)
class Steady(Profile):
    """All the time the same.

        y = level

    Args:
        level: part of the peak, 0…1.
    """

    level: float = 1.0

    def __post_init__(self) -> None:
        refuse(self, wrong_parts(level=self.level))

    def value(self, x: float) -> float:  # noqa: ARG002 - a constant
        """See the class."""
        return self.level


@dataclasses.dataclass(frozen=True)
class Line(Profile):
    """Straight from point to point.

        y = y₀ + (y₁ - y₀) (x - x₀) / (x₁ - x₀)    between neighbours

    Args:
        points: (x, y), at least two, x rising from 0 to 1, y in 0…1.
    """

    points: Sequence[tuple[float, float]]

    def __post_init__(self) -> None:
        xs = [x for x, _ in self.points]
        problems = list(wrong_parts(**{f"y of point {i}": y for i, (_, y) in enumerate(self.points, 1)}))
        if len(xs) < 2 or xs[0] != 0 or xs[-1] != 1 or not is_rising(xs):  # noqa: PLR2004 - two ends
            problems.append(f"x of the points is {xs}: at least two numbers are wanted that rise from 0 to 1")
        refuse(self, problems)

    @property
    def shortest(self) -> float:
        """The shortest level, or half the foot of the narrowest hill or dip."""
        levels = [x1 - x0 for (x0, y0), (x1, y1) in itertools.pairwise(self.points) if y0 == y1]
        threes = zip(self.points, self.points[1:], self.points[2:], strict=False)
        turns = [(x2 - x0) / 2 for (x0, y0), (_, y1), (x2, y2) in threes if (y1 - y0) * (y2 - y1) < 0]
        return min([1.0, *levels, *turns])

    def value(self, x: float) -> float:
        """See the class."""
        return interpolated(self.points, x)


@dataclasses.dataclass(frozen=True)
class Steps(Profile):
    """Levels that are held until the next begins.

        y = level of the last stage that began at or before x

    Args:
        stages: (begin, level), at least one; begin rises from 0 and stays below 1, level in 0…1.
    """

    stages: Sequence[tuple[float, float]]

    def __post_init__(self) -> None:
        begins = [begin for begin, _ in self.stages]
        problems = list(wrong_parts(**{f"level of stage {i}": y for i, (_, y) in enumerate(self.stages, 1)}))
        if not begins or begins[0] != 0 or not is_rising([*begins, 1]):
            problems.append(f"begins are {begins}: numbers are wanted that rise from 0 and stay below 1")
        refuse(self, problems)

    @property
    def is_continuous(self) -> bool:
        """Only where it has one level."""
        return len({level for _, level in self.stages}) == 1

    @property
    def shortest(self) -> float:
        """The shortest stage."""
        begins = [begin for begin, _ in self.stages]
        return min(b - a for a, b in itertools.pairwise([*begins, 1.0]))

    def value(self, x: float) -> float:
        """See the class."""
        return self.stages[bisect.bisect_right(self.stages, x, key=lambda stage: stage[0]) - 1][1]


@dataclasses.dataclass(frozen=True)
class Phases(Profile):
    """Profiles one after the other, each over its own part of the run.

        y = profileᵢ((x - untilᵢ₋₁) / (untilᵢ - untilᵢ₋₁))    where untilᵢ₋₁ ≤ x < untilᵢ, until₀ = 0

    Args:
        parts: (until, profile), until rising from above 0 to 1.
    """

    parts: Sequence[tuple[float, Profile]]

    def __post_init__(self) -> None:
        ends = [until for until, _ in self.parts]
        if not ends or ends[-1] != 1 or not is_rising([0, *ends]):
            refuse(self, [f"ends are {ends}: numbers are wanted that rise from above 0 to 1"])

    @property
    def is_continuous(self) -> bool:
        """Where each part is, and begins where the one before it ends."""
        profiles = [profile for _, profile in self.parts]
        joints = itertools.pairwise(profiles)
        return all(p.is_continuous for p in profiles) and all(math.isclose(a(1), b(0), abs_tol=1e-9) for a, b in joints)

    @property
    def shortest(self) -> float:
        """The shortest stage of any part."""
        bounds = itertools.pairwise([0.0, *(until for until, _ in self.parts)])
        return min((b - a) * profile.shortest for (a, b), (_, profile) in zip(bounds, self.parts, strict=True))

    def value(self, x: float) -> float:
        """See the class."""
        ends = [until for until, _ in self.parts]
        i = min(bisect.bisect_right(ends, x), len(ends) - 1)
        start = ends[i - 1] if i else 0.0
        return self.parts[i][1]((x - start) / (ends[i] - start))


def interpolated(points: Sequence[tuple[float, float]], x: float) -> float:
    """Return y at x, straight between the neighbours of (x, y) points with rising x; outside of them the nearest y."""
    i = bisect.bisect_right(points, x, key=lambda point: point[0])
    if i in (0, len(points)):
        return points[min(i, len(points) - 1)][1]
    (x0, y0), (x1, y1) = points[i - 1], points[i]
    return y0 + (y1 - y0) * ((x - x0) / (x1 - x0))


def is_rising(numbers: Sequence[float]) -> bool:
    """Whether each number is above the one before it."""
    return all(a < b for a, b in itertools.pairwise(numbers))


def wrong_parts(**values: float) -> Iterable[str]:
    """A clause for each value that is no part of a whole."""
    return [f"{name} is {value}: a number in 0…1 is wanted" for name, value in values.items() if not 0 <= value <= 1]


def wrong_sizes(**values: float) -> Iterable[str]:
    """A clause for each value that is no finite number above 0."""
    return [f"{name} is {value}: a number > 0 is wanted" for name, value in values.items() if not 0 < value < math.inf]


def refuse(profile: Any, problems: Iterable[str]) -> None:
    """Raise ValueError with all problems of a profile, if there are any."""
    if told := "; ".join(problems):
        raise ValueError(f"{type(profile).__name__}: {told}.")
