"""How many messages come into each topic?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from lakestorm.errors import ProbeError
from lakestorm.probes.asking import Value
from lakestorm.probes.counters import Rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lakestorm.probes.asking_kafka import KafkaQuestions, Place

NAME = "messages_per_s"


class Topics:
    """Growth of Debezium's topics and of those that are named: all together, and each.

    Args:
        brokers: who is asked.
        prefix: Debezium's topic.prefix; its topics begin with it and a point.
        others: topics that are followed too, once they are there.
    """

    name: ClassVar[str] = "topic"
    units: ClassVar[Mapping[str, str]] = {NAME: "messages/s"}

    def __init__(
        self,
        brokers: KafkaQuestions,
        prefix: str,
        others: Sequence[str] = (),
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._brokers = brokers
        self._prefix = f"{prefix}."
        self._others = others
        self._clock = clock
        self._rates: dict[Place, Rate] = {}

    def sample(self) -> Iterator[Value]:
        """See Probe. A topic in which nothing happens has 0; one of which a partition does not answer has an error."""
        followed = {t: p for t, p in self._brokers.partitions().items() if t.startswith(self._prefix)}
        followed |= {t: p for t, p in self._brokers.partitions().items() if t in self._others}
        if not followed:
            self._brokers.look_again()
            raise ProbeError(f"there is no topic {self._prefix}…")
        ends = self._brokers.ends((topic, partition) for topic, of in followed.items() for partition in of)
        at = self._clock()
        rates = {
            place: end if isinstance(end, ProbeError) else self._rate(place, at, end) for place, end in ends.items()
        }
        yield from summed(NAME, list(rates.values()))
        for topic in followed:
            yield from summed(f"{NAME}.{topic}", [rate for (of, _), rate in rates.items() if of == topic])

    def _rate(self, place: Place, at: float, end: int) -> float | None:
        return self._rates.setdefault(place, Rate()).per_s(at, float(end))


def summed(name: str, rates: Sequence[float | ProbeError | None]) -> Iterator[Value]:
    """The sum as a value; nothing at the first look, and an error where a part of it is one."""
    unit = Topics.units[NAME]
    errors = [rate for rate in rates if isinstance(rate, ProbeError)]
    known = [rate for rate in rates if isinstance(rate, float)]
    if errors:
        yield Value(name, None, unit, str(errors[0]))
    elif known:
        yield Value(name, sum(known), unit)
