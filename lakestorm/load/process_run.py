"""What every process of a run has: its parts, its counts, its clock, and a look at itself."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any, TypeVar

import gevent
import gevent.event

from lakestorm.load.machine import quiet_collector
from lakestorm.load.part import RunContext, RunPart
from lakestorm.load.self_watch import SelfWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from locust.env import Environment

    from lakestorm.load.part import Role, RunRecord, Scenario
    from lakestorm.model.orders import RunKey
    from lakestorm.settings import Settings

P = TypeVar("P", bound=RunPart)
ORDINALS = 1_000_000
"""Users of one process; those of the next are numbered from there."""
STEP_PAUSE_S = 0.0005
"""Between steps of the accounts. A sleep of 0 lets gevent go on with them for 5 ms before it looks whether an answer or
a moment has come: once a second, all that is due would be late."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What all processes of a run know alike: see RunContext."""

    key: RunKey
    doors_open_s: float
    run_time_s: float | None
    users: int | None
    orders: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)


class ProcessRun:
    """One run in one process.

    Args:
        environment: Locust's.
        settings: as loaded at the edge.
        facts: of the run.
        role: of this process in it.
    """

    def __init__(self, environment: Environment, settings: Settings, facts: RunFacts, role: Role) -> None:
        self.environment = environment
        self.settings = settings
        self.facts = facts
        self.key, self.doors_open_s = facts.key, facts.doors_open_s
        self.role = role
        self.shares = 1
        """See RunContext."""
        self.origin = time.perf_counter()
        self.started_at = time.time()
        self.each_second: list[Callable[[int, int], None]] = []
        """Called with (seconds since the start, users) after each second's counts are in; must be quick."""
        self.parts: list[RunPart] = []
        self.watch = SelfWatch()
        self._ordinals = role.process * ORDINALS
        self._rotation: gevent.Greenlet | None = None
        self._over = gevent.event.Event()

    def begin(self, scenarios: Sequence[Scenario], record: RunRecord, folder: Path) -> None:
        """Make the parts. If one refuses, the caller lets go of those before it: see `abandon`."""
        context = RunContext(
            environment=self.environment,
            settings=self.settings,
            role=self.role,
            recorder=record,
            key=self.facts.key,
            folder=folder,
            doors_open_s=self.facts.doors_open_s,
            run_time_s=self.facts.run_time_s,
            users=self.facts.users,
            clock_origin=lambda: self.origin,
            started_at=lambda: self.started_at,
            orders=self.facts.orders,
            shares=lambda: self.shares,
        )
        self.parts += (scenario.begin(context) for scenario in scenarios)
        self.parts += self.beside(context)

    def beside(self, context: RunContext) -> Iterator[RunPart]:  # noqa: ARG002 - for those who have some
        """Parts that come beside the scenarios' own."""
        yield from ()

    def abandon(self) -> None:
        """The run does not take place."""
        for part in self.parts:
            part.abandon()

    def start_clock(self, origin: float, started_at: float) -> None:
        """Second 0 is at `origin` by the clock, and at `started_at` in seconds since 1970."""
        quiet_collector()
        self.origin, self.started_at = origin, started_at
        self._rotation = gevent.spawn(self._rotate)
        self.watch.start()
        for part in self.parts:
            part.start()

    def end(self) -> None:
        """The last user has stopped: close the last whole second, then the parts."""
        self.watch.stop()
        self._over.set()
        gevent.joinall([self._rotation])  # not killed: rows already taken from the record would be lost
        for part in self.parts:
            part.stop()

    def next_ordinal(self) -> int:
        """A number for one more user; never given twice in a run."""
        self._ordinals += 1
        return self._ordinals

    def part(self, kind: type[P]) -> P:
        """The part of this kind; raises LookupError if the run has none."""
        return next(part for part in self.parts if isinstance(part, kind))

    def elapsed_s(self) -> float:
        """Seconds since the run's start."""
        return time.perf_counter() - self.origin

    def rotate(self, second: int) -> Iterator[None]:
        """Count what ended before a second of the run; yields between steps of a millisecond or two."""
        raise NotImplementedError

    def _rotate(self) -> None:
        """Close each second soon after its end, in steps that let others run, until the run is over."""
        while not self._over.wait(1.0 - self.elapsed_s() % 1.0 + 0.005):
            runner = self.environment.runner
            users = runner.user_count if runner else 0
            second = int(self.elapsed_s())
            for _ in self.rotate(second):
                gevent.sleep(STEP_PAUSE_S)
            for tell in self.each_second:
                tell(second, users)

    def self_readings(self) -> dict[str, Any]:
        """What this process saw of its own event loop and CPU."""
        readings = self.watch.readings()
        if readings["loop_lag_ms"]:
            readings["loop_lag_ms"] = dataclasses.asdict(readings["loop_lag_ms"])
        return readings
