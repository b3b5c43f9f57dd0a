"""The topic's ledger: lost, twice, out of order, unacknowledged, and what cannot be known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.model.login_schema import NUMBER_BITS, process_and_number, sequence_of
from lakestorm.verdict.topic_ledger import ENTRIES, SAMPLES, WRONG, TopicSeen, topic_balance

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Records = list[tuple[bytes, int, str]]


def books(acknowledged: Iterable[int], records: Records, count: int, **about: Any) -> dict[str, Any]:
    """The ledger of a topic with these (key, sequence, class), of which these of process 0 were acknowledged."""
    return books_of({0: acknowledged}, records, count, **about)


def books_of(acknowledged: Mapping[int, Iterable[int]], records: Records, count: int, **about: Any) -> dict[str, Any]:
    """The same of several processes, each of which numbered so many."""
    seen = TopicSeen(dict.fromkeys(acknowledged, count))
    for record in records:
        seen.add(*record)
    flags = {process: np.isin(np.arange(count), list(numbers)) for process, numbers in acknowledged.items()}
    return topic_balance(flags, seen, **{"acks": "all", "acknowledged_by_class": {}, **about})


@given(st.integers(0, 65_535), st.integers(0, (1 << NUMBER_BITS) - 1))
def test_sequence_numbers_tell_process_and_number(process: int, number: int) -> None:
    """Both come back, no two records share one, and process 0's come before all others'."""
    sequence = sequence_of(process, number)
    assert process_and_number(sequence) == (process, number)
    assert (sequence == number) is (process == 0)
    assert process == 0 or sequence > sequence_of(0, (1 << NUMBER_BITS) - 1)


ONE, TWO = sequence_of(1, 0), sequence_of(2, 0)


@pytest.mark.parametrize(
    ("acknowledged", "records", "state", "wanted"),
    [
        # happy: a history and two workers, whose accounts interleave
        ({0: [0, 1], 1: [0, 1], 2: [0]},
         [(b"a", 0, "backfill"), (b"b", 1, "backfill"), (b"b", TWO, "live"), (b"a", ONE, "live"),
          (b"a", ONE + 1, "live")],
         "closed", {"events_in_topic": 5, "events_acknowledged": 5}),
        # the same number of two processes is two records
        ({1: [0], 2: [0]}, [(b"a", ONE, "live"), (b"b", TWO, "live")], "closed", {"events_in_topic": 2}),
        # sad: one's record is not another's; history behind what came after it; one process's twice
        ({1: [0], 2: [0]}, [(b"a", ONE, "live")], "open", {"events_lost": 1}),
        ({0: [0], 1: [0]}, [(b"a", ONE, "live"), (b"a", 0, "backfill")], "open", {"events_reordered": 1}),
        ({1: [0], 2: [0]}, [(b"a", ONE, "live"), (b"b", TWO, "live"), (b"b", TWO, "live")], "open",
         {"events_duplicate": 1}),
    ],
)  # fmt: skip
def test_balances_of_several_processes(acknowledged: Any, records: Records, state: str, wanted: dict[str, int]) -> None:
    """The books of all processes are one, and each record is its own process's."""
    ledger = books_of(acknowledged, records, 2)
    assert ledger["state"] == state
    assert {name: ledger[name] for name in wanted} == wanted
    assert {name for name in WRONG if ledger[name]} == {name for name in WRONG if wanted.get(name)}


def test_samples_are_the_numbers_of_the_headers() -> None:
    """What is lost or twice is named by the sequence number that stands in its header."""
    ledger = books_of({1: [0, 1], 2: [1]}, [(b"a", ONE, "live"), (b"a", ONE, "live")], 2)
    assert ledger["samples"] == {"events_lost": [ONE + 1, TWO + 1], "events_duplicate": [ONE]}


def test_what_a_lost_worker_wrote_is_unreported() -> None:
    """It told of nothing, or of a part: the rest is counted, nothing of it is recovered, and the books are unknown."""
    records: Records = [(b"a", ONE + n, "live") for n in range(5)] + [(b"b", TWO + n, "live") for n in range(3)]
    silent = books_of({1: range(5)}, records, 5, lost_workers=[2])
    assert (silent["state"], silent["events_unreported"], silent["events_recovered"]) == ("unknown", 3, 0)
    assert silent["events_acknowledged"] + silent["events_unreported"] == silent["events_in_topic"] == 8
    assert silent["reasons"] == ["3 records stand in the topic that worker 2 wrote and nobody reported: it was lost."]
    partly = books_of({1: range(4), 2: [1]}, records, 5, lost_workers=[2])
    assert (partly["events_unreported"], partly["events_recovered"], partly["events_lost"]) == (2, 1, 0)
    nothing = books_of({1: range(5)}, records[:5], 5, lost_workers=[2])
    assert (nothing["state"], nothing["events_unreported"]) == ("unknown", 0)


