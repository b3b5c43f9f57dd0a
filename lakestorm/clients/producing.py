"""One producer that all greenlets of a process share, and that never blocks their loop.

librdkafka's calls are C: whoever waits inside one stops every user of the process. So it is only ever polled with 0,
by one greenlet; delivery reports come from there, and time from librdkafka's own clock.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import gevent
import gevent.event
from confluent_kafka import KafkaException, Producer

from lakestorm.clients.kafka import client_config

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import KafkaError, Message

    from lakestorm.settings import KafkaSettings

    Header = tuple[str, str | bytes | None]
    Report = Callable[[KafkaError | None, Message | None], None]
    """Called once for a record: with its error, if it has one, and where it stands; no message if it never left."""

POLL_S = 0.001
TURN_S = 0.005
"""Who hands over records without a pause lets others run this often, the polling greenlet among them."""
SETTLE_S = 0.02
SOON_S = 1e-6
"""Not 0: the loop runs up to fifty callbacks before it looks at its timers, and each would take its turn."""
QUEUE_RECORDS = 2_000_000
"""More than may ever be in flight, so that the window and not the queue is what producers wait for."""
BATCH_BYTES = 262_144
LINGER_MS = 5
DELIVERY_S = 30
ANY_PARTITION, NOW = -1, 0
"""What `produce` takes where no partition and no time is meant. Without names it takes its arguments 0.4 µs sooner."""


class Producing:
    """A producer with a window: as many records as `in_flight` may wait for their acknowledgement.

    Args:
        settings: brokers, security, acks.
        client_id: names run and process.
        in_flight: size of the window, in records.
        settle: called now and then after a poll, and when all reports are given: for what is cheaper done for many.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        client_id: str,
        in_flight: int,
        settle: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._producer = Producer(producer_config(settings, client_id))
        self._window = in_flight
        self._settle = settle
        self._clock = clock
        self._room = gevent.event.Event()
        self._room.set()
        self._polling: gevent.Greenlet | None = None
        self._polled_at = self._settled_at = clock()
        self.full = 0
        """How often somebody had to wait for the window or the queue: back-pressure."""

    def start(self) -> None:
        """Begin to poll."""
        self._polling = gevent.spawn(self._poll_for_ever)

    @property
    def in_flight(self) -> int:
        """Records handed over whose report was not given yet; librdkafka counts them."""
        return len(self._producer)

    def burst(self, most: int) -> int:
        """How many of so many records may be handed over one after the other: one if others are due, or the room."""
        if most == 1 or self._clock() - self._polled_at > TURN_S:
            return 1
        return min(most, self._window - len(self._producer))

    def wait_for_room(self) -> float:
        """Wait until the window has room; when it had, on the clock."""
        if len(self._producer) < self._window:
            return 0.0
        self.full += 1
        while len(self._producer) >= self._window:
            self._room.clear()
            self._room.wait()
        return self._clock()

    def send(self, topic: str, key: bytes, value: bytes, headers: list[Header], report: Report) -> None:
        """Hand a record over; `report` is called once, maybe at once: a record may be refused unsent."""
        while True:
            try:
                self._producer.produce(topic, value, key, ANY_PARTITION, report, None, NOW, headers)
                break
            except BufferError:
                self.full += 1
                gevent.sleep(POLL_S)
            except KafkaException as error:  # too large, or the producer is beyond help: every record will tell
                report(error.args[0], None)
                break

    def give_turn(self) -> None:
        """Let others run, if they have not for a while; to be called between records."""
        if self._clock() - self._polled_at > TURN_S:
            gevent.sleep(SOON_S)

    def drain(self, wait_s: float) -> int:
        """Wait for what is in flight, then let go of the rest; how many were let go, their reports being given."""
        until = self._clock() + wait_s
        while self.in_flight and self._clock() < until:
            gevent.sleep(POLL_S)
        left = self.in_flight
        if left:
            self._producer.purge()
        while self.in_flight:
            gevent.sleep(POLL_S)
        self._settle()
        return left

    def close(self) -> None:
        """Stop polling."""
        if self._polling is not None:
            self._polling.kill()

    def _poll_for_ever(self) -> None:
        while True:
            served = self._producer.poll(0)
            self._polled_at = self._clock()
            if self._polled_at - self._settled_at > SETTLE_S:
                self._settled_at = self._polled_at
                self._settle()
            if not self._room.is_set() and len(self._producer) < self._window:
                self._room.set()
            gevent.sleep(0 if served else POLL_S)


def producer_config(settings: KafkaSettings, client_id: str) -> dict[str, Any]:
    """Idempotent with acks=all; less than that means that records may be lost, and is the user's choice."""
    return client_config(settings, client_id) | {
        "acks": settings.acks,
        "enable.idempotence": settings.acks == "all",
        "linger.ms": LINGER_MS,
        "batch.size": BATCH_BYTES,
        "queue.buffering.max.messages": QUEUE_RECORDS,
        "delivery.timeout.ms": DELIVERY_S * 1000,
    }
