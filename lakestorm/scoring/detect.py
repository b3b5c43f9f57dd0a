"""`lakestorm detect`: the reference detector behind a topic of logins, as a consumer that remembers every account."""

from __future__ import annotations

import collections
import contextlib
import signal
import time
from typing import TYPE_CHECKING, Any

from lakestorm.clients.kafka import describe
from lakestorm.clients.login_values import LoginDecoder
from lakestorm.clients.topics import ends_of, follow
from lakestorm.model.addresses import KINDS
from lakestorm.model.event_time import ms_from_timestamp
from lakestorm.record.figures import grouped
from lakestorm.scoring.address_table import address_plan
from lakestorm.scoring.alert_places import sink_of
from lakestorm.verdict.detection import SCORED_KINDS
from lakestorm.verdict.detector import Detector, Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from confluent_kafka import Message

    from lakestorm.model.addresses import AddressPlan
    from lakestorm.settings import Settings
    from lakestorm.verdict.detector import Alert

CLIENT_ID = "lakestorm-detect"


class Watch:
    """Turns records of the topic into alerts.

    Args:
        decode: a value's record; ValueError if it is poison.
        plan: the address table.

    Attributes:
        counts: `logins` read, `poison` skipped, `unplaced` for addresses that the table does not have, and alerts by
            kind.
    """

    def __init__(self, decode: Callable[[bytes], dict[str, str]], plan: AddressPlan) -> None:
        self._decode = decode
        self._plan = plan
        self._detector = Detector()
        self.counts: collections.Counter[str] = collections.Counter()

    def see(self, value: bytes) -> list[Alert]:
        """Alerts on a record, and on a later login that came before it."""
        try:
            record = self._decode(value)
            at_ms, place = ms_from_timestamp(record["timestamp"]), self._plan.find(record["ip"])
        except ValueError:  # poison is part of the load: whoever reads the topic has to go on behind it
            self.counts["poison"] += 1
            return []
        if place is None:
            self.counts["unplaced"] += 1
            return []
        self.counts["logins"] += 1
        city = place.city
        found = self._detector.see(record["user_id"], Seen(at_ms, city.lat, city.lon, city.country, KINDS[place.kind]))
        self.counts.update(alert.kind for alert in found)
        return found

    def see_all(self, batch: list[Message]) -> list[Alert]:
        """Alerts on a batch, in its order."""
        return [alert for message in batch for alert in self.see(message.value() or b"")]


def detect(
    settings: Settings,
    topic: str,
    alerts: str,
    *,
    from_beginning: bool,
    is_over: Callable[[], bool],
    say: Callable[[str], None],
) -> collections.Counter[str]:
    """Read the topic until it is over; what was counted.

    Args:
        settings: of brokers and registry.
        topic: of the logins.
        alerts: their file or topic; see `alert_places`. Nothing there is touched before the logins can be read.
        from_beginning: begin with what the topic holds already.
        is_over: asked after each batch, and a few times a second.
        say: is told when the reading begins.

    Raises:
        UsageError: the alerts' file cannot be written.
        UnreachableError: brokers or registry do not answer.
        PlatformError: there is no such topic, or it may not be read; or the alerts' topic may not be written.
    """
    describe(settings.kafka, CLIENT_ID)
    watch = Watch(LoginDecoder(settings.registry), address_plan())
    marks = ends_of(settings.kafka, CLIENT_ID, topic)
    starts = {partition: first if from_beginning else end for partition, (first, end) in marks.items()}
    batches = follow(settings.kafka, CLIENT_ID, topic, starts)
    with sink_of(alerts, settings.kafka) as sink, contextlib.closing(batches):
        say(f"Reading {topic} from {'its beginning' if from_beginning else 'now'} on.")
        for batch in batches:
            if found := watch.see_all(batch):
                sink.write(found, int(time.time() * 1e3))
            if is_over():
                break
    return watch.counts


@contextlib.contextmanager
def told_to_stop(duration_s: float | None, clock: Callable[[], float] = time.monotonic) -> Iterator[Callable[[], bool]]:
    """Whether the time is up, or SIGINT or SIGTERM came; inside the block these signals do nothing else."""
    until = float("inf") if duration_s is None else clock() + duration_s
    signals: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def remember(number: int, _frame: Any) -> None:
        signals.append(number)

    try:
        for number in before:
            signal.signal(number, remember)
        yield lambda: bool(signals) or clock() >= until
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def counts_in_words(counts: collections.Counter[str]) -> str:
    """What a detector read and found, as a sentence."""
    kinds = ", ".join(f"{grouped(counts[kind])} {kind}" for kind in SCORED_KINDS)
    return (
        f"{grouped(counts['logins'])} logins read, {grouped(counts['poison'])} records skipped as poison,"
        f" {grouped(counts['unplaced'])} from addresses that are not in the table;"
        f" alerts: {kinds}."
    )
