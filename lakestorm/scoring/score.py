"""`lakestorm score`: a detector's alerts against a run's labels. Writes `score.json` into the run's folder."""

from __future__ import annotations

import collections
import dataclasses
import io
import json
from typing import TYPE_CHECKING, Any

import fastavro

from lakestorm.clients.kafka import describe
from lakestorm.clients.login_values import HEADER
from lakestorm.clients.topics import ends_of, headers_of, read_between
from lakestorm.errors import ResultsError
from lakestorm.model.event_time import ms_from_timestamp
from lakestorm.model.login_schema import CLASS, EVENTS, LOGIN, RUN, SEQUENCE, process_and_number
from lakestorm.record.folder import run_in
from lakestorm.record.login_labels import FILE, labels_from_csv
from lakestorm.record.manifest import write_text
from lakestorm.scoring.alert_places import alerts_of
from lakestorm.verdict.detection import Scorer
from lakestorm.verdict.score_values import score_json, values_of
from lakestorm.verdict.values import Observed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from confluent_kafka import Message

    from lakestorm.settings import Settings
    from lakestorm.verdict.detection import Alert
    from lakestorm.verdict.thresholds import Threshold

EVIDENCE = "logins.json"
SCORE = "score.json"
CLIENT_ID = "lakestorm-score"


@dataclasses.dataclass(slots=True)
class Span:
    """From when to when a run's logins are: by event time, and by arrival in the topic. Milliseconds since 1970."""

    first_event_ms: float = float("inf")
    last_event_ms: float = -float("inf")
    first_arrived_ms: float = float("inf")
    last_arrived_ms: float = -float("inf")

    def add(self, event_ms: int, arrived_ms: int) -> None:
        """A login."""
        self.first_event_ms = min(self.first_event_ms, event_ms)
        self.last_event_ms = max(self.last_event_ms, event_ms)
        self.first_arrived_ms = min(self.first_arrived_ms, arrived_ms)
        self.last_arrived_ms = max(self.last_arrived_ms, arrived_ms)

    def holds(self, alert: Alert, window_ms: int) -> bool:
        """Whether an alert can be about this run: a topic of alerts may hold those of other runs too."""
        if alert.event_ms is not None:
            return self.first_event_ms <= alert.event_ms <= self.last_event_ms
        if alert.alerted_at_ms is None:
            return True
        return self.first_arrived_ms <= alert.alerted_at_ms <= self.last_arrived_ms + window_ms


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be scored, and how.

    Attributes:
        folder: the run's.
        alerts: file or topic.
        window_ms: W, for alerts without an event time.
        reads_kind: whether the detector reads the address table's kinds, so that it must not alert on shared ones.
        thresholds: what the score must hold.
    """

    folder: Path
    alerts: str
    window_ms: int
    reads_kind: bool
    thresholds: Sequence[Threshold] = ()


def score(asked: Asked, settings: Settings, read: Callable[[int, int], None]) -> dict[str, Any]:
    """The score, which is also in score.json now.

    Args:
        asked: what, and how.
        settings: of the brokers.
        read: is told how many of how many records were read, after each batch.

    Raises:
        ResultsError: this is no run with logins and labels, or an alert is none.
        UnreachableError: no broker answers.
        PlatformError: a topic is not there.
    """
    facts, labels = evidence(asked.folder)
    describe(settings.kafka, CLIENT_ID)
    scorer = Scorer(labels_from_csv(labels), window_ms=asked.window_ms, reads_kind=asked.reads_kind)
    span = Span()
    for user_id, event_ms, arrived_ms in logins_of(facts, settings, read):
        scorer.see(user_id, event_ms, arrived_ms)
        span.add(event_ms, arrived_ms)
    outside = 0
    for alert in alerts_of(asked.alerts, settings.kafka):
        if span.holds(alert, asked.window_ms):
            scorer.alert(alert)
        else:
            outside += 1
    figures = score_json(scorer.result())
    observed = Observed.of_score(values_of(figures))
    found = {
        "run": facts["run"],
        "alerts_from": asked.alerts,
        "reads_kind": asked.reads_kind,
        "outside": outside,
        **figures,
        "thresholds": [dataclasses.asdict(threshold.result(observed)) for threshold in asked.thresholds],
    }
    write_text(asked.folder / SCORE, json.dumps(found, indent=1) + "\n")
    return found


def scenarios_of(folder: Path) -> list[str]:
    """Names of the scenarios that ran; raises ResultsError if this is no results folder."""
    return run_in(folder).scenarios


def evidence(folder: Path) -> tuple[dict[str, Any], str]:
    """logins.json, and the text of labels.csv; raises ResultsError if the folder has them not."""
    try:
        facts: dict[str, Any] = json.loads((folder / EVIDENCE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultsError(f"{folder} is no run with logins: {EVIDENCE} cannot be read.") from error
    try:
        return facts, (folder / FILE).read_text(encoding="utf-8")
    except OSError as error:
        raise ResultsError(f"{folder} has no {FILE} yet: `lakestorm audit {folder}` writes it.") from error


def logins_of(
    facts: dict[str, Any], settings: Settings, read: Callable[[int, int], None]
) -> Iterator[tuple[str, int, int]]:
    """(user_id, event time, arrival by the broker's record) of the run's logins; each account's as they arrived."""
    schema, run, topic = fastavro.parse_schema(LOGIN), facts["run"].encode(), facts["topic"]
    starts = {int(partition): offset for partition, offset in facts["ends"].items()}
    marks = ends_of(settings.kafka, CLIENT_ID, topic)
    ranges = {p: (max(first, starts.get(p, 0)), end) for p, (first, end) in marks.items()}
    seen = SequencesSeen()
    for batch in read_between(settings.kafka, CLIENT_ID, topic, ranges, read):
        for message in batch:
            if is_login_of(message, run) and seen.is_new(int(headers_of(message)[SEQUENCE])):
                body = io.BytesIO((message.value() or b"")[HEADER.size :])
                record: Any = fastavro.schemaless_reader(body, schema, None)
                yield record["user_id"], ms_from_timestamp(record["timestamp"]), message.timestamp()[1]


class SequencesSeen:
    """Which records were read, by the sequence number in their header, a byte each for those of a process.

    Brokers that acknowledge less than all may hold a record twice that was resent: it is one login.
    """

    def __init__(self) -> None:
        self._seen: collections.defaultdict[int, bytearray] = collections.defaultdict(bytearray)

    def is_new(self, sequence: int) -> bool:
        """Whether this number comes for the first time."""
        process, number = process_and_number(sequence)
        seen = self._seen[process]
        if number >= len(seen):
            seen.extend(bytes(max(len(seen), number + 1 - len(seen))))
        was, seen[number] = seen[number], 1
        return not was


def is_login_of(message: Message, run: bytes) -> bool:
    """Whether a record is one of the run's logins, and no duplicate or poison: its headers tell."""
    headers = headers_of(message)
    return headers.get(RUN) == run and headers.get(CLASS, b"").decode() in EVENTS
