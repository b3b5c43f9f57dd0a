"""What readings come to: peaks, slopes over plateaus, the time to drain, and whether the pipeline kept up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lakestorm.record.readings import Reading, Readings
from lakestorm.record.trace import POINTS_MAX, Trace
from lakestorm.verdict.backlog import drain_s, keeping_up, kept_up, trends
from lakestorm.verdict.plateaus import Slope

if TYPE_CHECKING:
    from collections.abc import Iterable

LAG = "consumer_group.lag"


def read(**curves: Iterable[tuple[float, float | None]]) -> Readings:
    """Readings by `probe__name`."""
    readings = Readings()
    for key, points in curves.items():
        probe, _, name = key.partition("__")
        for second, value in points:
            readings.add(Reading(second, probe, name, value, "messages", "" if value is not None else "away"))
    return readings


@pytest.mark.parametrize(
    ("lag", "ended_s", "wanted"),
    [
        # happy: at once; three seconds later; commits now and then leave a few
        ([(9, 0), (10, 0), (11, 0)], 10.0, 0.0),
        ([(9, 500), (10, 400), (11, 300), (12, 60), (13, 0)], 10.0, 3.0),
        ([(9, 500), (10, 400), (11, 8), (12, 10), (13, 3)], 10.0, 1.0),
        # 1 % of a high peak
        ([(5, 100_000), (10, 5_000), (11, 1_000), (12, 900)], 10.0, 1.0),
        # it came back: what counts is when it was gone for good
        ([(10, 0), (11, 0), (12, 700), (13, 0)], 10.0, 3.0),
        # sad: still there; nothing read since; never read
        ([(9, 500), (10, 400), (11, 300)], 10.0, None),
        ([(8, 0), (9, 0)], 10.0, None),
        ([], 10.0, None),
    ],
)
def test_consumers_have_drained_when_their_lag_is_gone_for_good(
    lag: list[tuple[float, float]], ended_s: float, wanted: float | None
) -> None:
    """Seconds from the load's end to the first reading since which it stays within ten messages, or 1 % of the peak."""
    assert drain_s(read(consumer_group__lag=lag), LAG, ended_s) == wanted


@pytest.mark.parametrize(
    ("confirmed", "wanted"),
    [
        ([(9, 900), (10, 1000), (11, 1000)], 0.0),
        ([(9, 500), (10, 600), (11, 900), (12.5, 1200)], 2.5),
        ([(9, 500), (10, 600), (11, 999)], None),
        ([], None),
    ],
)
def test_a_slot_has_drained_when_what_the_load_wrote_is_confirmed(
    confirmed: list[tuple[float, float]], wanted: float | None
) -> None:
    """However much others write afterwards: the lag in bytes never comes to rest."""
    written = [(9, 900), (10, 1000), (11, 5000), (12, 9000)]
    readings = read(replication_slot__confirmed_bytes=confirmed, replication_slot__written_bytes=written)
    assert drain_s(readings, "replication_slot.lag_bytes", 10.0) == wanted


def test_a_slot_that_was_not_read_since_the_load_ended_is_not_known_to_have_drained() -> None:
    """It had confirmed everything at its last reading; what was written between that and the end nobody knows."""
    readings = read(replication_slot__confirmed_bytes=[(9, 900)], replication_slot__written_bytes=[(9, 900)])
    assert drain_s(readings, "replication_slot.lag_bytes", 10.0) is None


def test_a_lag_that_grows_on_a_plateau_has_its_slope() -> None:
    """The greatest slope of all plateaus is the series' own; each plateau says whether it was kept up with."""
    offered = [100] * 40 + [1000] * 40
    lag = [(s + 0.5, 3.0 if s < 42 else 3.0 + 200 * (s - 42)) for s in range(80)]
    found = trends(read(consumer_group__lag=lag, wal__bytes_per_s=lag), offered, 0.0, 80.0)
    summary = found[LAG]
    assert [plateau["kept_up"] for plateau in summary["plateaus"]] == [True, False]
    assert summary["slope_per_s"] == pytest.approx(200, rel=0.05)
    assert summary["drain_s"] is None
    assert summary["max_at_s"] == 79.5
    assert found["wal.bytes_per_s"]["slope_per_s"] == summary["slope_per_s"]
    assert "drain_s" not in found["wal.bytes_per_s"]


def test_without_a_plateau_there_is_no_slope() -> None:
    """A lag that only grew while the load rose says nothing."""
    lag = [(s, float(s)) for s in range(60)]
    summary = trends(read(consumer_group__lag=lag), range(0, 6000, 100), 0.0, None)[LAG]
    assert (summary["slope_per_s"], summary["plateaus"], summary["drain_s"]) == (None, [], None)


def test_readings_that_failed_are_no_part_of_a_slope() -> None:
    """They are counted as errors, and the rest has its slope."""
    lag = [(float(s), None if s % 3 == 0 else 5.0 * s) for s in range(60)]
    summary = trends(read(consumer_group__lag=lag), [500] * 60, 0.0, 60.0)[LAG]
    assert (summary["count"], summary["errors"], summary["first"]) == (40, 20, 5.0)
    assert summary["slope_per_s"] == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("low", "high", "wanted", "words"),
    [
        (-1.0, 4.0, True, "the pipeline kept up"),
        (6.0, 8.0, False, "the pipeline fell behind by 5 messages a second"),
        (1.0, 9.0, None, "nobody can tell whether the pipeline kept up"),
        (None, None, None, "too few readings"),
    ],
)
def test_keeping_up_is_told_by_the_interval(
    low: float | None, high: float | None, words: str, *, wanted: bool | None
) -> None:
    """Against 1 % of the rate, here 5 a second; an interval on both sides of it tells nothing."""
    assert kept_up(Slope(5.0, low, high), 500.0) is wanted
    row = {"from_s": 10, "to_s": 40, "offered_per_s": 500.0, "per_s": 5.0, "low": low, "high": high, "kept_up": wanted}
    sentence = keeping_up(LAG, "messages", row)
    assert words in sentence
    assert sentence.startswith("At 500 requests a second (10–40 s)")


def test_a_trace_is_bounded_and_evenly_thinned() -> None:
    """Ten times as many points as it holds: still from the beginning to the end, in equal steps."""
    trace = Trace()
    for second in range(10 * POINTS_MAX):
        trace.add(float(second), second * 2.0)
    seconds, values = trace.whole()
    assert POINTS_MAX / 2 <= len(trace) <= POINTS_MAX
    assert set(seconds[1:] - seconds[:-1]) == {16.0}
    assert (values == seconds * 2).all()
    assert seconds[0] < 32
    assert seconds[-1] > 10 * POINTS_MAX - 17
    assert list(trace.since(seconds[-2])[0]) == list(seconds[-2:])


def test_the_latest_reading_is_there_though_it_is_an_error() -> None:
    """A live page shows what is now; a curve has numbers only."""
    readings = read(stock__left=[(1.0, 5.0), (2.0, 4.0), (3.0, None)])
    assert readings.latest()["stock.left"].error == "away"
    assert [list(column) for column in readings.curve("stock.left", 1.5)] == [[2.0], [4.0]]
    assert [len(column) for column in readings.curve("nobody.knows")] == [0, 0]
