"""Closing a second of a run lets everybody else run between its steps."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import gevent
import pytest

from lakestorm.load import process_run
from lakestorm.load.part import Role
from lakestorm.load.process_run import ProcessRun, RunFacts
from lakestorm.model.orders import RunKey
from lakestorm.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

STEPS = 100
STEP_S = 0.0002

pytestmark = pytest.mark.usefixtures("no_settings")


class Counting(ProcessRun):
    """A run whose seconds take some work to close."""

    steps = 0

    def rotate(self, second: int) -> Iterator[None]:  # noqa: ARG002 - as the base class has it
        """Steps of a fifth of a millisecond."""
        for _ in range(STEPS):
            until = time.perf_counter() + STEP_S
            while time.perf_counter() < until:
                pass
            self.steps += 1
            yield


def test_what_is_due_meanwhile_is_not_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sleeper that is due wakes between two steps, and not after five milliseconds of them."""
    monkeypatch.setattr(process_run, "quiet_collector", lambda: None)
    facts = RunFacts(key=RunKey(1), doors_open_s=0.0, run_time_s=None, users=None)
    run = Counting(SimpleNamespace(runner=None), Settings.load(), facts, Role())
    run.start_clock(time.perf_counter() - 0.99, time.time())
    woken_at: set[int] = set()
    until = time.monotonic() + 30
    while run.steps < STEPS:
        assert time.monotonic() < until
        gevent.sleep(STEP_S / 2)
        woken_at.add(run.steps)
    run.end()
    assert len(woken_at) > STEPS / 3
