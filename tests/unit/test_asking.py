"""Lanes: probes that fail, hang, come and go, and what is said of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, ClassVar

import pytest

from lakestorm.errors import ProbeError
from lakestorm.probes.asking import ERROR_MAX, OVERDUE_S, Lane, Value
from lakestorm.probes.stream import ReadingMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lakestorm.probes.asking import Probe
    from lakestorm.probes.stream import Message


class Asked:
    """A probe that does what it is told."""

    name: ClassVar[str] = "asked"
    units: ClassVar[Mapping[str, str]] = {"left": "units"}

    def __init__(self, answer: Callable[[], list[Value]]) -> None:
        self.answer = answer

    def sample(self) -> Iterator[Value]:
        """The answer of this turn."""
        yield from self.answer()


class Heard:
    """A lane with a clock of its own, and everything it said."""

    def __init__(self, *probes: Probe) -> None:
        self.now = 100.0
        self.messages: list[ReadingMessage] = []
        self.lane = Lane("test", probes, 1.0, self._tell, clock=lambda: self.now)

    def _tell(self, message: Message) -> None:
        assert isinstance(message, ReadingMessage)
        self.messages.append(message)

    def said(self) -> list[tuple[str, float | None, str]]:
        """(name, value, error) since the last call."""
        said = [(m.name, m.value, m.error) for m in self.messages]
        self.messages.clear()
        return said


def fails(error: Exception) -> Callable[[], list[Value]]:
    """An answer that is none."""

    def answer() -> list[Value]:
        raise error

    return answer


def test_values_become_readings() -> None:
    """With the moment of the answer, the probe's name and each value's own unit."""
    heard = Heard(Asked(lambda: [Value("left", 3.0, "units"), Value("left.a", None, "units", "no a")]))
    heard.lane.turn()
    assert [(m.at, m.probe, m.name, m.value, m.unit, m.error) for m in heard.messages] == [
        (100.0, "asked", "left", 3.0, "units", ""),
        (100.0, "asked", "left.a", None, "units", "no a"),
    ]


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (ProbeError("there is\nno slot"), "there is no slot"),
        (ZeroDivisionError("by zero"), "ZeroDivisionError: by zero"),
        (ProbeError(""), "failed without a word"),
        (ProbeError("x" * 5000), "x" * ERROR_MAX),
    ],
)
def test_a_probe_that_fails_is_an_error_and_never_a_zero(error: Exception, wanted: str) -> None:
    """Whatever it raises; probes after it are asked all the same."""
    heard = Heard(Asked(fails(error)), Asked(lambda: [Value("left", 1.0, "units")]))
    heard.lane.turn()
    assert heard.said() == [("left", None, wanted), ("left", 1.0, "")]


def test_what_was_read_before_is_what_is_missing_now() -> None:
    """Names that come up while it runs, as a group's, have errors too when the probe fails."""
    probe = Asked(lambda: [Value("left", 1.0, "units"), Value("left.vip", 2.0, "units")])
    heard = Heard(probe)
    heard.lane.turn()
    heard.said()
    probe.answer = fails(ProbeError("gone"))
    heard.lane.turn()
    heard.lane.turn()
    assert heard.said() == [("left", None, "gone"), ("left.vip", None, "gone")] * 2


def test_half_an_answer_is_none() -> None:
    """A probe that fails after its first number has read nothing."""

    def half() -> Iterator[Value]:
        yield Value("left", 1.0, "units")
        raise ProbeError("broke off")

    probe = Asked(list)
    probe.sample = half  # type: ignore[method-assign]
    heard = Heard(probe)
    heard.lane.turn()
    assert heard.said() == [("left", None, "broke off")]


def test_a_probe_that_hangs_is_said_to_have_no_answer() -> None:
    """Once it is overdue, and as often as it is looked at; not while it is in time, nor after it answered."""
    asked, go_on = threading.Event(), threading.Event()

    def hang() -> list[Value]:
        asked.set()
        assert go_on.wait(20)
        return [Value("left", 7.0, "units")]

    heard = Heard(Asked(hang), Asked(lambda: [Value("left", 1.0, "units")]))
    turn = threading.Thread(target=heard.lane.turn)
    turn.start()
    assert asked.wait(20)
    heard.now += OVERDUE_S - 0.5
    heard.lane.tell_overdue()
    assert heard.said() == []
    heard.now += 1.5
    heard.lane.tell_overdue()
    assert heard.said() == [("left", None, "no answer for 4 s")] * 2
    go_on.set()
    turn.join(20)
    assert heard.said() == [("left", 7.0, ""), ("left", 1.0, "")]
    heard.now += 100
    heard.lane.tell_overdue()
    assert heard.said() == []
