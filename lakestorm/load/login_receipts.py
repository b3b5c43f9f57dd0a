"""What became of each record that was handed over: acknowledged or not, by class, and when."""

from __future__ import annotations

import collections
import struct
import time
from typing import TYPE_CHECKING

import numpy as np

from lakestorm.record.requests import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from confluent_kafka import KafkaError, Message

    from lakestorm.load.measuring import Meter
    from lakestorm.record.references import AcknowledgedLines

LET_GO = ("_PURGE_QUEUE", "_PURGE_INFLIGHT")
"""What librdkafka says of records that were in flight when the producer gave up."""
NOTE = struct.Struct("6d")
"""What is kept of a live login until it is settled: sequence, intended, previous end, free, started, sent."""


class LiveReport:
    """Takes the delivery report of one live login.

    An object of its own is called sooner than a function that arguments are bound to, and packed readings of the clock
    take less memory than numbers, while thousands of them are in flight: together 0.3 µs a login.

    Args:
        receipts: where it is noted.
        moments: NOTE, packed.
    """

    __slots__ = ("_moments", "_receipts")

    def __init__(self, receipts: Receipts, moments: bytes) -> None:
        self._receipts = receipts
        self._moments = moments

    def __call__(self, error: KafkaError | None, message: Message | None) -> None:
        """The time of the answer is librdkafka's own, not that of our coming round to polling."""
        receipts = self._receipts
        if error is None and message is not None:
            receipts.note(self._moments)
            receipts.note_latency(message.latency() or 0.0)
        else:
            sequence, *moments = NOTE.unpack(self._moments)
            receipts.request("live", int(sequence), moments, error, message)


class Receipts:
    """Takes delivery reports. Live logins, which may be 100,000 a second, are only noted, and settled a poll at a time.

    Args:
        acknowledged: the list of them, by sequence.
        meter: of the users' requests.

    Attributes:
        note, note_latency: what a LiveReport calls.
        classes: acknowledged records by class.
        failed_beside: records that are no request of a user's and were not acknowledged, by the error's name.
    """

    def __init__(self, acknowledged: AcknowledgedLines, meter: Meter) -> None:
        self.classes: collections.Counter[str] = collections.Counter()
        self.failed_beside: collections.Counter[str] = collections.Counter()
        self._acknowledged, self._meter = acknowledged, meter
        self._noted: list[bytes] = []
        self._latencies_s: list[float] = []
        self.note, self.note_latency = self._noted.append, self._latencies_s.append

    def request(
        self,
        class_: str,
        sequence: int,
        moments: Sequence[float],
        error: KafkaError | None,
        message: Message | None,
    ) -> None:
        """A login's report, whatever its class and whatever became of it; moments as in NOTE."""
        intended, previous_end, free, started, sent = moments
        if error is None and message is not None:
            self._acknowledge(class_, sequence)
            ended = sent + (message.latency() or 0.0)
            self._meter.answered(intended, previous_end, free, started, ended, Outcome.COMPLETED, 0)
        elif error is not None and error.name() in LET_GO:
            self._meter.cut_off(intended, previous_end, free, started, time.perf_counter())
        elif error is not None:
            self._meter.failed(error.name(), intended, previous_end, free, started, time.perf_counter(), 0)

    def beside(self, class_: str, sequence: int, error: KafkaError | None, _message: Message | None) -> None:
        """The report of a record that is no request of a user's: counted by class, and in the ledger."""
        if error is None:
            self._acknowledge(class_, sequence)
        else:
            self.failed_beside[error.name()] += 1

    def settle(self) -> None:
        """Count what live reports noted; to be called soon after polls: what waits is lost if the process is killed."""
        if not self._noted:
            return
        noted = np.frombuffer(bytearray().join(self._noted)).reshape(len(self._noted), -1)
        noted[:, -1] += self._latencies_s
        self._noted.clear()
        self._latencies_s.clear()
        self._acknowledged.bought_all(noted[:, 0].astype(np.int64))
        self.classes["live"] += len(noted)
        self._meter.answered_all(noted[:, 1:])

    def _acknowledge(self, class_: str, sequence: int) -> None:
        self._acknowledged.bought(sequence)
        self.classes[class_] += 1
