"""One run while it goes on: its folder, its record, its parts, and in the end its verdict."""

from __future__ import annotations

import json
import secrets
import time
from typing import TYPE_CHECKING, Any

import gevent

from lakestorm.load import beside
from lakestorm.load.audits import audit_in_own_process
from lakestorm.load.locust_stats import SecondsToLocust, is_only_locust_listening
from lakestorm.load.machine import command_line
from lakestorm.load.part import Role
from lakestorm.load.process_run import ProcessRun, RunFacts
from lakestorm.load.run_options import overrides_of
from lakestorm.model.orders import RunKey
from lakestorm.record.manifest import FORMAT, Run, ShapeSummary, write_text
from lakestorm.record.recorder import Recorder
from lakestorm.record.results import ResultsWriter, new_folder
from lakestorm.report.order_audit import WORKERS
from lakestorm.verdict.backlog import trends
from lakestorm.verdict.selfcheck import generator_faults

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from locust.env import Environment

    from lakestorm.load.crew import Crew
    from lakestorm.load.part import RunContext, RunPart, Scenario
    from lakestorm.record.records import Tell
    from lakestorm.settings import Settings


class LiveRun(ProcessRun):
    """Everything that one run needs from its first moment to its results, in the process that leads it.

    Args:
        environment: Locust's.
        settings: as loaded at the edge.
        scenarios: what runs.
        machine: where the load is made, and the versions of the services under it.
        crew: the workers, where the load is made by them.
    """

    def __init__(
        self,
        environment: Environment,
        settings: Settings,
        scenarios: Sequence[Scenario],
        machine: dict[str, Any],
        crew: Crew | None = None,
    ) -> None:
        began_at = time.time()
        facts = RunFacts(
            key=RunKey.new(int(began_at * 1e3), secrets.randbits(16)),
            doors_open_s=doors_open_s(environment, settings),
            run_time_s=run_time_s(environment),
            users=users_wanted(environment),
        )
        super().__init__(environment, settings, facts, Role(loads=crew is None))
        self.users_peak = 0
        self.stopped_by = ""
        self._machine = machine
        self._crew = crew
        self._names = [scenario.name for scenario in scenarios]
        self._ended_at: float | None = None
        self.each_second.append(lambda _second, users: self.note_users(users))
        if crew is not None:
            self.each_second.append(crew.look)
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(began_at))
        run = settings.run
        with new_folder(run.results_dir, f"{stamp}-{'+'.join(self._names)}", run.results_keep) as self.folder:
            self._begin(scenarios)

    def _begin(self, scenarios: Sequence[Scenario]) -> None:
        """Open what the run needs, here and on the workers; whatever refuses, and what came before it, is let go of."""
        self._writer = ResultsWriter(self.folder)
        self.recorder = Recorder(self._writer, warmup_s=self.settings.run.warmup_s, tell=to_locust(self))
        try:
            self.begin(scenarios, self.recorder, self.folder)
            if self._crew is not None:
                self._enlist(self._crew)
        except BaseException:
            self.abandon()
            self._writer.close()
            raise

    def _enlist(self, crew: Crew) -> None:
        facts = self.facts
        told = {
            "run": facts.key.hex,
            "doors_open_s": facts.doors_open_s,
            "run_time_s": facts.run_time_s,
            "users": facts.users,
            "overrides": overrides_of(self.environment.parsed_options),
            "orders": facts.orders,
        }
        self.shares = crew.enlist(told, self.recorder, self.folder)

    def beside(self, context: RunContext) -> Iterator[RunPart]:
        """What the pipeline's settings add."""
        yield from beside.parts(context, tuple(self.parts))

    def start(self) -> None:
        """Start the clock: second 0 is now."""
        now, at = time.perf_counter(), time.time()
        self._writer.start(at)
        self.recorder.start(now)
        self.start_clock(now, at)
        self._writer.write_run(self.summary(complete=False, ledger={}))
        if self._crew is not None:
            self._crew.go(now, at)

    def drain(self) -> None:
        """The load is to end: workers stop their users and send what they have. Alone, Locust does the stopping."""
        if self._crew is not None:
            self._crew.drain(self.environment.stop_timeout or 0)
            self.recorder.gaps += self._crew.gaps()
            write_text(self.folder / WORKERS, json.dumps(self._crew.summary()))

    @property
    def broke(self) -> bool:
        """Whether a user on a worker raised what it should not."""
        return self._crew is not None and self._crew.broke

    def stop(self) -> Run:
        """The last user has stopped: drain, write everything, audit; the run without thresholds and verdict."""
        self._ended_at = time.time()
        self.end()
        for _ in self.recorder.finish():
            gevent.sleep(0)
        self._writer.write_run(self.summary(complete=False, ledger={}))
        ledger = audit_in_own_process(self.folder) if any(part.has_books for part in self.parts) else {}
        return self.summary(complete=True, ledger=ledger)

    def write(self, run: Run) -> None:
        """Replace run.json."""
        self._writer.write_run(run)

    def rotate(self, second: int) -> Iterator[None]:
        """See ProcessRun."""
        yield from self.recorder.rotate(second)

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
        found = self.self_readings() | {"invalid": generator_faults(requests), "incomplete": self.recorder.gaps}
        return found if self._crew is None else found | {"workers": self._crew.summary()}

    def note_users(self, users: int) -> None:
        """So many are there at this moment."""
        self.users_peak = max(self.users_peak, users)


def to_locust(run: ProcessRun) -> Tell | None:
    """What tells Locust's own statistics of each second; None where each request is fired for somebody else."""
    if not is_only_locust_listening(run.environment):
        return None
    return SecondsToLocust(run.environment, lambda: run.started_at).add


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
