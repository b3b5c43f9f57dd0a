"""One run while it goes on: its folder, its record, its parts, and in the end its verdict."""

from __future__ import annotations

import dataclasses
import secrets
import time
from typing import TYPE_CHECKING, Any, TypeVar

import gevent
import gevent.event

from lakestorm.load import beside
from lakestorm.load.audits import audit_in_own_process
from lakestorm.load.locust_stats import SecondsToLocust, is_only_locust_listening
from lakestorm.load.machine import command_line, quiet_collector
from lakestorm.load.part import RunContext, RunPart, Scenario
from lakestorm.load.self_watch import SelfWatch
from lakestorm.model.orders import RunKey
from lakestorm.record.manifest import FORMAT, Run, ShapeSummary
from lakestorm.record.recorder import Recorder
from lakestorm.record.results import ResultsWriter, new_folder
from lakestorm.verdict.backlog import trends
from lakestorm.verdict.selfcheck import generator_faults

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from locust.env import Environment

    from lakestorm.settings import Settings

P = TypeVar("P", bound=RunPart)


class LiveRun:
    """Everything that one run needs from its first moment to its results.

    Args:
        environment: Locust's.
        settings: as loaded at the edge.
        scenarios: what runs.
        machine: where the load is made, and the versions of the services under it.
    """

    def __init__(
        self, environment: Environment, settings: Settings, scenarios: Sequence[Scenario], machine: dict[str, Any]
    ) -> None:
        self.environment = environment
        self.settings = settings
        self.doors_open_s = doors_open_s(environment, settings)
        self.users_peak = 0
        self.stopped_by = ""
        self._machine = machine
        self._names = [scenario.name for scenario in scenarios]
        self._ordinals = 0
        self.each_second: list[Callable[[int, int], None]] = []
        """Called with (seconds since the start, users) after each second's counts are in; must be quick."""
        self._rotation: gevent.Greenlet | None = None
        self._over = gevent.event.Event()
        self._watch = SelfWatch()
        self._ended_at: float | None = None
        self.started_at = time.time()
        self.key = RunKey.new(int(self.started_at * 1e3), secrets.randbits(16))
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self.started_at))
        run = settings.run
        name = f"{stamp}-{'+'.join(self._names)}"
        with new_folder(run.results_dir, name, run.results_keep) as self.folder:
            self._begin(scenarios)

    def _begin(self, scenarios: Sequence[Scenario]) -> None:
        """Open what the run needs; whatever refuses, and what came before it, is let go of."""
        environment = self.environment
        self.origin = time.perf_counter()
        self._writer = ResultsWriter(self.folder)
        to_locust = SecondsToLocust(environment, lambda: self.started_at).add
        tell = to_locust if is_only_locust_listening(environment) else None
        self.recorder = Recorder(self._writer, warmup_s=self.settings.run.warmup_s, tell=tell)
        self._parts: list[RunPart] = []
        try:
            for scenario in scenarios:
                self._parts.append(scenario.begin(self._context()))
            for part in beside.parts(self._context(), tuple(self._parts)):
                self._parts.append(part)
        except BaseException:
            for part in self._parts:
                part.abandon()
            self._writer.close()
            raise

    def start(self) -> None:
        """Start the clock: second 0 is now."""
        quiet_collector()
        self.origin = time.perf_counter()
        self.started_at = time.time()
        self._writer.start(self.started_at)
        self.recorder.start(self.origin)
        self._writer.write_run(self.summary(complete=False, ledger={}))
        self._rotation = gevent.spawn(self._rotate)
        self._watch.start()
        for part in self._parts:
            part.start()

    def stop(self) -> Run:
        """The last user has stopped: drain, write everything, audit; the run without thresholds and verdict."""
        self._ended_at = time.time()
        self._watch.stop()
        self._over.set()
        gevent.joinall([self._rotation])  # not killed: rows already taken from the record would be lost
        for part in self._parts:
            part.stop()
        for _ in self.recorder.finish():
            gevent.sleep(0)
        self._writer.write_run(self.summary(complete=False, ledger={}))
        ledger = audit_in_own_process(self.folder) if any(part.has_books for part in self._parts) else {}
        return self.summary(complete=True, ledger=ledger)

    def write(self, run: Run) -> None:
        """Replace run.json."""
        self._writer.write_run(run)

    def next_ordinal(self) -> int:
        """A number for one more user; never given twice in a run."""
        self._ordinals += 1
        return self._ordinals

    def part(self, kind: type[P]) -> P:
        """The part of this kind; raises LookupError if the run has none."""
        return next(part for part in self._parts if isinstance(part, kind))

    def elapsed_s(self) -> float:
        """Seconds since the run's start."""
        return time.perf_counter() - self.origin

    def summary(self, *, complete: bool, ledger: dict[str, Any]) -> Run:
        """The run as it is known now; its verdict is for others to give."""
        requests = self.recorder.spans()
        return Run(
            format=FORMAT,
            run_id=self.key.hex,
            complete=complete,
            started_at=self.started_at,
            ended_at=self._ended_at,
            doors_open_s=self.doors_open_s,
            warmup_s=self.settings.run.warmup_s,
            scenarios=self._names,
            shape=shape_summary(self.environment),
            users_peak=self.users_peak,
            stopped_by=self.stopped_by,
            command=command_line(),
            settings=self.settings.public(),
            environment=self._machine,
            requests=requests,
            probes=trends(self.recorder.readings, self.recorder.offered(), self.settings.run.warmup_s, self._load_s()),
            ledger=ledger,
            thresholds=[],
            instrument=self._instrument(requests),
            verdict="unknown",
            reasons=["The run has not come to its end."],
        )

    def _load_s(self) -> float | None:
        """How long the load lasted; None while it goes on."""
        return None if self._ended_at is None else self._ended_at - self.started_at

    def _instrument(self, requests: dict[str, Any]) -> dict[str, Any]:
        readings = self._watch.readings()
        if readings["loop_lag_ms"]:
            readings["loop_lag_ms"] = dataclasses.asdict(readings["loop_lag_ms"])
        return readings | {"invalid": generator_faults(requests), "incomplete": self.recorder.gaps}

    def _context(self) -> RunContext:
        return RunContext(
            environment=self.environment,
            settings=self.settings,
            recorder=self.recorder,
            key=self.key,
            folder=self.folder,
            doors_open_s=self.doors_open_s,
            run_time_s=run_time_s(self.environment),
            users=users_wanted(self.environment),
            clock_origin=lambda: self.origin,
        )

    def _rotate(self) -> None:
        """Close each second soon after its end, in steps that let others run, until the run is over."""
        while not self._over.wait(1.0 - self.elapsed_s() % 1.0 + 0.005):
            runner = self.environment.runner
            users = runner.user_count if runner else 0
            self.users_peak = max(self.users_peak, users)
            second = int(self.elapsed_s())
            for _ in self.recorder.rotate(second):
                gevent.sleep(0)
            for tell in self.each_second:
                tell(second, users)


