"""The probes' process beside a run: started, listened to, waited for while the pipeline catches up, ended."""

from __future__ import annotations

import contextlib
import math
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import gevent
import gevent.event

from lakestorm.errors import ProbeError
from lakestorm.load.measuring import Meter
from lakestorm.probes.stream import FINISH, START, Hello, LineReader, ReadingMessage, RequestMessage
from lakestorm.record.readings import Reading
from lakestorm.record.requests import Outcome
from lakestorm.verdict.backlog import drain_s, is_backlog

if TYPE_CHECKING:
    from lakestorm.load.part import RunContext
    from lakestorm.probes.stream import Message

READY_S = 20.0
"""How long the process may take to set itself up; on a busy machine its imports alone take seconds."""
FINISH_S = 5.0
"""How long it may take to end, beyond what the canary may wait for its orders."""
SHOWN_EVERY_S = 5.0
LINES_BYTES = 65_536


class Probing:
    """See RunPart. Readings go into the record as they come, requests of the process too."""

    has_books = False

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._recorder = context.recorder
        self._meters: dict[str, Meter] = {}
        self._origin: float | None = None
        self._ready = gevent.event.Event()
        self._ending = False
        self.probes: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lakestorm.probes", "--run", context.key.hex, "--folder", context.folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self._listening = gevent.spawn(self._listen)
        try:
            self._wait_until_ready()
        except BaseException:
            self.abandon()
            raise

    def start(self) -> None:
        """Readings count from now on."""
        self._origin = self._context.clock_origin()
        self._say(START)

    def stop(self) -> None:
        """Go on until the pipeline has caught up with the load, or its time for that is over; then end the process."""
        ended_s = time.perf_counter() - self._context.clock_origin()
        self._wait_until_drained(ended_s)
        self._finish()

    def abandon(self) -> None:
        """End the process at once."""
        self._ending = True
        self._process.kill()
        self._listening.join()
        self._let_go()

    def _wait_until_ready(self) -> None:
        if not self._ready.wait(READY_S):
            raise ProbeError(f"The probes' process was not ready within {READY_S:.0f} s.")
        if self._process.poll() is not None:
            raise ProbeError(f"The probes' process ended with {self._process.returncode} before the run began.")

    def _listen(self) -> None:
        """Take messages until the process has ended."""
        reader = LineReader()
        while data := self._process.stdout.read(LINES_BYTES):  # type: ignore[union-attr]
            for message in reader.feed(data):
                self._take(message)
        code = self._process.wait()
        self._ready.set()
        if reader.broken:
            self._recorder.gaps.append(f"{reader.broken} messages of the probes could not be read.")
        if not self._ending and self._origin is not None:
            after_s = time.perf_counter() - self._origin
            self._recorder.gaps.append(
                f"The probes' process ended with {code} after {after_s:.0f} s: nothing was read since."
            )

    def _take(self, message: Message) -> None:
        match message:
            case Hello():
                self.probes = message.probes
                for name in message.requests:  # before the run begins: nobody likes names to appear while he counts
                    self._meters[name] = Meter(self._recorder.add(name), self._context.environment)
                self._ready.set()
            case ReadingMessage() if self._origin is not None and message.at >= self._origin:
                second = message.at - self._origin
                reading = Reading(second, message.probe, message.name, message.value, message.unit, message.error)
                self._recorder.read(reading)
            case RequestMessage() if self._origin is not None and message.offered >= self._origin:
                self._count(message)

    def _count(self, request: RequestMessage) -> None:
        meter, offered = self._meters[f"{request.type} {request.name}"], request.offered
        started = math.nan if request.started is None else request.started
        ready = offered if request.ready is None else request.ready
        match request.outcome:
            case "completed":
                meter.answered(offered, offered, ready, started, request.done, Outcome.COMPLETED, 0)
            case "failed":
                meter.failed(request.code, offered, offered, ready, started, request.done, 0)
            case "cancelled":
                meter.cut_off(offered, offered, ready, started, request.done)

    def _wait_until_drained(self, ended_s: float) -> None:
        limit_s = self._context.settings.pipeline.drain_limit_s
        began, shown = time.perf_counter(), 0.0
        while (behind := self._behind(ended_s)) and not self._listening.ready():
            waited_s = time.perf_counter() - began
            if waited_s >= limit_s:
                print(f"The pipeline has not caught up within {limit_s:g} s: {behind}.", file=sys.stderr, flush=True)
                return
            if waited_s - shown >= SHOWN_EVERY_S:
                shown = waited_s
                print(
                    f"Waiting for the pipeline ({waited_s:.0f} s of {limit_s:g}): {behind}.",
                    file=sys.stderr,
                    flush=True,
                )
            gevent.sleep(0.1)

    def _behind(self, ended_s: float) -> str:
        """Backlogs that are not drained, in words; empty if all are. One that was never read is not waited for."""
        readings = self._recorder.readings
        waiting = [
            n for n, s in readings.series.items() if is_backlog(n) and s.count and drain_s(readings, n, ended_s) is None
        ]
        return ", ".join(f"{name} {readings.series[name].last:.0f}" for name in waiting)

    def _finish(self) -> None:
        """Ask the process to end, wait for its last messages, and kill it if it does not."""
        self._ending = True
        self._say(FINISH)
        pipeline = self._context.settings.pipeline
        self._listening.join(FINISH_S + (pipeline.canary_timeout_s if pipeline.canary_every_ms else 0.0))
        self._process.kill()
        self._listening.join()
        self._let_go()

    def _say(self, word: bytes) -> None:
        with contextlib.suppress(OSError):  # it has ended already, and the record says so
            self._process.stdin.write(word + b"\n")  # type: ignore[union-attr]

    def _let_go(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
