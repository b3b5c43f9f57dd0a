"""Our part of Locust's web UI: the tab Pipeline, the page `/pipeline`, its data, and `/metrics`.

Nothing here is asked unless a browser or a Prometheus asks, and no answer holds the event loop for longer than a
millisecond or two at a time.
"""

from __future__ import annotations

import dataclasses
import json
import time
from typing import TYPE_CHECKING, Any

import flask
import gevent
from locust.runners import STATE_CLEANUP, STATE_INIT, STATE_RUNNING, STATE_SPAWNING, STATE_STOPPED, STATE_STOPPING

from lakestorm.load.metrics_port import metrics_answer, registry_of
from lakestorm.load.web_charts import Window, charts
from lakestorm.load.web_run import RunBoard, add_report, run_tab
from lakestorm.load.web_tab import add_link, add_tabs, pipeline_tab
from lakestorm.report.page import templates
from lakestorm.report.readings_now import ReadingNow, readings_now
from lakestorm.report.words import end_in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from locust.env import Environment

    from lakestorm.load.live_run import LiveRun

KEPT_S = 1.0
"""Rows of the table are made once in so many seconds, however many look at them."""
WAITING = "No run has begun yet."
IDLE = (STATE_INIT, STATE_CLEANUP, STATE_STOPPING, STATE_STOPPED)
"""States of Locust's in which its page asks for nothing more."""
PREPARING = "The run is being prepared."
RUNNING = "The run goes on."
DRAINING = "The load has ended; what is under way is waited for, then the books are balanced."
OVER = "The run is over; its report is at /report, and in its results folder."


class Panel:
    """The run that is shown: the one that goes on, else the last one.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.live: LiveRun | None = None
        self.scenarios: list[str] = []
        self.state = WAITING
        self.board = RunBoard()
        self._clock = clock
        self._ended_s: float | None = None
        self._over_s: float | None = None
        self._rows: list[ReadingNow] = []
        self._rows_of: tuple[LiveRun | None, float] = (None, -KEPT_S)

    def begins(self) -> None:
        """Somebody asked for a run; what it needs is being prepared."""
        self.state = PREPARING

    def refused(self, sentence: str) -> None:
        """It cannot begin; why is shown until the next one is asked for."""
        self.state = f"The run was refused. {sentence}"

    def is_busy(self) -> bool:
        """Whether a run has not got its verdict yet."""
        return self.state in (PREPARING, RUNNING, DRAINING)

    def is_loaded(self) -> bool:
        """Whether users make load."""
        return self.state == RUNNING

    def told(self, state: str) -> str:
        """What Locust's page is told for Locust's own state: a run goes on until it has its verdict.

        That page asks for nothing more once it hears of another state, and would miss the last counts and the verdict;
        told that a run which is being prepared is `ready`, it would show the form again.
        """
        if not self.is_busy() or state not in IDLE:
            return state
        meanwhile: str = STATE_SPAWNING if self.state == PREPARING else STATE_RUNNING
        return meanwhile

    def follow(self, live: LiveRun, scenarios: list[str]) -> None:
        """Show a run of these scenarios from its start on."""
        self.live, self.scenarios, self.state = live, scenarios, RUNNING
        self._ended_s = self._over_s = None

    def load_ended(self) -> None:
        """Its last user has stopped; probes go on until the pipeline has caught up."""
        if self.live is not None:
            self.state, self._ended_s = DRAINING, self.live.elapsed_s()

    def run_over(self) -> None:
        """It has its verdict; its curves stay until the next run begins."""
        if self.live is not None:
            self.state, self._over_s = OVER, self.live.elapsed_s()

    def now_s(self) -> float:
        """Seconds since the run's start; they stand still once it is over."""
        if self.live is None:
            return 0.0
        return self.live.elapsed_s() if self._over_s is None else self._over_s

    def rows(self) -> list[ReadingNow]:
        """What probes say now; made while others run."""
        live, now = self.live, self._clock()
        if live is None:
            return []
        if self._rows_of[0] is not live or now - self._rows_of[1] >= KEPT_S:
            self._rows_of = (live, now)
            self._rows = list(politely(self._fresh_rows(live)))
        return self._rows

    def series(self, since_s: int) -> dict[str, Any]:
        """The page's data, with the curves' points from about a second on."""
        live = self.live
        if live is None:
            return {"run": None, "state": self.state}
        now_s = self.now_s()
        window = Window.since(since_s, now_s)
        return {
            "run": live.key.hex,
            "state": self.state,
            "scenarios": self.scenarios,
            "started_at": live.started_at,
            "since": window.first_s,
            "now_s": round(now_s, 2),
            "gap_s": 3 * max(1.0, live.settings.pipeline.probe_every_s),
            "events": [{"at_s": at_s, "label": label} for at_s, label in self._events(live)],
            "charts": list(politely(charts(live.recorder, window))),
            "probes": [dataclasses.asdict(row) for row in self.rows()],
        }

    def _fresh_rows(self, live: LiveRun) -> Iterator[ReadingNow]:
        return readings_now(live.recorder.readings, self.now_s(), live.settings.pipeline.probe_every_s)

    def _events(self, live: LiveRun) -> Iterator[tuple[float, str]]:
        if live.settings.run.warmup_s:
            yield live.settings.run.warmup_s, "warm-up ends"
        if live.doors_open_s:
            yield live.doors_open_s, "doors open"
        if self._ended_s is not None:
            why = f": {end_in_words(live.stopped_by)}" if live.stopped_by else ""
            yield self._ended_s, f"load ended{why}"


def politely(items: Iterator[Any]) -> Iterator[Any]:
    """The items, others being let run after each: one takes less than a millisecond, all of them would not."""
    for item in items:
        yield item
        gevent.sleep(0)


def mount(environment: Environment, panel: Panel) -> None:
    """Add tab and routes to a web UI that does not listen yet; where there is none, as in a headless run, nothing.

    Everything is bound, and asks for a login, as Locust's own pages do.
    """
    web_ui = environment.web_ui
    if web_ui is None:
        return
    options = environment.parsed_options
    base = ((options and options.web_base_path) or "").rstrip("/")
    registry = registry_of(panel, environment)
    pages = flask.Blueprint("lakestorm", __name__, url_prefix=base or None)

    @pages.route("/pipeline")
    @web_ui.auth_required_if_enabled
    def pipeline() -> str:
        return templates().get_template("live.html.j2").render(home=f"{base}/")

    @pages.route("/pipeline/series")
    @web_ui.auth_required_if_enabled
    def series() -> flask.Response:
        found = panel.series(flask.request.args.get("since", 0, type=int))
        return flask.Response(json.dumps(found, separators=(",", ":")), content_type="application/json")

    @pages.route("/metrics")
    @web_ui.auth_required_if_enabled
    def metrics() -> flask.Response:
        return metrics_answer(registry)

    add_report(pages, web_ui, panel.board)
    web_ui.app.register_blueprint(pages)
    add_tabs(web_ui, panel, run_tab(panel), pipeline_tab(panel))
    add_link(web_ui, f"{base}/report", "Report of the last run")
    add_link(web_ui, f"{base}/pipeline", "Pipeline, live")
