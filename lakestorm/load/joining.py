"""Which run the users of a process belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gevent
from locust.runners import WorkerRunner

from lakestorm.load.worker_link import WAIT_S

if TYPE_CHECKING:
    from locust.env import Environment

    from lakestorm.load.process_run import ProcessRun
    from lakestorm.load.session import Session


def is_worker(environment: Environment) -> bool:
    """Whether this process makes load for a master.

    The options know; the runner may not be there yet: Locust greets the master inside its constructor, and a run that
    goes on can bring users to a late worker before the constructor has returned.
    """
    options = environment.parsed_options
    return isinstance(environment.runner, WorkerRunner) if options is None else bool(options.worker)


def live_run(environment: Environment) -> ProcessRun:
    """The run that users of this environment belong to.

    Raises GreenletExit where it was refused: a user that raises StopUser before its first task is logged as broken.
    """
    session: Session = environment.lakestorm
    live: ProcessRun | None = session.live
    if is_worker(environment):
        session.checked.wait(WAIT_S)
        live = session.link.running_run() if session.link is not None else None
    if live is None:
        raise gevent.GreenletExit
    return live
