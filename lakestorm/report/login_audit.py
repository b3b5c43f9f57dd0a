"""The audit of a run's logins: its topic read back, the ledger counted, and the truth about anomalies written down.

Labels are what the published rule says of each account's final sequence of logins, so they are made here, of what the
topic holds, and not of what the generator meant. They go to `labels.csv`, and once to the labels' topic.
"""

from __future__ import annotations

import collections
import csv
import dataclasses
import json
import math
from typing import TYPE_CHECKING, Any

from confluent_kafka import Producer

from lakestorm.clients.gazetteer import World
from lakestorm.clients.own_logins import OwnLogins
from lakestorm.clients.producing import producer_config
from lakestorm.clients.registry import Encoder
from lakestorm.clients.topics import ends_of, headers_of, read_between
from lakestorm.errors import PlatformError
from lakestorm.model.crowd import dealt_to
from lakestorm.model.labels import Labeller
from lakestorm.model.login_schema import CLASS, EVENTS, HISTORY, LABEL, RUN, SEQUENCE
from lakestorm.record import login_places
from lakestorm.record.login_labels import WAY, way_of
from lakestorm.record.login_places import places_csv
from lakestorm.record.manifest import write_text
from lakestorm.record.references import BOUGHT, AcknowledgedFile
from lakestorm.report.order_audit import lost_workers
from lakestorm.verdict.topic_ledger import TopicSeen, topic_balance

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from pathlib import Path

    from confluent_kafka import Message

    from lakestorm.clients.own_logins import OwnLogin
    from lakestorm.model.geography import City
    from lakestorm.model.labels import Label
    from lakestorm.settings import Settings
    from lakestorm.verdict.topic_ledger import Flags

EVIDENCE = "logins.json"
"""Without this file a run has no logins."""
LABELS = "labels.csv"
HEADER = ("user_id", "timestamp", "topic", "partition", "offset", "kind", "distance_km", "speed_kmh", "scored")
"""Of a label in its topic; the file tells its journey's ends too."""
NUMBERS = "logins*.bin"
"""What was acknowledged: one file for each process of the run that wrote logins, process 0 among them."""
COUNTS = "login_counts*.json"
"""Written by each of them at the run's end."""
FLUSH_S = 30


def audit_logins(folder: Path, settings: Settings, read: Callable[[int, int], None]) -> dict[str, Any]:
    """Read the topic, what was there before the run too, for the accounts have a past; the ledger of the run.

    Args:
        folder: the run's.
        settings: of the brokers.
        read: is told how many of how many records were read, after each batch.

    Raises:
        PlatformError: the topic is gone, or gives no more.
    """
    facts = json.loads((folder / EVIDENCE).read_text(encoding="utf-8"))
    acknowledged = acknowledged_of(folder)
    client_id, topic = f"lakestorm-audit-{facts['run']}", facts["topic"]
    starts = {int(partition): end for partition, end in facts["ends"].items()}
    seen = TopicSeen({process: len(flags) for process, flags in acknowledged.items()})
    reader = Reader(facts["run"], starts, facts["behind_ms"], seen, shares=facts.get("shares", 1))
    for batch in read_between(settings.kafka, client_id, topic, ends_of(settings.kafka, client_id, topic), read):
        reader.read(batch)
    tell(folder, settings, facts, list(reader.labels()))
    write_text(folder / login_places.FILE, places_csv(reader.places))
    lost = lost_workers(folder)
    return topic_balance(
        acknowledged,
        seen,
        acks=facts["acks"],
        acknowledged_by_class=acknowledged_by_class(folder, {*acknowledged} - {*lost}),
        lost_workers=lost,
    )


def acknowledged_of(folder: Path) -> dict[int, Flags]:
    """{process: by number, whether the brokers acknowledged the record}; raises ResultsError if a file is not ours."""
    files = map(AcknowledgedFile.read, sorted(folder.glob(NUMBERS)))
    return {file.process: file.flags(BOUGHT) for file in files}


def acknowledged_by_class(folder: Path, processes: Collection[int]) -> dict[str, int] | None:
    """What all processes counted, together; None if one of these did not come to its end."""
    told = {
        int(path.stem.partition("-")[2] or 0): json.loads(path.read_text(encoding="utf-8"))["acknowledged"]
        for path in folder.glob(COUNTS)
    }
    if not told.keys() >= {*processes}:
        return None
    return dict(sum((collections.Counter(counts) for counts in told.values()), collections.Counter()))


