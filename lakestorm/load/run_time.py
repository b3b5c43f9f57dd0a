"""`-t` is the time of the load: what is prepared before it, a history in a topic say, does not count.

Locust's own timer begins to run when somebody asks for a run, at the same time as `test_start`. So it is taken out of
Locust's hands when a run begins, and put back when the clock does.
"""

from __future__ import annotations

import gc
import logging
from typing import TYPE_CHECKING

import gevent
from locust.log import greenlet_exception_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust.env import Environment

ENDINGS = ("stop_and_optionally_quit", "_stop_runners")
"""What Locust's timers call, from the command line and from the page."""


class RunTime:
    """Locust's timer of the run that begins now, taken out of its hands.

    Args:
        environment: Locust's.
        run_time_s: `-t`, or the form's field; None where the run has no end, or a shape ends it.
    """

    def __init__(self, environment: Environment, run_time_s: float | None) -> None:
        self._environment = environment
        self._run_time_s = run_time_s
        self._endings = [take(timer) for timer in pending_timers()]

    def start(self) -> None:
        """The clock runs: so much from now on."""
        if self._run_time_s is None:
            return
        gevent.get_hub().loop.update_now()  # a timer counts from the loop's own time, which stood still meanwhile
        for ending in self._endings:
            timer = gevent.spawn_later(self._run_time_s, ending)
            timer.link_exception(greenlet_exception_logger(logging.getLogger(__name__)))
            if self._environment.web_ui is not None and name_of(ending) == ENDINGS[1]:
                self._environment.web_ui._run_time_greenlet = timer  # noqa: SLF001 - its Stop button cancels it there


def pending_timers() -> list[gevent.Greenlet]:
    """Timers of Locust's that wait for the end of a run; Locust keeps no list of them, and Python does."""
    greenlets = (found for found in gc.get_objects() if type(found) is gevent.Greenlet and not found.dead)
    return [found for found in greenlets if name_of(ending_of(found)) in ENDINGS]


def take(timer: gevent.Greenlet) -> Callable[[], None]:
    """Stop a timer; what it would have called."""
    ending = ending_of(timer)
    timer.kill(block=False)
    return ending


def ending_of(timer: gevent.Greenlet) -> Callable[[], None]:
    """What a greenlet calls."""
    ending: Callable[[], None] = timer._run  # noqa: SLF001 - gevent says it nowhere else
    return ending


def name_of(ending: Callable[[], None]) -> str:
    """A function's name; empty for what has none."""
    return getattr(ending, "__name__", "")
