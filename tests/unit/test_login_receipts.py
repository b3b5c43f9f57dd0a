"""Receipts: whatever becomes of a record, it is counted once, where it belongs."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from confluent_kafka import KafkaError, Message
from hypothesis import given
from hypothesis import strategies as st
from locust.env import Environment

from lakestorm.load.login_receipts import NOTE, LiveReport, Receipts
from lakestorm.load.measuring import Meter
from lakestorm.record.references import BOUGHT, AcknowledgedFile, AcknowledgedLines
from lakestorm.record.requests import WIDTH, Column, Outcome, RequestRecord

if TYPE_CHECKING:
    from pathlib import Path

NAME = "KAFKA login.produce"
ERRORS = (KafkaError._MSG_TIMED_OUT, KafkaError._PURGE_QUEUE, KafkaError.MSG_SIZE_TOO_LARGE)
moments = st.lists(st.floats(0, 1e6), min_size=5, max_size=5).map(sorted)
fates = st.one_of(st.floats(0, 60), st.none(), st.sampled_from(ERRORS))
"""The latency of an acknowledgement (None where librdkafka tells none), or an error."""


class Books:
    """Receipts with all that they write into."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "logins.bin"
        self.acknowledged = AcknowledgedLines(self.path, "abc", 0)
        self.environment = Environment()
        self.record = RequestRecord(NAME)
        self.receipts = Receipts(self.acknowledged, Meter(self.record, self.environment))

    def bought(self) -> list[int]:
        """Who is in the list of the acknowledged, which is closed now."""
        self.acknowledged.close(20)
        found: list[int] = np.flatnonzero(AcknowledgedFile.read(self.path).flags(BOUGHT)).tolist()
        return found

    def rows(self) -> list[list[float]]:
        """The rows of the record, in an order of their own."""
        return sorted(np.array(self.record.rows).reshape(-1, WIDTH).tolist(), key=str)


def told(fate: float | None) -> tuple[KafkaError | None, Message | None]:
    """What librdkafka says."""
    if isinstance(fate, int):
        return KafkaError(fate), None
    return None, Message() if fate is None else Message(latency=fate)


@given(logins=st.lists(st.tuples(moments, fates), max_size=20), settled=st.sets(st.integers(0, 19)))
def test_live_logins_are_recorded_like_any_other(
    tmp_path_factory: pytest.TempPathFactory, logins: list[Any], settled: set[int]
) -> None:
    """Noted and settled many at a time they leave what one report after the other leaves, whenever they are settled."""
    quick, slow = (Books(tmp_path_factory.mktemp("books")) for _ in range(2))
    for sequence, (when, fate) in enumerate(logins):
        LiveReport(quick.receipts, NOTE.pack(sequence, *when))(*told(fate))
        slow.receipts.request("live", sequence, when, *told(fate))
        if sequence in settled:
            quick.receipts.settle()
    quick.receipts.settle()
    acknowledged = [n for n, (_, fate) in enumerate(logins) if not isinstance(fate, int)]
    assert quick.bought() == slow.bought() == acknowledged
    assert [strip(row) for row in quick.rows()] == [strip(row) for row in slow.rows()]
    assert len(quick.rows()) == len(logins)
    assert quick.receipts.classes == slow.receipts.classes
    assert quick.record.tally.total.errors == slow.record.tally.total.errors


def strip(row: list[float]) -> list[float]:
    """A row without the moment of a failure, which is the clock's."""
    return row if row[Column.OUTCOME] == Outcome.COMPLETED else [v for i, v in enumerate(row) if i != Column.ENDED]


def test_an_answer_ends_when_librdkafka_says(tmp_path: Path) -> None:
    """The end is the moment of handing over and the latency, and the rest of the row is what the user's clock read."""
    books = Books(tmp_path)
    LiveReport(books.receipts, NOTE.pack(7, 1.0, 2.0, 0.0, 3.0, 4.0))(None, Message(latency=0.25))
    books.receipts.settle()
    assert books.bought() == [7]
    assert books.rows() == [[1.0, 2.0, 0.0, 3.0, 4.25, Outcome.COMPLETED, 0.0]]
    assert books.receipts.classes == {"live": 1}


def test_whoever_listens_hears_of_each(tmp_path: Path) -> None:
    """With a listener beside Locust's own statistics each answer is fired, with its response time."""
    heard: list[float] = []
    books = Books(tmp_path)
    for _ in range(2):
        books.environment.events.request.add_listener(lambda response_time, **_: heard.append(response_time))
    books.receipts = Receipts(books.acknowledged, Meter(books.record, books.environment))
    for latency in (0.25, 0.5):
        LiveReport(books.receipts, NOTE.pack(0, 1.0, 1.0, 0.0, 1.0, 1.0))(None, Message(latency=latency))
    books.receipts.settle()
    assert books.bought() == [0]
    assert heard == pytest.approx([250, 250, 500, 500])


def test_what_is_no_request_is_counted_by_class_or_by_error(tmp_path: Path) -> None:
    """Duplicates, poison and history are acknowledged by their class, or fail by Kafka's name, and leave no row."""
    books = Books(tmp_path)
    books.receipts.beside("poison", 3, None, Message())
    books.receipts.beside("duplicate", 4, None, Message())
    books.receipts.beside("poison", 5, KafkaError(KafkaError._MSG_TIMED_OUT), None)
    assert books.receipts.classes == collections.Counter(poison=1, duplicate=1)
    assert books.receipts.failed_beside == {"_MSG_TIMED_OUT": 1}
    assert books.rows() == []
    assert books.bought() == [3, 4]