class Reader:
    """Takes records in the order of their partitions, and keeps ledger and labels.

    Args:
        run: the run's key.
        starts: {partition: next offset} when it began; what is older is its accounts' past.
        behind_ms: event time by which a record may stand behind one before it in its partition.
        seen: counts its records.
        shares: among how many processes the accounts were dealt out. Each keeps its own accounts in order of event
            time, and not with those of others: a broker may be slower for one of them.

    Attributes:
        places: logins by city, of the run and not of its history.
    """

    def __init__(
        self, run: str, starts: Mapping[int, int], behind_ms: int, seen: TopicSeen, *, shares: int = 1
    ) -> None:
        self.seen = seen
        self.places: collections.Counter[City] = collections.Counter()
        self._run, self._starts, self._behind_ms = run.encode(), starts, behind_ms
        self._shares = shares
        self._logins = OwnLogins(World().plan)
        self._lanes: dict[tuple[int, int], Lane] = {}
        """By partition and share: an account's logins are in one partition, and all of one share."""

    def read(self, batch: Iterable[Message]) -> None:
        """Count a batch; records of others are told apart by their headers."""
        for message in batch:
            headers = headers_of(message)
            if (message.offset() or 0) < self._starts.get(message.partition() or 0, 0):
                self._remember(message, headers)
            elif headers.get(RUN) != self._run:
                self.seen.others += 1
            else:
                self._count(message, headers)
        for lane in self._lanes.values():
            lane.labels.extend(lane.labeller.advance(lane.latest_ms - self._behind_ms))

    def labels(self) -> Iterable[Label]:
        """All labels; nothing may be read afterwards."""
        for lane in self._lanes.values():
            yield from lane.labels
            yield from lane.labeller.finish()

    def _remember(self, message: Message, headers: Mapping[str, bytes]) -> None:
        if headers.get(CLASS, b"").decode() in EVENTS:
            login = self._logins(message.value() or b"")
            self._lane(message.partition() or 0, login).labeller.remember(*login)

    def _count(self, message: Message, headers: Mapping[str, bytes]) -> None:
        class_ = headers[CLASS].decode()
        is_new = self.seen.add(message.key() or b"", int(headers[SEQUENCE]), class_)
        if class_ not in EVENTS or not is_new:
            return
        login, partition = self._logins(message.value() or b""), message.partition() or 0
        lane = self._lane(partition, login)
        lane.latest_ms = max(lane.latest_ms, login.at_ms)
        lane.labeller.add(*login, (message.topic(), partition, message.offset()))
        if class_ != HISTORY:
            self.places[login.city] += 1

    def _lane(self, partition: int, login: OwnLogin) -> Lane:
        place = partition, dealt_to(int(login.user_id), self._shares)
        lane = self._lanes.get(place)
        if lane is None:
            lane = self._lanes[place] = Lane()
        return lane


@dataclasses.dataclass(slots=True)
class Lane:
    """Logins that come in about the order of event time: their labels so far, and the latest of them."""

    labeller: Labeller = dataclasses.field(default_factory=Labeller)
    labels: list[Label] = dataclasses.field(default_factory=list)
    latest_ms: int = 0


def tell(folder: Path, settings: Settings, facts: dict[str, Any], labels: list[Label]) -> None:
    """Write labels.csv; the first time the labels go to their topic too. A later audit tells nobody twice."""
    is_first = not (folder / LABELS).exists()
    rows = [row_of(label) for label in sorted(labels, key=lambda label: (label.at_ms, label.user_id))]
    if is_first and facts["labels_topic"]:
        produce(settings, facts, rows)
    with (folder / LABELS).open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, (*HEADER, *WAY), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def row_of(label: Label) -> dict[str, Any]:
    """A label by the names of HEADER and WAY; the speed between two places at one time is None."""
    topic, partition, offset = label.ref
    speed = round(label.speed_kmh, 3) if math.isfinite(label.speed_kmh) else None
    values = (label.user_id, label.timestamp, topic, partition, offset, label.kind, round(label.distance_km, 3), speed)
    return {**dict(zip(HEADER, (*values, label.scored), strict=True)), **way_of(label)}


def produce(settings: Settings, facts: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """Send labels to their topic, in Avro; raises PlatformError if they do not all arrive."""
    topic = facts["labels_topic"]
    encode = Encoder(LABEL, facts["label_schema_id"])
    producer = Producer(producer_config(settings.kafka, f"lakestorm-labels-{facts['run']}"))
    failures: list[str] = []

    def report(error: Any, _message: Message) -> None:
        if error is not None:
            failures.append(error.name())

    for row in rows:
        producer.produce(topic, encode({**row, "run": facts["run"]}), row["user_id"].encode(), on_delivery=report)
        producer.poll(0)
    left = producer.flush(FLUSH_S)
    if failures or left:
        raise PlatformError(f"{len(failures) + left} labels could not be written to {topic}: {', '.join({*failures})}.")