def doors_open_s(environment: Environment, settings: Settings) -> float:
    """When the doors open, in seconds: as set, else as the shape says, else at once."""
    if settings.flashsale.opens_after_s is not None:
        return settings.flashsale.opens_after_s
    shape = environment.shape_class
    return float(getattr(shape, "doors_open_s", lambda: None)() or 0.0)


def run_time_s(environment: Environment) -> float | None:
    """How long the run will last: as its shape says, or `-t`; None for a run without an end."""
    shape, options = environment.shape_class, environment.parsed_options
    if shape is not None:
        return float(shape.duration_s()) if hasattr(shape, "duration_s") else None
    return float(options.run_time) if options is not None and options.run_time else None


def users_wanted(environment: Environment) -> int | None:
    """Most users at one time: as the shape says, else `-u`, or the form's field; None if nobody has said."""
    shape, options = environment.shape_class, environment.parsed_options
    if shape is not None:
        return int(shape.peak()) if hasattr(shape, "peak") else None
    return int(options.num_users) if options is not None and options.num_users else None


def shape_summary(environment: Environment) -> ShapeSummary | None:
    """The shape and how many users it wants, at 200 moments."""
    shape = environment.shape_class
    if shape is None or not hasattr(shape, "users_at"):
        return None
    duration_s = shape.duration_s()
    moments = [duration_s * i / 200 for i in range(200)]
    return ShapeSummary(
        name=type(shape).__name__,
        peak_users=shape.peak(),
        run_time_s=duration_s,
        doors_open_s=shape.doors_open_s(),
        users=[(round(at, 3), shape.users_at(at)) for at in moments],
    )
