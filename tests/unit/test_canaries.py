"""Canaries on their way and at its end: hops, negatives, what is missing, what the run is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lakestorm.model.orders import CANARY_PROCESS, RunKey
from lakestorm.probes.aviary import TIMED_OUT, Aviary
from lakestorm.probes.stream import ReadingMessage, RequestMessage
from lakestorm.record.canaries import HOPS, Canaries, Flight, Stamps
from lakestorm.record.references import BOUGHT, AcknowledgedFile, AcknowledgedLines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lakestorm.probes.stream import Message

AT = 1_760_000_000.0
"""The wall clock when the monotonic one is at 0."""


def flight(number: int = 0, intended: float = 1.0, sent: float | None = 1.001) -> Flight:
    """A canary that woke 0.5 ms late."""
    wall = 0.0 if sent is None else AT + sent
    return Flight(number=number, intended=intended, woke=intended + 0.0005, sent=sent, sent_at=wall)


def stamps(sent: float = 1.001, source: float = 0.0001, seen: float = 0.1) -> Stamps:
    """Stamps at these seconds after its sending."""
    return Stamps(AT + sent + source, AT + sent + 0.03, AT + sent + 0.07, AT + sent + seen)


def test_hops_in_order() -> None:
    """The parts are differences of neighbours, and the four of the way add up to the whole."""
    bird = flight()
    bird.answered, bird.seen, bird.stamps = 1.004, 1.101, stamps()
    hops = bird.hops_s()
    assert hops.keys() == HOPS.keys()
    assert hops["schedule_delay"] == pytest.approx(0.0005)
    assert hops["commit"] == pytest.approx(0.003)
    way = ("sent_to_source", "source_to_connect", "connect_to_record", "record_to_seen")
    assert [hops[name] for name in way] == pytest.approx([0.0001, 0.0299, 0.04, 0.03], abs=1e-6)
    assert sum(hops[name] for name in way) == pytest.approx(hops["sent_to_seen"], abs=1e-6)


@pytest.mark.parametrize(
    ("sent", "answered", "names"),
    [(None, None, {"schedule_delay"}), (1.0, None, {"schedule_delay"}), (1.0, 1.1, {"schedule_delay", "commit"})],
)
def test_hops_that_are_known(sent: float | None, answered: float | None, names: set[str]) -> None:
    """One that never came has the hops it got to, and no others."""
    bird = flight(sent=sent)
    bird.answered = answered
    assert bird.hops_s().keys() == names


def test_negatives_are_counted_and_missing_ones_rank_last() -> None:
    """A hop below 0 keeps its value as the least; a canary that failed is infinite in the whole, and only there."""
    account = Canaries()
    for n in range(3):
        bird = flight(n)
        bird.answered, bird.seen, bird.stamps = 1.004, 1.101, stamps(source=-0.002 if n == 1 else 0.001)
        account.landed(bird)
    account.ended(flight(3), "failed")
    account.ended(flight(4, sent=None), "cancelled")
    found = account.summary({"every_ms": 100})
    assert {name: found[name] for name in ("every_ms", "sent", "completed", "failed", "cancelled")} == {
        "every_ms": 100, "sent": 4, "completed": 3, "failed": 1, "cancelled": 1,
    }  # fmt: skip
    source, whole = found["hops_ms"]["sent_to_source"], found["hops_ms"]["sent_to_seen"]
    assert (source["count"], source["negative"]) == (3, 1)
    assert source["min"] == pytest.approx(-2.0, abs=0.01)
    assert source["p99"] == pytest.approx(1.0, rel=0.01)
    assert (whole["count"], whole["p99"], whole["max"]) == (4, None, None)
    assert whole["p50"] == pytest.approx(100, rel=0.01)


def test_no_canary_at_all() -> None:
    """A run that ended before the first has an account of zeros."""
    found = Canaries().summary({})
    assert found["sent"] == 0
    assert all(hop == {"count": 0, "negative": 0} for hop in found["hops_ms"].values())


class Sky:
    """An aviary with a clock that stands still, and all that it tells."""

    def __init__(self, folder: Path) -> None:
        self.now = 1.2
        self.told: list[Message] = []
        self.lines = AcknowledgedLines(folder / "orders-canary.bin", RunKey.new(1, 1).hex, CANARY_PROCESS)
        self.aviary = Aviary(self.told.append, self.lines, lambda: self.now)
        self.bird = flight()
        self.aviary.add(self.bird)

    def see(self) -> None:
        """The canary is read from the topic."""
        self.aviary.seen(0, 1.1, stamps())

    @property
    def requests(self) -> list[RequestMessage]:
        """What was told of requests."""
        return [message for message in self.told if isinstance(message, RequestMessage)]


@pytest.fixture
def sky(tmp_path: Path) -> Iterator[Sky]:
    """One canary on its way."""
    found = Sky(tmp_path)
    yield found
    found.lines.close(1)


def do(name: str) -> Callable[[Sky], Any]:
    """What may happen to the canary."""
    return {
        "seen": Sky.see,
        "answered": lambda sky: sky.aviary.answered(sky.bird),
        "doubted": lambda sky: sky.aviary.doubted(sky.bird),
        "refused": lambda sky: sky.aviary.failed(sky.bird, "40001"),
        "expired": lambda sky: sky.aviary.expire(0.1),
        "cut short": lambda sky: sky.aviary.cut_short(),
    }[name]


@pytest.mark.parametrize(
    ("happens", "wanted"),
    [
        # happy: in either order, and with an answer that is never read
        (["answered", "seen"], ("completed", "")),
        (["seen", "answered"], ("completed", "")),
        (["doubted", "seen"], ("completed", "")),
        (["answered", "seen", "seen", "expired", "cut short"], ("completed", "")),
        # sad
        (["refused", "seen"], ("failed", "40001")),
        (["answered", "expired", "seen"], ("failed", TIMED_OUT)),
        (["answered", "cut short"], ("cancelled", "")),
        (["seen", "cut short"], ("cancelled", "")),
    ],
)
def test_one_end_each(sky: Sky, happens: list[str], wanted: tuple[str, str]) -> None:
    """Whatever happens, and in whatever order, a canary ends once, and the first end counts."""
    for name in happens:
        do(name)(sky)
    assert [(r.outcome, r.code) for r in sky.requests] == [wanted]
    assert (sky.requests[0].offered, sky.requests[0].started) == (1.0, 1.001)
    assert not len(sky.aviary)


def test_what_the_run_is_told(sky: Sky) -> None:
    """A reading a hop, in milliseconds, and a request from its intended moment until it was seen."""
    do("answered")(sky)
    do("seen")(sky)
    readings = {m.name: m.value for m in sky.told if isinstance(m, ReadingMessage)}
    assert readings.keys() == HOPS.keys()
    assert readings["sent_to_seen"] == pytest.approx(99.0)
    assert sky.requests[0].done == 1.1
    assert sky.requests[0].ready == pytest.approx(1.0005)
    assert sky.aviary.latest_sent == 1.001


def test_nothing_yet(sky: Sky) -> None:
    """Seen and not answered, or not old enough, it is still on its way."""
    do("seen")(sky)
    sky.aviary.expire(0.5)
    assert sky.aviary.awaits(sky.bird)
    assert sky.requests == []


@pytest.mark.parametrize(
    ("happens", "doubts", "acknowledged"),
    [(["answered", "seen"], set(), [True]), (["expired"], {0}, [False]), (["doubted"], {0}, [False]),
     (["expired", "answered"], set(), [True]), (["refused"], set(), [False]), (["cut short"], {0}, [False])],
)  # fmt: skip
def test_what_the_ledger_is_told(
    tmp_path: Path, happens: list[str], doubts: set[int], acknowledged: list[bool]
) -> None:
    """An answered commit is acknowledged, however late; one that was sent and never answered is in doubt."""
    sky = Sky(tmp_path)
    for name in happens:
        do(name)(sky)
    sky.lines.close(1)
    assert sky.aviary.doubts == doubts
    assert AcknowledgedFile.read(tmp_path / "orders-canary.bin").flags(BOUGHT)[:1].tolist() == acknowledged
