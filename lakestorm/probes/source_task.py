"""How many records does the connector write to Kafka, and does it fail with any?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from lakestorm.probes.asking import Value
from lakestorm.probes.counters import Rate, Total

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lakestorm.probes.asking_metrics import MetricsPage

WRITTEN, ERRORS, IN_HAND = "sourcerecordwrite", "taskerrormetricstotalrecorderrors", "sourcerecordactivecount"
ATTRIBUTES = (WRITTEN, ERRORS, IN_HAND)


class SourceTask:
    """All tasks of one connector, by Kafka Connect's own metrics.

    Args:
        page: the worker's metrics; a connector with tasks on several workers has a page on each of them.
        connector: its name; empty for all.
    """

    name: ClassVar[str] = "source_task"
    units: ClassVar[Mapping[str, str]] = {
        "written_per_s": "records/s",
        "errors": "since the start",
        "in_hand": "records not yet acknowledged",
    }

    def __init__(self, page: MetricsPage, connector: str, clock: Callable[[], float] = time.perf_counter) -> None:
        self._page = page
        self._labels = {"connector": connector} if connector else {}
        self._clock = clock
        self._written, self._errors = Rate(), Total()

    def sample(self) -> Iterator[Value]:
        """See Probe."""
        per_s = self._written.per_s(self._clock(), self._page.value(WRITTEN, self._labels))
        if per_s is not None:
            yield Value("written_per_s", per_s, self.units["written_per_s"])
        errors = self._errors.since_start(self._page.value(ERRORS, self._labels))
        yield Value("errors", errors, self.units["errors"])
        yield Value("in_hand", self._page.value(IN_HAND, self._labels), self.units["in_hand"])
