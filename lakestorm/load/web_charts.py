"""What the live page draws: a run's curves over its last ten minutes, from the record as it grows."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lakestorm.probes.aviary import PROBE
from lakestorm.record.manifest import COUNTS
from lakestorm.record.trace import quantile_of_each
from lakestorm.report.pictures import numbers
from lakestorm.report.words import reading_in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import numpy.typing as npt

    from lakestorm.record.recorder import Recorder
    from lakestorm.record.tally import Tally

    Floats = npt.NDArray[np.float64]

WINDOW_S = 600
"""What is older stands in the report. It bounds an answer to some 60 kB, and the page's work."""
AGAIN_S = 30
"""So many seconds are sent again with each answer: a request counts where it was intended, once it has ended."""
CANARY = f"{PROBE}.sent_to_seen"
RATES = {"offered": "--offered", "completed": "--completed", "refused": "--refused", "failed": "--failed"}
GROUP_COLOURS = ("--wait", "--travel", "--refused", "--country")


def tallies(recorder: Recorder) -> Mapping[str, Tally]:
    """What was counted of each request name; the one place in which the web panel asks the record for it."""
    return recorder.tallies


@dataclasses.dataclass(frozen=True, slots=True)
class Window:
    """Seconds of a run: from the first (included) to the last (excluded)."""

    first_s: int
    end_s: int

    @classmethod
    def since(cls, asked_s: int, now_s: float) -> Window:
        """What is sent to a page that has everything before a second: nothing older than WINDOW_S."""
        end_s = max(0, math.floor(now_s))
        return cls(max(0, end_s - WINDOW_S, min(asked_s, end_s) - AGAIN_S), end_s)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One line. Shapes: `x` seconds since the run's start and `y`, of one length."""

    label: str
    colour: str
    x: Floats
    y: Floats

    def public(self) -> dict[str, Any]:
        """As the page gets it."""
        x = [round(float(at), 2) for at in self.x]
        return {"label": self.label, "colour": self.colour, "x": x, "y": numbers(self.y)}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One question, its unit, and where its curves come from. It is shown once any of them has a point."""

    name: str
    question: str
    unit: str
    curves: Callable[[Recorder, Window], Iterator[Curve]]
    is_log: bool = False


def rates(recorder: Recorder, window: Window) -> Iterator[Curve]:
    """Requests of all names by second; refused and failed ones only where there are any.

    The last whole second is left to the next answer: it is being counted.
    """
    window = Window(window.first_s, window.end_s - 1)
    counts = counts_within(recorder, window)
    for what, colour in RATES.items():
        y = counts[:, COUNTS.index(what)]
        if what in ("offered", "completed") or any(t.total.counts[what] for t in tallies(recorder).values()):
            yield Curve(label=what, colour=colour, x=np.arange(window.first_s, window.end_s, dtype=np.float64), y=y)


def counts_within(recorder: Recorder, window: Window) -> Floats:
    """Sums of all counts over the names that offer anything; shape (seconds of the window, COUNTS)."""
    found = np.zeros((max(0, window.end_s - window.first_s), len(COUNTS)))
    for tally in tallies(recorder).values():
        if tally.offers:
            part = tally.timeline.counts[: tally.timeline.seconds][window.first_s : window.end_s]
            found[: len(part)] += part
    return found


def canary(recorder: Recorder, window: Window) -> Iterator[Curve]:
    """Percentiles of the canaries that were seen in each second; a second in which none came has no point."""
    seconds, values = recorder.readings.curve(CANARY, window.first_s)
    for label, quantile, colour in (("p95", 0.95, "--completed"), ("p50", 0.5, "--wait")):
        x, y = quantile_of_each(np.floor(seconds), values, quantile)
        yield Curve(label=label, colour=colour, x=x, y=y)


def read(colours: Mapping[str, str]) -> Callable[[Recorder, Window], Iterator[Curve]]:
    """Curves of readings by `probe.name`, each with its colour."""

    def curves(recorder: Recorder, window: Window) -> Iterator[Curve]:
        for name, colour in colours.items():
            x, y = recorder.readings.curve(name, window.first_s)
            probe, _, what = name.partition(".")
            yield Curve(label=reading_in_words(probe, what), colour=colour, x=x, y=y)

    return curves


def groups(recorder: Recorder, window: Window) -> Iterator[Curve]:
    """The lag of each consumer group; the page has room for so many as there are colours."""
    names = [name for name in recorder.readings.series if name.startswith("consumer_group.lag.")]
    for name, colour in zip(names, GROUP_COLOURS, strict=False):
        x, y = recorder.readings.curve(name, window.first_s)
        yield Curve(label=name.removeprefix("consumer_group.lag."), colour=colour, x=x, y=y)


CHARTS = (
    Chart(name="rates", question="Does it keep up with what is offered?", unit="per s", curves=rates),
    Chart(
        name="canary", question="How long does an order take until it is in Kafka?", unit="ms", curves=canary,
        is_log=True,
    ),
    Chart(
        name="slot", question="How far is the connector behind the database's log?", unit="bytes",
        curves=read({"replication_slot.lag_bytes": "--service"}),
    ),
    Chart(name="groups", question="How far are consumers behind?", unit="messages", curves=groups),
    Chart(
        name="hot", question="What is left of the hot items?", unit="units",
        curves=read({"stock.hot_left": "--refused"}),
    ),
    Chart(
        name="stock", question="What is left to sell in all?", unit="units",
        curves=read({"stock.left": "--completed"}),
    ),
    Chart(
        name="log", question="How much does the database write into its log?", unit="bytes per s",
        curves=read({"wal.bytes_per_s": "--service"}),
    ),
    Chart(
        name="commits", question="How many transactions does it commit?", unit="per s",
        curves=read({"transactions.commits_per_s": "--service"}),
    ),
    Chart(
        name="topics", question="How much reaches Kafka?", unit="messages per s",
        curves=read({"topic.messages_per_s": "--travel"}),
    ),
)  # fmt: skip
"""In the order of the page: what is done to the platform, what it does to a purchase, where that waits."""


def charts(recorder: Recorder, window: Window) -> Iterator[dict[str, Any]]:
    """Every chart that has anything to show, with its points in a window."""
    for chart in CHARTS:
        curves = [curve for curve in chart.curves(recorder, window) if len(curve.x)]
        if curves:
            yield {
                "name": chart.name,
                "question": chart.question,
                "unit": chart.unit,
                "log": chart.is_log,
                "curves": [curve.public() for curve in curves],
            }
