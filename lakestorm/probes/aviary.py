"""All canaries on their way: whose commit was answered, which were seen, which nobody waits for any more."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from lakestorm.probes.stream import ReadingMessage, RequestMessage
from lakestorm.record.canaries import Canaries

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakestorm.probes.stream import RequestOutcome, Tell
    from lakestorm.record.canaries import Flight, Stamps
    from lakestorm.record.references import AcknowledgedLines

TYPE, NAME, PROBE = "CDC", "order.to_kafka", "canary"
TIMED_OUT = "timed out"


class Aviary:
    """Its methods may be called from any thread.

    Args:
        tell: takes messages for the run.
        acknowledged: where the lines of answered commits are marked.
        clock: seconds, monotonic.

    Attributes:
        account: of those that are not on their way any more.
        doubts: line numbers of commits whose answer was never read.
        latest_sent: when the one that was sent last, of all that have come, was sent.
    """

    def __init__(self, tell: Tell, acknowledged: AcknowledgedLines, clock: Callable[[], float]) -> None:
        self.account = Canaries()
        self.doubts: set[int] = set()
        self.latest_sent = 0.0
        self._flying: dict[int, Flight] = {}
        self._tell = tell
        self._acknowledged = acknowledged
        self._clock = clock
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many are on their way."""
        return len(self._flying)

    def add(self, flight: Flight) -> None:
        """One is due."""
        with self._lock:
            self._flying[flight.number] = flight

    def awaits(self, flight: Flight) -> bool:
        """Whether it is still waited for."""
        return flight.number in self._flying

    def answered(self, flight: Flight) -> None:
        """Its commit was answered."""
        with self._lock:
            flight.answered = self._clock()
            self.doubts.discard(flight.number)
            self._acknowledged.bought(flight.number)
            self._acknowledged.cancelled(flight.number)
            self._settle(flight)

    def doubted(self, flight: Flight) -> None:
        """Its commit was sent and the answer never read: it may come all the same."""
        with self._lock:
            flight.in_doubt = True
            self.doubts.add(flight.number)
            self._settle(flight)

    def failed(self, flight: Flight, code: str) -> None:
        """The database refused it."""
        with self._lock:
            self._end(flight, "failed", code)

    def seen(self, number: int, seen: float, stamps: Stamps) -> None:
        """It was read from the topic; a second time says nothing."""
        with self._lock:
            flight = self._flying.get(number)
            if flight is not None and flight.seen is None:
                flight.seen, flight.stamps = seen, stamps
                self._settle(flight)

    def expire(self, timeout_s: float) -> None:
        """Those that were due longer ago have failed."""
        with self._lock:
            now = self._clock()
            for flight in [f for f in self._flying.values() if now - f.intended > timeout_s]:
                self._end(flight, "failed", TIMED_OUT)

    def cut_short(self) -> None:
        """The run is over: nobody waits any longer."""
        with self._lock:
            for flight in list(self._flying.values()):
                self._end(flight, "cancelled")

    def _settle(self, flight: Flight) -> None:
        if not flight.has_landed or self._flying.pop(flight.number, None) is None:
            return
        self.account.landed(flight)
        self.latest_sent = max(self.latest_sent, flight.sent or 0.0)
        self._report(flight, flight.seen or self._clock(), "completed")

    def _end(self, flight: Flight, outcome: RequestOutcome, code: str = "") -> None:
        if self._flying.pop(flight.number, None) is None:
            return
        self.account.ended(flight, outcome)
        if flight.sent is not None and flight.answered is None and code in ("", TIMED_OUT):
            self.doubts.add(flight.number)
        self._report(flight, self._clock(), outcome, code)

    def _report(self, flight: Flight, done: float, outcome: RequestOutcome, code: str = "") -> None:
        for name, seconds in flight.hops_s().items():
            self._tell(ReadingMessage(at=done, probe=PROBE, name=name, value=seconds * 1e3, unit="ms"))
        self._tell(
            RequestMessage(
                type=TYPE,
                name=NAME,
                offered=flight.intended,
                ready=flight.ready,
                started=flight.sent,
                done=done,
                outcome=outcome,
                code=code,
            )
        )
