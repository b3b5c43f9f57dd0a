"""A run's life inside Locust: from the locustfile's last line to the exit code.

A locustfile ends with `install(Scenario())`. Several locustfiles in one run share one session. Listeners here turn
errors of ours into their sentences and exit codes; anything else is a bug and keeps its traceback.
"""

from __future__ import annotations

import functools
import inspect
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import gevent
import gevent.event
from locust import events
from locust.runners import STATE_RUNNING, STATE_SPAWNING, STATE_STOPPED, MasterRunner

from lakestorm.errors import ExitCode, LakestormError, exit_on_error
from lakestorm.load import beside
from lakestorm.load.crew import Crew
from lakestorm.load.endings import end_with, exit_if_refused, interrupt, never_begin, reason_of
from lakestorm.load.joining import is_worker
from lakestorm.load.live_run import LiveRun
from lakestorm.load.locust_stats import keep_three_digits
from lakestorm.load.machine import keep_status_of_forks, machine
from lakestorm.load.metrics_port import serve_metrics
from lakestorm.load.progress import RunProgress
from lakestorm.load.run_options import add_options, settings_of_run
from lakestorm.load.run_time import RunTime
from lakestorm.load.shape import ProfileShape
from lakestorm.load.verdicts import Judge
from lakestorm.load.web_access import protect
from lakestorm.load.web_binding import check_binding
from lakestorm.load.web_form import check_form
from lakestorm.load.web_panel import Panel, mount
from lakestorm.load.worker_link import WorkerLink, told_to_master
from lakestorm.load.worker_run import WorkerRun
from lakestorm.report.terminal import print_summary
from lakestorm.settings import Settings
from lakestorm.verdict.verdict import sentence

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from locust.env import Environment

    from lakestorm.load.part import Scenario
    from lakestorm.record.manifest import Run, ThresholdResult

DEFAULT_STOP_TIMEOUT_S = 10


