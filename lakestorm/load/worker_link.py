"""A worker's side of a run: gets ready when its master says so, reports once a second, drains when told to."""

from __future__ import annotations

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
    from collections.abc import Callable, Mapping

    from locust.env import Environment
    from locust.rpc import Message

    from lakestorm.load.worker_run import WorkerRun

PINGS = 8
PIECE_BYTES = 1 << 20
WAIT_S = 60.0
"""How long a user waits that came before its run; a worker that joins late writes a history first."""


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
        """Set while the clock of a run goes: users that come earlier wait for it."""
        self._drained = gevent.event.Event()
        self._drained.set()
        self.broke = False
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

    def _introduce(self, data: dict[str, Any], **_: Any) -> None:
        data[messages.ABOUT] = self._about

    def _pong(self, msg: Message, **_: Any) -> None:
        self.clock.answered(msg.data["asked_s"], msg.data["master_s"])

    def _begin(self, msg: Message, **_: Any) -> None:
        """Get ready, and find out meanwhile how far the clocks are apart."""
        self.clock = ClockOffset()
        try:
            self.run = self._prepare(msg.data, self.send)
        except LakestormError as error:
            self.send(messages.REFUSED, why=str(error))
            return
        for _ping in range(PINGS):
            self.send(messages.PING, asked_s=time.perf_counter())
            gevent.sleep(0.01)
        self.send(messages.READY, clock_error_ms=self.clock.error_s * 1e3)

    def _dismiss(self, **_: Any) -> None:
        if self.run is not None:
            self.run.abandon()
            self.run = None

    def _go(self, msg: Message, **_: Any) -> None:
        if self.run is not None:
            self.run.start(self.clock.ours(msg.data["origin_s"]), msg.data["started_at"])
            self.running.set()

    def running_run(self) -> WorkerRun | None:
        """The run whose clock goes; a user that comes before waits for it. None if there is none."""
        self.running.wait(WAIT_S)
        return self.run

    def leave(self) -> None:
        """This process was told to end by whoever started it: what it has done in a run is not lost."""
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
        self.send(messages.DRAINED, broke=self.broke, instrument=instrument)
        self._drained.set()
