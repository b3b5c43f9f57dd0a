"""Locust's web UI with our panel on it, without a socket; and runs for it to show, made by the recording classes."""

from __future__ import annotations

import dataclasses
import secrets
from typing import TYPE_CHECKING, Any

import numpy as np
from locust.env import Environment

from lakestorm.load.web_panel import Panel, mount
from lakestorm.model.orders import RunKey
from lakestorm.record.readings import Reading
from lakestorm.record.recorder import Recorder
from lakestorm.record.results import ResultsWriter
from lakestorm.settings import Settings
from tests.made_folders import Story, add_records, add_second, kept_folder, read_pipeline, read_stock

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient

STORY = Story(seconds=30, rate=20, names=2, piped=True, sold_out_s=10.0)


@dataclasses.dataclass
class MadeRun:
    """What the panel asks of a run that goes on; `recorder` is a real one."""

    recorder: Recorder
    key: RunKey = dataclasses.field(default_factory=lambda: RunKey.new(1_790_000_000_000, 7))
    settings: Settings = dataclasses.field(default_factory=Settings.load)
    started_at: float = 1_790_000_000.0
    doors_open_s: float = 4.0
    stopped_by: str = ""
    users_peak: int = 3
    second: float = 30.4

    def elapsed_s(self) -> float:
        """Stands still."""
        return self.second


def made_run(where: Path, story: Story = STORY) -> MadeRun:
    """A run of thirty seconds with a pipeline behind it, and one reading that fails."""
    recorder = Recorder(ResultsWriter(kept_folder(where, "20260921T141320Z-flashsale", 0)), warmup_s=story.warmup_s)
    records = add_records(recorder, story)
    recorder.start(0.0)
    rng = np.random.default_rng(7)
    for second in range(story.seconds):
        for number, record in enumerate(records):
            add_second(record, story, second, rng, buys=number == 0)
        read_stock(recorder, story, second)
        if story.piped:
            read_pipeline(recorder, second)
            error = "the connection was refused"
            recorder.read(Reading(second + 0.6, "connector", "state", None, "0 running, 1 paused", error))
        for _ in recorder.rotate(second + 1):
            pass
    for _ in recorder.finish():  # closes its files
        pass
    return MadeRun(recorder)


def client_of(panel: Panel, **options: Any) -> FlaskClient:
    """A web UI that nobody listens to, with our panel. Without a runner it does not read the tests' command line."""
    environment = Environment(user_classes=[])
    base = options.pop("web_base_path", None)
    environment.parsed_options = type("Options", (), {"web_base_path": base})()
    web_ui = environment.create_web_ui("127.0.0.1", 0, delayed_start=True, web_base_path=base, **options)
    web_ui.app.secret_key = secrets.token_hex(8)
    mount(environment, panel)
    client: FlaskClient = web_ui.app.test_client()
    return client


def followed(run: MadeRun) -> Panel:
    """A panel that shows a run."""
    panel = Panel()
    panel.follow(run, ["flashsale"])  # type: ignore[arg-type] # it has what the panel asks for
    return panel
