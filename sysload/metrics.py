"""The last second as Prometheus metrics: names and units are those of the rows, helps those of their docstrings."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from prometheus_client.metrics_core import Metric

    from sysload.second import Second, Watched
    from sysload.watching import Comparison

PREFIX = "sysload"
GROUPS = ("targets", "achieved", "host", "container", "stall")
ARGUMENT = re.compile(r"^\s+(\w+): (.+)$", re.MULTILINE)
SHARES = {"0.5": "p50_ms", "0.95": "p95_ms", "1": "max_ms"}


class SecondCollector:
    """What Prometheus is told; made anew at each scrape.

    Args:
        second: the last one; None before the first.
        comparisons: of the watched checks.
        problems: why `/healthz` is false, sentences.
    """

    def __init__(
        self,
        second: Callable[[], Second | None],
        comparisons: Callable[[], Sequence[Comparison]],
        problems: Callable[[], Sequence[str]],
    ) -> None:
        self._second = second
        self._comparisons = comparisons
        self._problems = problems

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client's Collector."""
        yield gauge("healthy", "1 if /healthz is true.", not self._problems())
        second = self._second()
        if second is None:
            return
        yield from of_groups(second)
        yield from of_itself(second)
        yield from of_watched(second.watched)
        yield from of_comparisons(self._comparisons())


def gauge(name: str, about: str, value: float) -> Metric:
    """One number."""
    return GaugeMetricFamily(f"{PREFIX}_{name}", about, value=float(value))


def of_groups(second: Second) -> Iterator[Metric]:
    """Targets, what was achieved, host, container, stall; what this machine does not tell is left out."""
    for group in GROUPS:
        row = getattr(second, group)
        about = dict(ARGUMENT.findall(type(row).__doc__ or ""))
        for field in dataclasses.fields(row):
            value = getattr(row, field.name)
            if value is not None:
                yield gauge(f"{group}_{field.name}", f"{group}: {about.get(field.name, field.name)}", value)


def of_itself(second: Second) -> Iterator[Metric]:
    """How sys-load itself is."""
    yield gauge("second_at", "The UTC epoch second that these numbers are of.", second.at)
    yield gauge("second_over_s", "How long its rates were measured over.", second.over_s)
    yield gauge("workers_dead", "Of our own workers, now.", second.workers_dead)
    yield gauge("shortfalls", "Targets that were not reached in this second.", len(second.shortfalls))
    yield CounterMetricFamily(f"{PREFIX}_restarts", "Of our own workers, since the start.", value=second.restarts)
    phase = GaugeMetricFamily(f"{PREFIX}_phase", "1 for the phase that the pressure is in.", labels=["phase"])
    phase.add_metric([second.phase], 1)
    yield phase


def of_watched(all_watched: Sequence[Watched]) -> Iterator[Metric]:
    """The watched checks, by target."""
    up = per_target("up", "1 if it answered when it was last asked.")
    latency = per_target("latency_ms", "Of the last answer.")
    lasted = per_target("state_for_s", "Since it became up or down.")
    flapping = per_target("flapping", "1 if it changed so often lately that neither state means much.")
    changes = CounterMetricFamily(f"{PREFIX}_watched_changes", "Up to down or down to up.", labels=["target"])
    engine = GaugeMetricFamily(
        f"{PREFIX}_watched_engine", "1 for what the container engine says.", labels=["target", "says"]
    )
    for one in all_watched:
        if one.state != "unknown":
            up.add_metric([one.target], one.state == "up")
            lasted.add_metric([one.target], one.state_for_s)
        if one.latency_ms is not None:
            latency.add_metric([one.target], one.latency_ms)
        flapping.add_metric([one.target], one.is_flapping)
        changes.add_metric([one.target], one.changes)
        if one.engine:
            engine.add_metric([one.target, one.engine], 1)
    yield from (up, latency, lasted, flapping, changes, engine)


def of_comparisons(comparisons: Sequence[Comparison]) -> Iterator[Metric]:
    """Latency before and under pressure by quantile, failed askings as infinite; what the engine contradicted."""
    labels = ["target", "pressure", "quantile"]
    latency = GaugeMetricFamily(f"{PREFIX}_watched_latency_quantile_ms", "Of the last 1000 askings.", labels=labels)
    contradicted = CounterMetricFamily(
        f"{PREFIX}_watched_engine_contradicted_s", "The engine said up and we saw down, or reverse.", labels=["target"]
    )
    for one in comparisons:
        for pressure, found in (("before", one.before), ("under", one.under)):
            for share, field in SHARES.items():
                if (value := getattr(found, field)) is not None:
                    latency.add_metric([one.target, pressure, share], value)
        contradicted.add_metric([one.target], one.engine_contradicted_s)
    yield from (latency, contradicted)


def per_target(name: str, about: str) -> GaugeMetricFamily:
    """A number for each watched check."""
    return GaugeMetricFamily(f"{PREFIX}_watched_{name}", about, labels=["target"])


def finite(value: object) -> object:
    """A value as JSON can have it: infinity as null, in all that it holds."""
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
