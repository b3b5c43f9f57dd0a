"""What does Debezium itself say: how fast it reads, how full its queue is? None of it is the true lag."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from lakestorm.probes.asking import Value
from lakestorm.probes.counters import Rate, Total

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lakestorm.probes.asking_metrics import MetricsPage

BEHIND, QUEUE, ROOM = "millisecondsbehindsource", "queuetotalcapacity", "queueremainingcapacity"
EVENTS, WRONG, QUIET = "totalnumberofeventsseen", "numberoferroneousevents", "millisecondssincelastevent"
ATTRIBUTES = (BEHIND, QUEUE, ROOM, EVENTS, WRONG, QUIET)
NO_EVENT = "it has seen no event yet"


class Debezium:
    """The streaming part of a connector, by the attributes of its MBean.

    `read_side_ms` is MilliSecondsBehindSource: from the commit's time by the database's clock to the moment in which
    the connector's reader had the event in hand. What happens to it afterwards is not in it: with the broker stopped
    for ten seconds it was seen at 2 to 18 ms. While nothing is written it keeps its last value.

    Args:
        page: the worker's metrics.
        prefix: the connector's topic.prefix, by which its MBean is known; empty for any.
    """

    name: ClassVar[str] = "debezium"
    units: ClassVar[Mapping[str, str]] = {
        "read_side_ms": "ms, commit to reader",
        "queue_fill": "share of the queue",
        "events_per_s": "events/s",
        "erroneous": "since the start",
        "quiet_ms": "ms since the last event",
    }

    def __init__(self, page: MetricsPage, prefix: str, clock: Callable[[], float] = time.perf_counter) -> None:
        self._page = page
        self._labels: Mapping[str, str] = {"context": "streaming"} | (
            {"name": prefix, "server": prefix} if prefix else {}
        )
        self._clock = clock
        self._events, self._wrong = Rate(), Total()

    def sample(self) -> Iterator[Value]:
        """See Probe."""
        total = self._of(QUEUE)
        yield from self._moments({"read_side_ms": BEHIND, "quiet_ms": QUIET})
        yield Value("queue_fill", 1.0 - self._of(ROOM) / total if total else None, self.units["queue_fill"])
        per_s = self._events.per_s(self._clock(), self._of(EVENTS))
        if per_s is not None:
            yield Value("events_per_s", per_s, self.units["events_per_s"])
        yield Value("erroneous", self._wrong.since_start(self._of(WRONG)), self.units["erroneous"])

    def _moments(self, attributes: Mapping[str, str]) -> Iterator[Value]:
        """Times; Debezium has -1 for one that never came."""
        for name, attribute in attributes.items():
            found = self._of(attribute)
            yield Value(name, found if found >= 0 else None, self.units[name], "" if found >= 0 else NO_EVENT)

    def _of(self, attribute: str) -> float:
        return self._page.value(attribute, self._labels)
