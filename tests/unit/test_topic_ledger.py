"""The topic's ledger: lost, twice, out of order, unacknowledged, and what cannot be known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.verdict.topic_ledger import ENTRIES, SAMPLES, WRONG, TopicSeen, topic_balance

if TYPE_CHECKING:
    from collections.abc import Iterable

Records = list[tuple[bytes, int, str]]


def books(acknowledged: Iterable[int], records: Records, count: int, **about: Any) -> dict[str, Any]:
    """The ledger of a topic with these (key, sequence, class), of which these numbers were acknowledged."""
    seen = TopicSeen(count)
    for record in records:
        seen.add(*record)
    flags = np.zeros(count, dtype=bool)
    flags[list(acknowledged)] = True
    return topic_balance(flags, seen, **{"acks": "all", "acknowledged_by_class": {}, **about})


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
