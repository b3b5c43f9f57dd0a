"""How the pressure moves: evenly, by the profile of a load shape, or by the rows of a file. Pure.

targets(t) = peak × profile(t mod T / T)          a shape by name; T = --duration or SYSLOAD_PHASES_S
targets(t) = the last row whose second ≤ t         a file
"""

from __future__ import annotations

import bisect
import dataclasses
from typing import TYPE_CHECKING, Protocol

from lakestorm.model.profiles import Phases, Steps
from sysload.second import Targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakestorm.model.profiles import Profile


class Plan(Protocol):
    """What is wanted when."""

    def at(self, elapsed_s: float) -> Phase:
        """The phase of a moment."""

    def peak(self) -> Targets:
        """The most of each that is ever wanted."""


@dataclasses.dataclass(frozen=True, slots=True)
class Phase:
    """What is wanted now.

    Args:
        name: for people, and for the time axis of a run's results.
        targets: memory without its ramp.
    """

    name: str
    targets: Targets


@dataclasses.dataclass(frozen=True, slots=True)
class Shaped:
    """A profile, again and again.

    Args:
        name: of the shape.
        profile: part of the peak over part of the time.
        most: the peak.
        lasts_s: one go of it, > 0.
    """

    name: str
    profile: Profile
    most: Targets
    lasts_s: float

    def at(self, elapsed_s: float) -> Phase:
        """See the module."""
        x = elapsed_s % self.lasts_s / self.lasts_s
        part = self.profile(x)
        targets = Targets(part * self.most.cpu_percent, part * self.most.memory_mb, part * self.most.disk_mbps)
        return Phase(self._name_at(x), targets)

    def peak(self) -> Targets:
        """As it was given: a profile's top is 1, or near it."""
        return self.most

    def _name_at(self, x: float) -> str:
        """The shape's name, with the stage where it has stages: `steps 2 of 5`."""
        begins = stages_of(self.profile)
        return f"{self.name} {bisect.bisect_right(begins, x)} of {len(begins)}" if len(begins) > 1 else self.name


def stages_of(profile: Profile) -> Sequence[float]:
    """Where the stages of a profile begin; one at 0 where it has none."""
    if isinstance(profile, Steps):
        return [begin for begin, _ in profile.stages]
    if isinstance(profile, Phases):
        return [0.0, *(until for until, _ in profile.parts[:-1])]
    return [0.0]


@dataclasses.dataclass(frozen=True, slots=True)
class Rows:
    """Levels of a file, each held until the next begins, the last for good.

    Args:
        rows: (second, phase), at least one, the first at 0, seconds rising.
    """

    rows: Sequence[tuple[float, Phase]]

    def at(self, elapsed_s: float) -> Phase:
        """See the module."""
        return self.rows[max(0, bisect.bisect_right(self.rows, elapsed_s, key=lambda row: row[0]) - 1)][1]

    def peak(self) -> Targets:
        """The most of each in any row."""
        targets = [phase.targets for _, phase in self.rows]
        return Targets(*(max(column) for column in zip(*map(dataclasses.astuple, targets), strict=True)))
