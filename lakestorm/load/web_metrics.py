"""`/metrics`: the run as Prometheus reads it. Names are listed in docs/pipeline.md; the dashboard uses no others.

Counters begin anew with each run, which Prometheus takes for a restart, as it should. Times are in seconds, as its
conventions have it. What cannot be known is left out; it is never a 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import gevent
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily

from lakestorm.load.web_charts import tallies
from lakestorm.record.manifest import QUANTILES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locust.env import Environment
    from prometheus_client.core import Metric

    from lakestorm.load.live_run import LiveRun
    from lakestorm.load.web_panel import Panel
    from lakestorm.record.manifest import Latency, RequestSummary

PREFIX = "lakestorm"
OUTCOMES = ("completed", "refused", "failed", "skipped", "cancelled")
"""They add up to what was offered."""


class RunCollector:
    """Reads the record when it is asked to; between runs it shows the last one.

    Args:
        panel: knows the run.
        environment: Locust's, for the number of users.
    """

    def __init__(self, panel: Panel, environment: Environment) -> None:
        self._panel = panel
        self._environment = environment

    def collect(self) -> Iterator[Metric]:
        """All families; others run after each request name, since its summary costs half a millisecond."""
        live = self._panel.live
        yield from of_users(self._environment)
        if live is None:
            return
        yield from of_run(live.key.hex, self._panel)
        yield from counts(live)
        yield last_second(live)
        yield from latencies(live)
        yield from probes(live)


def of_users(environment: Environment) -> Iterator[Metric]:
    """How many users there are."""
    users = GaugeMetricFamily(f"{PREFIX}_users", "Users that run now.")
    users.add_metric([], environment.runner.user_count if environment.runner else 0)
    yield users


def of_run(run_id: str, panel: Panel) -> Iterator[Metric]:
    """Which run it is, and how old."""
    run = GaugeMetricFamily(f"{PREFIX}_run_info", "The run that is shown; always 1.", labels=["run_id", "scenarios"])
    run.add_metric([run_id, "+".join(panel.scenarios)], 1)
    yield run
    elapsed = GaugeMetricFamily(f"{PREFIX}_run_elapsed_seconds", "Seconds since the run's start.")
    elapsed.add_metric([], panel.now_s())
    yield elapsed


def counts(live: LiveRun) -> Iterator[Metric]:
    """Requests by name: offered, by outcome, late, tried again."""
    offered = CounterMetricFamily(f"{PREFIX}_requests_offered", "Requests that were intended.", labels=["name"])
    ended = CounterMetricFamily(f"{PREFIX}_requests", "Requests by how they ended.", labels=["name", "outcome"])
    late = CounterMetricFamily(f"{PREFIX}_requests_late", "Answers that came later than allowed.", labels=["name"])
    retried = CounterMetricFamily(f"{PREFIX}_requests_retried", "Requests tried more than once.", labels=["name"])
    for name, tally in tallies(live.recorder).items():
        found = tally.total.counts
        if tally.offers:
            offered.add_metric([name], found["offered"])
            late.add_metric([name], found["late"])
            retried.add_metric([name], found["retried"])
        for outcome in OUTCOMES if tally.offers else ("completed",):
            ended.add_metric([name, outcome], found[outcome])
    yield from (offered, ended, late, retried)


def last_second(live: LiveRun) -> Metric:
    """Percentiles of the last second in which an answer came."""
    family = GaugeMetricFamily(
        f"{PREFIX}_last_second_response_seconds",
        "Response time (service time in a closed loop) of what was answered in the last second.",
        labels=["name", "quantile"],
    )
    for name, tally in tallies(live.recorder).items():
        if tally.timeline.percentiles:
            found = tally.timeline.percentiles[max(tally.timeline.percentiles)]
            for quantile, value in zip(QUANTILES.values(), found, strict=True):
                family.add_metric([name, str(quantile)], value / 1e3)
    return family


def latencies(live: LiveRun) -> Iterator[Metric]:
    """Times since the warm-up by name, each kind a summary, and what was waited for in all."""
    families = {
        kind: SummaryMetricFamily(f"{PREFIX}_{kind}_seconds", text, labels=["name"])
        for kind, text in {
            "response": "From when a request was intended to its answer.",
            "service": "From a request's start to its answer.",
            "wait": "From when a request was intended to its start.",
            "slip": "By how much the generator itself started a request late.",
        }.items()
    }
    waited = CounterMetricFamily(
        f"{PREFIX}_waited_seconds", "Waiting, summed over requests, by what was waited for.", labels=["name", "what"]
    )
    for name, tally in tallies(live.recorder).items():
        summary: RequestSummary = tally.measured_now()
        gevent.sleep(0)
        for kind, family in families.items():
            add_latency(family, name, getattr(summary, f"{kind}_ms"))
        for what, milliseconds in summary.waited_ms.items():
            waited.add_metric([name, what], milliseconds / 1e3)
    yield from (*families.values(), waited)


def add_latency(family: SummaryMetricFamily, name: str, latency: Latency | None) -> None:
    """A distribution, if there is any."""
    if latency is None or not latency.count or latency.mean is None:
        return
    family.add_metric([name], latency.count, latency.mean * latency.count / 1e3)
    for label, quantile in QUANTILES.items():
        value = getattr(latency, label)
        if value is not None:
            family.add_sample(family.name, {"name": name, "quantile": str(quantile)}, value / 1e3)


def probes(live: LiveRun) -> Iterator[Metric]:
    """What probes read last; a reading that failed has no value, but is not readable."""
    labels = ["probe", "name"]
    value = GaugeMetricFamily(f"{PREFIX}_probe", "What a probe read last.", labels=[*labels, "unit"])
    readable = GaugeMetricFamily(f"{PREFIX}_probe_readable", "1 if its last reading has a value.", labels=labels)
    last = GaugeMetricFamily(f"{PREFIX}_probe_last_read_seconds", "When, in the run's seconds.", labels=labels)
    errors = CounterMetricFamily(f"{PREFIX}_probe_errors", "Readings that failed.", labels=labels)
    for reading in live.recorder.readings.latest().values():
        of = [reading.probe, reading.name]
        readable.add_metric(of, float(reading.value is not None))
        last.add_metric(of, reading.second)
        errors.add_metric(of, live.recorder.readings.series[".".join(of)].errors)
        if reading.value is not None:
            value.add_metric([*of, reading.unit], reading.value)
    yield from (value, readable, last, errors)
