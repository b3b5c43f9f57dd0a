"""Kafka Connect's metrics page, read once a turn for all probes that want something of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from lakestorm.errors import ProbeError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from prometheus_client.samples import Sample

ANSWER_S = 2.0
"""How long the page may take."""
FRESH_S = 0.2
"""Probes that are asked within this share one look: every look makes the worker go through all its MBeans."""


class MetricsPage:
    """A page in Prometheus' text format, as the JMX exporter gives it.

    Exporters call the same attribute differently (`debezium_metrics_TotalNumberOfEventsSeen`,
    `debezium_postgres_connector_metrics_totalnumberofeventsseen`), so attributes are found by how names end, without
    regard to case and underscores.

    Args:
        url: of the page. It is asked directly, whatever proxy the environment names.
        wanted: attributes, as `totalnumberofeventsseen`; everything else on the page is passed over.
    """

    def __init__(self, url: str, wanted: Collection[str], clock: Callable[[], float] = time.perf_counter) -> None:
        self._url = url
        self._wanted = tuple(wanted)
        self._clock = clock
        self._client = httpx2.Client(timeout=ANSWER_S, trust_env=False)
        self._read: tuple[float, list[Sample]] | None = None

    def value(self, attribute: str, labels: Mapping[str, str]) -> float:
        """The sum of an attribute over all samples that have these labels, or have no such label at all.

        Raises:
            ProbeError: the page does not answer, or has no such attribute.
        """
        found = [
            sample.value
            for sample in self._samples()
            if plain(sample.name).endswith(attribute)
            and all(sample.labels.get(name, value) == value for name, value in labels.items())
        ]
        if not found:
            raise ProbeError(f"the page has no {attribute} (a connector without a running task has none)")
        return float(sum(found))

    def _samples(self) -> list[Sample]:
        if self._read is None or self._clock() - self._read[0] > FRESH_S:
            self._read = None
            found = parsed(self._text(), self._wanted)
            self._read = self._clock(), found
        return self._read[1]

    def _text(self) -> str:
        try:
            return self._client.get(self._url).raise_for_status().text
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ProbeError(f"{type(error).__name__} {error}") from error


def parsed(text: str, wanted: tuple[str, ...]) -> list[Sample]:
    """Samples of the attributes that are wanted; raises ProbeError if those lines are no metrics."""
    lines = [line for line in text.splitlines() if plain(line.partition("{")[0].partition(" ")[0]).endswith(wanted)]
    try:
        return [s for family in text_string_to_metric_families("\n".join(lines) + "\n") for s in family.samples]
    except ValueError as error:
        raise ProbeError(f"this is no metrics page: {error}") from error


def plain(name: str) -> str:
    """A name without what exporters differ in."""
    return name.lower().replace("_", "").removesuffix("total")
