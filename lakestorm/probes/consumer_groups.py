"""How far are the application's consumers behind, in messages and in time, and are they all right?"""

from __future__ import annotations

import dataclasses
import fnmatch
import time
from typing import TYPE_CHECKING, ClassVar

from lakestorm.errors import ProbeError
from lakestorm.probes.asking import Value
from lakestorm.probes.burrow import ConsumerWindow, Status
from lakestorm.probes.lag import PartitionLag, lag_from_offsets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lakestorm.probes.asking_kafka import KafkaQuestions, Place

STATES = ", ".join(f"{status.value} {status.name.lower()}" for status in Status)
NO_COMMIT = "it has committed nothing yet"
NOBODY = "there is no such group, or it has committed nothing and has no members"


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """Where a group stands.

    Attributes:
        committed: next offset it wants, by partition.
        uncommitted: partitions that its members read without having committed.
        has_members: whether anybody is in it.
    """

    committed: dict[Place, int]
    uncommitted: set[Place]
    has_members: bool

    @property
    def places(self) -> set[Place]:
        """Every partition that it reads."""
        return set(self.committed) | self.uncommitted


@dataclasses.dataclass(frozen=True, slots=True)
class GroupLag:
    """One group at one moment; `status` is None where it has committed nothing."""

    lag: int
    lag_s: float
    status: Status | None


class ConsumerGroups:
    """Groups by name, or by patterns as `flink-*`: the sum and the worst of all, and each.

    A partition that a member reads and for which nothing was committed counts from its beginning.

    Args:
        brokers: who is asked.
        wanted: names and patterns, comma between.
    """

    name: ClassVar[str] = "consumer_group"
    units: ClassVar[Mapping[str, str]] = {"lag": "messages", "lag_s": "s", "status": STATES}

    def __init__(self, brokers: KafkaQuestions, wanted: str, clock: Callable[[], float] = time.perf_counter) -> None:
        self._brokers = brokers
        self._wanted = [word.strip() for word in wanted.split(",") if word.strip()]
        self._clock = clock
        self._lags: dict[tuple[str, Place], PartitionLag] = {}
        self._windows: dict[tuple[str, Place], ConsumerWindow] = {}

    def sample(self) -> Iterator[Value]:
        """See Probe. What is committed is read first and the ends after it: see lag_from_offsets."""
        groups = self._groups()
        if not groups:
            self._brokers.look_again()
            raise ProbeError(f"there is no consumer group {', '.join(self._wanted)}")
        standings = self._standings(groups)
        known = [standing for standing in standings.values() if isinstance(standing, Standing)]
        there = self._brokers.existing(place for standing in known for place in standing.places)
        ends = self._brokers.ends(there)
        starts = self._brokers.beginnings(there & {place for standing in known for place in standing.uncommitted})
        at = self._clock()
        lags = {
            group: standing if isinstance(standing, ProbeError) else self._lag(at, group, standing, ends, starts)
            for group, standing in standings.items()
        }
        yield from values_of(lags)

    def _groups(self) -> list[str]:
        """Names as they stand in the settings, and every group that fits a pattern."""
        patterns = [word for word in self._wanted if any(sign in word for sign in "*?[")]
        names = [word for word in self._wanted if word not in patterns]
        there = self._brokers.groups() if patterns else []
        return list(dict.fromkeys([*names, *(g for g in there for p in patterns if fnmatch.fnmatchcase(g, p))]))

    def _standings(self, groups: Sequence[str]) -> dict[str, Standing | ProbeError]:
        members = self._brokers.members(groups)
        reads = {group: {place for member in members[group] for place in member} for group in groups}
        found: dict[str, Standing | ProbeError] = {}
        for group, offsets in self._brokers.committed(reads).items():
            if isinstance(offsets, ProbeError):
                found[group] = offsets
            elif not offsets and not members[group]:
                found[group] = ProbeError(NOBODY)
            else:
                found[group] = Standing(offsets, reads[group] - set(offsets), bool(members[group]))
        return found

    def _lag(
        self,
        at: float,
        group: str,
        standing: Standing,
        ends: Mapping[Place, int | ProbeError],
        starts: Mapping[Place, int | ProbeError],
    ) -> GroupLag | ProbeError:
        """Partitions together: messages are added up, seconds and states are the worst."""
        lag, lag_s, states = 0, 0.0, []
        for place in standing.places & set(ends):
            end, offset = ends[place], standing.committed.get(place, starts.get(place, 0))
            if isinstance(end, ProbeError) or isinstance(offset, ProbeError):
                return end if isinstance(end, ProbeError) else ProbeError(str(offset))
            behind = lag_from_offsets(offset, end)
            lag += behind
            lag_s = max(lag_s, self._lags.setdefault((group, place), PartitionLag()).behind_s(at, offset, end))
            if place in standing.committed:
                window = self._windows.setdefault((group, place), ConsumerWindow())
                states.append(window.look(at, offset, behind, has_members=standing.has_members))
        return GroupLag(lag, lag_s, max(states, default=None))


def values_of(lags: Mapping[str, GroupLag | ProbeError]) -> Iterator[Value]:
    """All groups together, then each; together there is no number where one group has none."""
    errors = [f"{group}: {lag}" for group, lag in lags.items() if isinstance(lag, ProbeError)]
    known = [lag for lag in lags.values() if isinstance(lag, GroupLag)]
    if errors:
        yield from (Value(name, None, unit, errors[0]) for name, unit in ConsumerGroups.units.items())
    else:
        states = [lag.status for lag in known if lag.status is not None]
        worst = max(states) if len(states) == len(known) else None
        yield from of_one(GroupLag(sum(lag.lag for lag in known), max(lag.lag_s for lag in known), worst))
    for group, lag in lags.items():
        if isinstance(lag, GroupLag):
            yield from of_one(lag, f".{group}")
        else:
            yield from (Value(f"{n}.{group}", None, unit, str(lag)) for n, unit in ConsumerGroups.units.items())


def of_one(lag: GroupLag, ending: str = "") -> Iterator[Value]:
    """The three numbers of a group."""
    units = ConsumerGroups.units
    yield Value(f"lag{ending}", float(lag.lag), units["lag"])
    yield Value(f"lag_s{ending}", lag.lag_s, units["lag_s"])
    status = None if lag.status is None else float(lag.status)
    yield Value(f"status{ending}", status, units["status"], "" if lag.status is not None else NO_COMMIT)