@pytest.mark.parametrize(
    ("acknowledged", "records", "state", "wanted"),
    [
        # happy: nothing at all; all there; accounts apart may interleave
        ([], [], "closed", {"events_in_topic": 0}),
        ([0, 1], [(b"a", 0, "live"), (b"a", 1, "live")], "closed", {"events_in_topic": 2, "events_acknowledged": 2}),
        ([0, 1, 2], [(b"b", 1, "live"), (b"a", 0, "live"), (b"a", 2, "poison")], "closed", {"events_reordered": 0}),
        # in the topic, not acknowledged: recovered, and beyond the numbers we know of
        ([0], [(b"a", 0, "live"), (b"a", 1, "live")], "closed", {"events_recovered": 1}),
        ([0], [(b"a", 0, "live"), (b"a", 900, "live")], "closed", {"events_recovered": 1, "events_in_topic": 2}),
        # sad
        ([0, 1], [(b"a", 0, "live")], "open", {"events_lost": 1}),
        ([0], [(b"a", 0, "live")] * 3, "open", {"events_duplicate": 2, "events_in_topic": 1}),
        ([0, 1], [(b"a", 1, "live"), (b"a", 0, "live")], "open", {"events_reordered": 1}),
        # a redelivery is a duplicate and no disorder
        ([0, 1], [(b"a", 0, "live"), (b"a", 1, "live"), (b"a", 0, "live")], "open",
         {"events_duplicate": 1, "events_reordered": 0}),
    ],
)  # fmt: skip
def test_balances(acknowledged: list[int], records: Records, state: str, wanted: dict[str, int]) -> None:
    """One row of findings for each topic; what is not named is 0 where it would be wrong."""
    ledger = books(acknowledged, records, 4)
    assert ledger["state"] == state
    assert {name: ledger[name] for name in wanted} == wanted
    assert {name for name in WRONG if ledger[name]} == {name for name in WRONG if wanted.get(name)}
    assert len(ledger["reasons"]) == sum(1 for name in WRONG if ledger[name])
    assert set(ledger["samples"]) == {name for name in WRONG if ledger[name]}


@given(st.permutations(range(8)), st.lists(st.sampled_from([b"a", b"b"]), min_size=8, max_size=8))
def test_disorder_is_that_of_each_account(order: list[int], keys: list[bytes]) -> None:
    """Reordered are the records that stand behind a later one of their account; nothing else is wrong."""
    ledger = books(range(8), [(keys[n], n, "live") for n in order], 8)
    behind = [n for i, n in enumerate(order) if any(keys[m] == keys[n] and m > n for m in order[:i])]
    assert ledger["events_reordered"] == len(behind)
    assert (ledger["events_lost"], ledger["events_duplicate"], ledger["events_recovered"]) == (0, 0, 0)


def test_what_cannot_be_known() -> None:
    """A killed run is unknown, also with faults, which are told; fewer acks than all mark loss as possible."""
    killed = books([0, 1], [(b"a", 0, "live")], 4, acknowledged_by_class=None)
    assert killed["state"] == "unknown"
    assert killed["reasons"] == ["The run was killed before its end.", "1 acknowledged records are not in the topic."]
    assert books([], [], 1, acks="1")["events_loss_possible"] == 1
    assert books([], [], 1)["events_loss_possible"] == 0


def test_counts_by_class_and_names() -> None:
    """Classes are counted as they stand in the topic, and beside them as acknowledged; every entry has its number."""
    records: Records = [(b"a", 0, "live"), (b"a", 1, "poison"), (b"a", 2, "live")]
    ledger = books([0, 1], records, 3, acknowledged_by_class={"poison": 1, "live": 1})
    assert ledger["events_by_class"] == {"live": 2, "poison": 1}
    assert ledger["events_acknowledged_by_class"] == {"live": 1, "poison": 1}
    assert set(ledger) >= ENTRIES
    assert all(isinstance(ledger[name], int) for name in ENTRIES)


def test_samples_and_counts_have_bounds() -> None:
    """Ten samples of each kind at most; a record that stands there a thousand times is told as 254 too many or more."""
    ledger = books(range(50), [(b"a", 60, "live")] * 1000, 50)
    assert len(ledger["samples"]["events_lost"]) == SAMPLES
    assert ledger["events_lost"] == 50
    assert ledger["events_duplicate"] >= 254