class Session:
    """All runs of one Locust process, one after the other."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.scenarios: list[Scenario] = []
        self.live: LiveRun | None = None
        self.link: WorkerLink | None = None
        """On a worker: what its master says comes through it, and runs are there instead of in `live`."""
        self.checked = gevent.event.Event()
        """Set once there is a link."""
        self.holds_shape = False
        """Whether a run is being prepared or drained: a shape must not ask for other users meanwhile."""
        self._crew: Crew | None = None
        """On a master: its workers."""
        self._judge: Judge | None = None
        self._machine: dict[str, Any] = {}
        self._finished: list[tuple[Run, LiveRun]] = []
        self._broke = False
        self._progress: RunProgress | None = None
        self._panel = Panel()
        self._loaded_in = os.getpid()
        """The process that loaded the locustfiles: with `--processes`, it forks its workers later."""
        self._judged = gevent.event.Event()
        """Set while no run waits for its verdict."""
        self._judged.set()

    def listen(self) -> None:
        """Hook into Locust."""
        events.init_command_line_parser.add_listener(self.set_defaults)
        events.init.add_listener(self.check)
        events.test_start.add_listener(self.start)
        events.spawning_complete.add_listener(self.note_users)
        events.test_stopping.add_listener(self.drain)
        events.test_stop.add_listener(self.stop)
        events.user_error.add_listener(self.note_bug)
        events.quitting.add_listener(self.quit)
        events.quit.add_listener(self.tell)

    def set_defaults(self, parser: ArgumentParser, **_: Any) -> None:
        """Users may finish what they began; the page listens on loopback; some settings have options."""
        parser.set_defaults(stop_timeout=DEFAULT_STOP_TIMEOUT_S, web_host=self.settings.web.bind)
        add_options(parser, self.settings, [scenario.name for scenario in self.scenarios])

    def check(self, environment: Environment, **_: Any) -> None:
        """Before any load: settings, services, tables, thresholds. Ends Locust with exit code 5 if they are wrong."""
        exit_if_refused(lambda: self._check(environment))
        mount(environment, self._panel)
        protect(environment, self.settings.web)
        check_form(environment, self.settings, self._panel)
        gevent.signal_handler(signal.SIGINT, interrupt)

    def start(self, environment: Environment, **_: Any) -> None:
        """A run begins; a worker gets ready for it when its master says so.

        Where users are brought to a late worker before it has checked anything, they wait: see `joining.live_run`.
        """
        environment.lakestorm = self
        if is_worker(environment):
            return
        environment.process_exit_code = ExitCode.BROKE  # until a verdict says otherwise
        if environment.web_ui is None and environment.shape_class is not None:
            gevent.signal_handler(signal.SIGTERM, self.terminate)
        if environment.web_ui is None:
            exit_if_refused(lambda: self._start(environment))
        elif exit_on_error(lambda: self._start_on_page(environment)):
            self.live = None
            never_begin(environment.runner)

    def note_users(self, user_count: int, **_: Any) -> None:
        """A ramp is over: more users than at any look, once a second, may have been there."""
        if self.live is not None:
            self.live.note_users(user_count)

    def terminate(self) -> None:
        """SIGTERM while a shape runs headless: Locust listens for it only when the shape is over."""
        if self.live is not None:
            interrupt()

    def drain(self, **_: Any) -> None:
        """A run is to end, its users still run."""
        if self.live is not None:
            self.holds_shape = True
            self.live.drain()

    def stop(self, environment: Environment, **_: Any) -> None:
        """A run's last user has stopped."""
        if self.link is not None:
            environment.stop_timeout = 0  # else Locust sleeps that long before a worker is there for the next run
        live, self.live = self.live, None
        if live is None or self._judge is None:
            return
        self._panel.load_ended()
        try:
            self._give_verdict(environment, live, self._judge)
        finally:
            self._judged.set()
            self._panel.run_over()

    def _give_verdict(self, environment: Environment, live: LiveRun, judge: Judge) -> None:
        if self._progress is not None:
            self._progress.close()
        live.stopped_by = live.stopped_by or reason_of(environment, live.elapsed_s())
        run = judge.final(live.stop())
        live.write(run)
        judge.report(run, live.folder)
        self._panel.board.over(run, live.folder)
        self._finished.append((run, live))
        environment.process_exit_code = judge.exit_code(run, broke=self._broke or live.broke)
        if environment.web_ui:
            print_summary(run, live.folder)
        elif self._crew is not None and self._crew.all_lost():
            gevent.spawn(environment.runner.quit)  # Locust would wait for its run time

    def note_bug(self, **_: Any) -> None:
        """A user raised what it should not: the suite itself broke."""
        self._broke = True
        if self.link is not None:
            self.link.note_bug()

    def quit(self, environment: Environment, **_: Any) -> None:
        """Locust is about to give its exit code; a run that a signal ended is ended properly first."""
        if self.link is not None:
            self.link.leave()
            environment.process_exit_code = ExitCode.BROKE if self.link.broke else ExitCode.PASSED
            return
        runner = environment.runner
        if self.live is not None and runner is not None and runner.state != STATE_STOPPED:
            self.live.stopped_by = self.live.stopped_by or "signal"
            runner.stop()
        self._judged.wait()  # another greenlet may be ending the run at this moment; Locust must not exit meanwhile

    def tell(self, **_: Any) -> None:
        """The last words of a headless run, below Locust's own tables."""
        if self._finished:
            run, live = self._finished[-1]
            print_summary(run, live.folder)

    def _check(self, environment: Environment) -> int:
        if is_worker(environment):
            with told_to_master(environment):
                self._check_scenarios(environment)
            self._link_to_master(environment)
            return ExitCode.PASSED
        if isinstance(environment.runner, MasterRunner):
            keep_status_of_forks()
            self._crew = Crew(environment, self.settings.public())  # first: a worker's refusal may come at any moment
        check_binding(environment, self.settings.web)
        serve_metrics(environment, self._panel, self.settings.run.metrics_port)
        settings = settings_of_run(self.settings, environment.parsed_options)
        if isinstance(environment.shape_class, ProfileShape):
            environment.shape_class.prepare()
        self._judge = Judge(settings, self.scenarios)
        versions = self._check_scenarios(environment) | beside.check(settings)
        self._machine = machine() | {"services": versions}
        return ExitCode.PASSED

    def _check_scenarios(self, environment: Environment) -> dict[str, str]:
        """What every process makes sure of before any load; versions of the services."""
        keep_three_digits()
        inspect.stack()  # Locust calls it when a run stops; the first call reads source files for 30 ms, so make it now
        settings = settings_of_run(self.settings, environment.parsed_options)
        versions: dict[str, str] = {}
        for scenario in self.scenarios:
            versions |= scenario.check(settings)
        environment.lakestorm = self
        return versions

    def _link_to_master(self, environment: Environment) -> None:
        """A worker is ready for whatever its master begins."""
        prepare = functools.partial(WorkerRun, environment, self.settings, self.scenarios)
        self.link = WorkerLink(environment, self.settings.public(), prepare)
        self.checked.set()
        if environment.parsed_options.processes:
            gevent.spawn(end_with, self._loaded_in)

    def _start_on_page(self, environment: Environment) -> int:
        """Begin a run that the page shows; why it cannot begin, the page shows too."""
        self._panel.begins()
        try:
            return self._start(environment)
        except BaseException as error:
            self._panel.refused(str(error))
            raise

    def _start(self, environment: Environment) -> int:
        self._broke, self.holds_shape = False, True  # else Locust ends this greenlet at the next tick, and starts anew
        settings = settings_of_run(self.settings, environment.parsed_options)
        options = environment.parsed_options
        by_option = options is not None and environment.shape_class is None
        run_time = RunTime(environment, options.run_time if by_option else None)
        try:
            self.live = LiveRun(environment, settings, self.scenarios, self._machine, self._crew)
        finally:
            self.holds_shape = False
        if environment.shape_class is not None:
            environment.shape_class.reset_time()
        self._show_progress(environment, self.live)
        if self._judge is not None:
            self._judge.watch(self.live, functools.partial(self._abort, environment, self.live))
            self._panel.board.follow(self.live, self._judge)
        self.live.start()
        self._panel.follow(self.live, [scenario.name for scenario in self.scenarios])
        run_time.start()
        self._judged.clear()
        return ExitCode.PASSED

    def _abort(self, environment: Environment, live: LiveRun, result: ThresholdResult) -> None:
        """End a run because of a threshold, unless it is ending anyway."""
        runner = environment.runner
        if live.stopped_by or runner is None or runner.state not in (STATE_RUNNING, STATE_SPAWNING):
            return
        live.stopped_by = "threshold"
        print(f"Stopping the run: {sentence(result)}", file=sys.stderr, flush=True)
        gevent.spawn(runner.stop if environment.web_ui else runner.quit)  # it waits for the greenlet that calls us

    def _show_progress(self, environment: Environment, live: LiveRun) -> None:
        """With --only-summary Locust prints nothing while a run goes on; somebody waits for it, so we do."""
        options = environment.parsed_options
        if options is None or not (options.headless and options.only_summary):
            return
        shape = environment.shape_class
        run_time_s = shape.duration_s() if isinstance(shape, ProfileShape) else options.run_time
        self._progress = RunProgress(live.recorder.tallies, run_time_s or 0, 1 if self._crew is None else 3)
        live.each_second.append(self._progress.show)


_session: Session | None = None
"""Global state: one Locust process has one session, whichever locustfiles it loads."""


def install(scenario: Scenario) -> None:
    """Let Locust run a scenario; the last line of a locustfile. Wrong settings end the process with exit code 5."""
    global _session  # noqa: PLW0603 - see above
    if _session is None:
        _session = Session(settings_or_exit())
        _session.listen()
    _session.scenarios.append(scenario)


def settings_or_exit() -> Settings:
    """The settings; wrong ones end the process with all their mistakes and exit code 5."""
    try:
        return Settings.load()
    except LakestormError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
