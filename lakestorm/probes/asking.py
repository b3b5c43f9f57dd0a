"""Asks probes, again and again, so that nothing that happens to one disturbs another.

Probes that share a connection share a lane: a thread in which they are asked one after the other. A service that is
stopped or hangs holds up its own lane and no other; while it does, a watch says so once a period for every number that
the lane would have read. A number that is not there is an error, never a 0.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import TYPE_CHECKING, ClassVar, Protocol

from lakestorm.errors import ProbeError
from lakestorm.probes.stream import ReadingMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lakestorm.probes.stream import Tell

OVERDUE_S = 3.0
"""A lane that has been asking for this long is said to have no answer."""
ERROR_MAX = 200
"""Characters of an error that are kept."""


@dataclasses.dataclass(frozen=True, slots=True)
class Value:
    """One number that a probe read, or why it could not.

    Attributes:
        name: what ("lag_bytes"); of one among many `lag.<which>`.
        value: how much; None if it could not be read.
        unit: of the value, in words.
        error: why there is no value.
    """

    name: str
    value: float | None
    unit: str
    error: str = ""


class Probe(Protocol):
    """One question asked of the pipeline."""

    name: ClassVar[str]
    units: ClassVar[Mapping[str, str]]
    """{name: unit} of everything it always reads; each has an error where the question itself fails."""

    def sample(self) -> Iterable[Value]:
        """Ask once. Whatever it raises becomes the error of every number; ProbeError's text is meant for that."""


class Lane(threading.Thread):
    """Probes that are asked one after the other.

    Args:
        name: of the service that they ask.
        probes: in this order.
        every_s: how often. A turn that lasts longer is followed at once by none of those that it missed.
        tell: takes readings.
    """

    def __init__(
        self,
        name: str,
        probes: Sequence[Probe],
        every_s: float,
        tell: Tell,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__(name=f"probes of {name}", daemon=True)
        self.probes = probes
        self._every_s = every_s
        self._tell = tell
        self._clock = clock
        self._known: dict[str, dict[str, str]] = {probe.name: dict(probe.units) for probe in probes}
        self._asking_since: float | None = None

    def run(self) -> None:
        """Ask until the process ends."""
        due = self._clock()
        while True:
            time.sleep(max(0.0, due - self._clock()))
            self.turn()
            due += self._every_s * max(1, -(-(self._clock() - due) // self._every_s))

    def turn(self) -> None:
        """Ask every probe once."""
        for probe in self.probes:
            self._asking_since = self._clock()
            self._ask(probe)
            self._asking_since = None

    def tell_overdue(self) -> None:
        """If an answer has been waited for too long: an error for everything that this lane reads."""
        since, now = self._asking_since, self._clock()
        if since is None or now - since < OVERDUE_S:
            return
        for probe in self.probes:
            self._tell_failure(probe, now, f"no answer for {now - since:.0f} s")

    def _ask(self, probe: Probe) -> None:
        try:
            values = list(probe.sample())
        except ProbeError as error:
            self._tell_failure(probe, self._clock(), str(error))
        except Exception as error:  # noqa: BLE001 - a probe that fails, whatever the reason, is an error in the readings
            self._tell_failure(probe, self._clock(), f"{type(error).__name__}: {error}")
        else:
            self._tell_values(probe, values)

    def _tell_values(self, probe: Probe, values: Sequence[Value]) -> None:
        at = self._clock()
        self._known[probe.name] = {**probe.units, **{value.name: value.unit for value in values}}
        for value in values:
            self._tell(
                ReadingMessage(
                    at=at,
                    probe=probe.name,
                    name=value.name,
                    value=value.value,
                    unit=value.unit,
                    error=value.error,
                )
            )

    def _tell_failure(self, probe: Probe, at: float, error: str) -> None:
        words = " ".join(error.split())[:ERROR_MAX] or "failed without a word"
        for name, unit in list(self._known[probe.name].items()):
            self._tell(ReadingMessage(at=at, probe=probe.name, name=name, value=None, unit=unit, error=words))
