"""The self-check: numbers that the generator itself spoiled are not taken for the system's."""

from __future__ import annotations

import dataclasses

import pytest

from lakestorm.record.manifest import Latency, RequestSpans, RequestSummary
from lakestorm.verdict.selfcheck import FEWEST, generator_faults


def latency(p99: float | None, count: int = FEWEST) -> Latency:
    """A distribution of just enough requests with this p99 in milliseconds."""
    return Latency(count=count, min=0, mean=1, p50=1, p90=1, p95=1, p99=p99, p999=p99, max=p99)


def summary(slip: float | None = None, response: float | None = None, service: float | None = None) -> RequestSummary:
    """A request name with these p99 in milliseconds; None = no samples."""
    shown = {
        name: None if p99 is None else latency(p99) for name, p99 in zip("srv", (slip, response, service), strict=True)
    }
    return RequestSummary(
        offered=9, started=9, completed=9, refused=0, failed=0, late=0, skipped=0, retried=0, cancelled=0, recovered=0,
        errors={}, retries={}, response_ms=shown["r"], response_ms_of_offered=None, service_ms=shown["v"],
        wait_ms=None, slip_ms=shown["s"], waited_ms={},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("slip", "response", "service", "is_fault"),
    [
        (0.1, 5, 4, False),
        (20, 5, 4, False),  # the floor: below it no system is judged by it
        (20.1, 5, 4, True),
        (20.1, 5, 999, True),  # service does not excuse it where there is a response
        (99, 1000, 4, False),
        (100, 1000, 4, False),
        (100.1, 1000, 4, True),
        (300, None, 4000, False),  # a closed loop: service stands in
        (500, None, 4000, True),
        (500, None, None, False),  # nothing was answered: nothing to spoil
        (None, 5, 4, False),
    ],
)
def test_slip_beyond_its_share_is_a_fault(
    slip: float | None,
    response: float | None,
    service: float | None,
    is_fault: bool,  # noqa: FBT001 - a table's column
) -> None:
    """A name is spoiled when its slip p99 > max(20 ms, 10 % of its response p99)."""
    one = summary(slip, response, service)
    found = generator_faults({"PG order.buy": RequestSpans(total=one, measured=one)})
    assert bool(found) is is_fault
    assert all(sentence.startswith("PG order.buy: the generator itself was late by ") for sentence in found)


def test_each_name_is_told_with_its_numbers() -> None:
    """One sentence a spoiled name: how late, and how late it might be."""
    bad, good = summary(250, 1000, 4), summary(1, 1000, 4)
    found = generator_faults(
        {name: RequestSpans(total=s, measured=s) for name, s in {"A": bad, "B": good, "C": bad}.items()}
    )
    assert [sentence.partition(":")[0] for sentence in found] == ["A", "C"]
    assert "250 ms (slip p99; at most 100 ms is allowed)" in found[0]


@pytest.mark.parametrize(("count", "is_judged"), [(FEWEST, True), (FEWEST - 1, False), (1, False)])
def test_a_p99_of_few_is_not_judged(count: int, is_judged: bool) -> None:  # noqa: FBT001 - a table's column
    """With fewer requests than 100 the p99 is one hiccup's, and says nothing."""
    one = dataclasses.replace(summary(250), response_ms=latency(1000, count))
    assert bool(generator_faults({"A": RequestSpans(total=one, measured=one)})) is is_judged


def test_the_warm_up_is_not_judged() -> None:
    """Only what was measured counts."""
    bad, good = summary(250, 1000, 4), summary(1, 1000, 4)
    assert generator_faults({"A": RequestSpans(total=bad, measured=good)}) == []
    assert generator_faults({"A": RequestSpans(total=good, measured=bad)})
    assert generator_faults({}) == []


def test_a_p99_without_end_is_no_yardstick() -> None:
    """Where the response p99 is not known, slip is not judged by it, and nothing breaks."""
    one = summary(250, 1000, 4)
    endless = dataclasses.replace(one, response_ms=latency(None))
    assert generator_faults({"A": RequestSpans(total=endless, measured=endless)}) == []
