"""A worker's side of a run: gets ready when its master says so, reports once a second, drains when told to."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from typing import TYPE_CHECKING, Any

import gevent
import gevent.event

from lakestorm.errors import LakestormError
from lakestorm.load import messages
from lakestorm.load.clock_offset import ClockOffset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from locust.env import Environment
    from locust.rpc import Message

    from lakestorm.load.worker_run import WorkerRun

PINGS = 8
PIECE_BYTES = 1 << 20
SENT_S = 0.3
"""How long a process that ends gives its last message: another thread sends it."""
WAIT_S = 60.0
"""How long a user waits that came before its run; a worker that joins late writes a history first."""


LEFT = "It was told to end while it got ready."


class WorkerLink:
    """The link of a worker to its master, for all runs.

    Args:
        environment: Locust's, of a worker.
        settings: by name, as results may show them.
        prepare: makes a run from what the master says; raises LakestormError if it cannot.
    """

    def __init__(
        self,
        environment: Environment,
        settings: Mapping[str, str],
        prepare: Callable[[Mapping[str, Any], Callable[..., None]], WorkerRun],
    ) -> None:
        self._environment = environment
        self._prepare = prepare
        self.clock = ClockOffset()
        self.run: WorkerRun | None = None
        self.running = gevent.event.Event()
        """Set once the clock of a run goes, or it is dismissed: users that come earlier wait for it."""
        self.broke = False
        """Whether something here raised what it should not, in any run."""
        self._broke_in_run = False
        self._asked: str | None = None
        """The key of the run that this worker gets ready for, or is ready for; None once its clock goes."""
        self._drained = gevent.event.Event()
        self._drained.set()
        listeners = {
            messages.PONG: (self._pong, False),
            messages.BEGIN: (self._begin, True),
            messages.DISMISS: (self._dismiss, False),
            messages.GO: (self._go, False),
            messages.DRAIN: (self._drain, True),
        }
        for kind, (hear, concurrent) in listeners.items():
            environment.runner.register_message(kind, hear, concurrent=concurrent)
        self._about = {"host": socket.gethostname(), "pid": os.getpid(), "settings": dict(settings)}
        environment.events.report_to_master.add_listener(self._introduce)

    def send(self, kind: str, **data: Any) -> None:
        """Tell the master."""
        self._environment.runner.send_message(kind, data)

    def note_bug(self) -> None:
        """Something raised what it should not: the master's exit code says so, and so does this process's own."""
        self.broke = self._broke_in_run = True

    def _introduce(self, data: dict[str, Any], **_: Any) -> None:
        data[messages.ABOUT] = self._about

    def _pong(self, msg: Message, **_: Any) -> None:
        self.clock.answered(msg.data["asked_s"], msg.data["master_s"])

    def _begin(self, msg: Message, **_: Any) -> None:
        """Get ready, and find out meanwhile how far the clocks are apart."""
        self.clock = ClockOffset()
        self._broke_in_run = False
        self.running.clear()
        key = self._asked = msg.data["run"]
        run = self._prepared(msg.data)
        if run is None:
            return
        if self._asked != key:  # dismissed meanwhile; another run may be in preparation already
            run.abandon()
            return
        self.run = run
        for _ping in range(PINGS):
            self.send(messages.PING, asked_s=time.perf_counter())
            gevent.sleep(0.01)
        self.send(messages.READY, run=key, clock_error_ms=self.clock.error_s * 1e3)

    def _prepared(self, told: Mapping[str, Any]) -> WorkerRun | None:
        """The run; None if it was refused. A bug goes on from here: its traceback belongs into this worker's log."""
        try:
            return self._prepare(told, self.send)
        except LakestormError as error:
            self._refuse(told["run"], error)
            return None
        except Exception as error:
            self.note_bug()
            self._refuse(told["run"], error)
            raise

    def _refuse(self, key: str, error: Exception) -> None:
        self.send(messages.REFUSED, **refusal(key, error))
        if self._asked == key:
            self._dismiss()

    def _dismiss(self, **_: Any) -> None:
        self._asked = None
        run, self.run = self.run, None
        self.running.set()
        if run is not None:
            run.abandon()

    def _go(self, msg: Message, **_: Any) -> None:
        if self.run is not None:
            self._asked = None
            self.run.start(self.clock.past(msg.data["origin_s"]), msg.data["started_at"])
            self.running.set()

    def running_run(self) -> WorkerRun | None:
        """The run whose clock goes; a user that comes before waits for it. None if there is none."""
        self.running.wait(WAIT_S)
        return self.run

    def leave(self) -> None:
        """This process was told to end by whoever started it: what it has done in a run is not lost.

        A run that it only got ready for does not take place without it, and the master is not to wait.
        """
        if self._asked is not None:
            self.send(messages.REFUSED, run=self._asked, why=LEFT, broke=False)
            self._dismiss()
        self._drain()

    def _drain(self, **_: Any) -> None:
        """Stop the users, settle what is in doubt, send what there is. Whoever comes second waits for the first."""
        if self.run is None:
            self._drained.wait()
            return
        run, self.run = self.run, None
        self._drained.clear()
        self.running.clear()
        runner = self._environment.runner
        runner.stop()
        instrument = run.stop()
        runner._send_stats()  # noqa: SLF001 - Locust's own table shall have the last seconds too
        for name, data in run.evidence():
            for first in range(0, max(1, len(data)), PIECE_BYTES):
                self.send(messages.FILE, name=name, bytes=data[first : first + PIECE_BYTES])
                gevent.sleep(0)
        run.forget()
        self.send(messages.DRAINED, broke=self._broke_in_run, instrument=instrument)
        self._drained.set()


def refusal(run: str | None, error: Exception) -> dict[str, Any]:
    """What the master is told of an error: ours are sentences, anything else is a bug."""
    if isinstance(error, LakestormError):
        return {"run": run, "why": str(error), "broke": False}
    said = f"{type(error).__name__}: {error}".removesuffix(": ").rstrip(".")
    return {"run": run, "why": f"{said}. This is a bug; its traceback is in that worker's own output.", "broke": True}


@contextlib.contextmanager
def told_to_master(environment: Environment) -> Iterator[None]:
    """What a worker finds wrong before it is ready for any run ends its process; its master hears of it first."""
    try:
        yield
    except Exception as error:
        environment.runner.send_message(messages.REFUSED, refusal(None, error))
        gevent.sleep(SENT_S)
        raise
