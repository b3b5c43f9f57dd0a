"""How runs and processes of Locust's end: by a refusal, by a signal, with their master, and why a load was over."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

import gevent
from locust.runners import STATE_STOPPED

from lakestorm.errors import exit_on_error
from lakestorm.load.live_run import run_time_s

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust.env import Environment
    from locust.runners import Runner


def interrupt() -> None:
    """Ctrl-C, for Locust's main greenlet.

    Python raises KeyboardInterrupt in whatever happens to run: in a user it would count as that user's bug, in an
    answer of the web page it was seen to be printed as a traceback.
    """
    gevent.get_hub().handle_system_error(KeyboardInterrupt, KeyboardInterrupt())


def end_with(master: int) -> None:
    """End a forked worker when its master is gone: Locust would let it wait for ever for one that never greeted it."""
    while os.getppid() == master:
        gevent.sleep(0.5)
    interrupt()


def exit_if_refused(work: Callable[[], int]) -> None:
    """Run a listener; an error of ours ends Locust with its sentences and exit code, no traceback."""
    code = exit_on_error(work)
    if code:
        sys.exit(code)


def never_begin(runner: Runner) -> NoReturn:
    """End the greenlet in which Locust would now bring the users of a run that was refused.

    Its `test_start` lets no error through but this. Stopped a moment later, a master that waits for its workers' users
    would call itself running afterwards, and the next run would begin without a `test_start`.
    """
    runner.update_state(STATE_STOPPED)
    runner.shape_greenlet = runner.shape_last_tick = None
    runner._users_dispatcher = None  # noqa: SLF001 - of the workers that were there; a stop would have forgotten it
    raise gevent.GreenletExit


def reason_of(environment: Environment, lasted_s: float) -> str:
    """Why the load ended, where nobody said so. A master is stopped by a signal before we hear of it."""
    shape, options = environment.shape_class, environment.parsed_options
    asked_s = run_time_s(environment)
    if asked_s is not None and lasted_s >= asked_s - 1:
        return "run time" if shape is None else "shape"
    return "signal" if options is not None and options.headless else "user"
