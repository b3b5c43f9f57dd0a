"""Where alerts go to and come from: a file of JSON lines, or a Kafka topic of JSON values."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from confluent_kafka import Producer

from lakestorm.clients.producing import producer_config
from lakestorm.clients.topics import ends_of, read_between
from lakestorm.errors import PlatformError, ResultsError, UsageError
from lakestorm.verdict.alerts import alert_from_json, alert_to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TextIO

    from confluent_kafka import KafkaError, Message

    from lakestorm.settings import KafkaSettings
    from lakestorm.verdict import detection, detector

STDOUT = "-"
ENDINGS = (".json", ".jsonl", ".ndjson")
CLIENT_ID = "lakestorm-alerts"
FLUSH_S = 30


class Sink(Protocol):
    """Takes alerts."""

    def write(self, alerts: Iterable[detector.Alert], alerted_ms: int) -> None:
        """Alerts that were found at that time, in milliseconds since 1970; they leave at once."""


def is_file(place: str) -> bool:
    """Whether a place is a file: `-`, a path with a folder, a name ending in .json or .jsonl. Else it is a topic."""
    return place == STDOUT or "/" in place or place.endswith(ENDINGS)


@contextlib.contextmanager
def sink_of(place: str, settings: KafkaSettings) -> Iterator[Sink]:
    """Where a detector's alerts go; all of them have arrived when the block ends well.

    Raises:
        UsageError: the file cannot be written.
        PlatformError: the brokers did not take all alerts.
    """
    if place == STDOUT:
        yield AlertLines(sys.stdout)
    elif is_file(place):
        with opened(Path(place)) as out:
            yield AlertLines(out)
    else:
        topic = AlertTopic(place, settings)
        yield topic
        topic.close()


def opened(path: Path) -> TextIO:
    """A file to write, or UsageError."""
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--alerts {path}: {error.strerror}. A file that can be written is wanted.") from error


class AlertLines:
    """Writes a line an alert."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, alerts: Iterable[detector.Alert], alerted_ms: int) -> None:
        """See Sink."""
        self._out.writelines(f"{alert_to_json(alert, alerted_ms)}\n" for alert in alerts)
        self._out.flush()


class AlertTopic:
    """Writes a record an alert; key is the user_id. An alert's time is then its record's."""

    def __init__(self, topic: str, settings: KafkaSettings) -> None:
        self._topic = topic
        self._producer = Producer(producer_config(settings, CLIENT_ID))
        self._failures: list[str] = []

    def write(self, alerts: Iterable[detector.Alert], alerted_ms: int) -> None:
        """See Sink."""
        for alert in alerts:
            value = alert_to_json(alert, alerted_ms)
            self._producer.produce(self._topic, value, alert.user_id, on_delivery=self._report)
        self._producer.poll(0)

    def close(self) -> None:
        """Wait for the brokers; raises PlatformError if they did not take everything."""
        left = self._producer.flush(FLUSH_S)
        if left or self._failures:
            why = ", ".join(sorted({*self._failures})) or "no answer"
            raise PlatformError(f"{left + len(self._failures)} alerts could not be written to {self._topic}: {why}.")

    def _report(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failures.append(error.name())


def alerts_of(place: str, settings: KafkaSettings) -> Iterator[detection.Alert]:
    """All alerts of a file or, up to its present end, of a topic.

    Raises:
        ResultsError: there is no such file, or something in it is no alert.
        PlatformError: there is no such topic.
    """
    return alerts_of_file(Path(place)) if is_file(place) else alerts_of_topic(place, settings)


def alerts_of_file(path: Path) -> Iterator[detection.Alert]:
    """An alert a line; empty lines are nothing."""
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield read(line, f"{path}, line {number}")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ResultsError(f"{path} cannot be read: {reason}. A file of alerts is wanted, one JSON a line.") from error


def alerts_of_topic(topic: str, settings: KafkaSettings) -> Iterator[detection.Alert]:
    """An alert a record; its time is the record's."""
    for batch in read_between(settings, CLIENT_ID, topic, ends_of(settings, CLIENT_ID, topic)):
        for message in batch:
            place = f"{topic}, partition {message.partition()}, offset {message.offset()}"
            yield read(message.value() or b"", place, message.timestamp()[1])


def read(text: str | bytes, place: str, arrived_ms: int | None = None) -> detection.Alert:
    """An alert, or ResultsError that says where it stands and what is wrong with it."""
    try:
        return alert_from_json(text, arrived_ms)
    except ValueError as error:
        raise ResultsError(f"{place} is no alert: {error}.") from error
