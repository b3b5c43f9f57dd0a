"""The ledger across: what was committed against what a change stream brought, however often and in whatever order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.model.orders import CANARY_PROCESS, CLOSING_PROCESS, RunKey
from lakestorm.record.changes import CREATED, DELETED, SNAPSHOT, UPDATED, Change
from lakestorm.verdict.across import Held
from lakestorm.verdict.change_ledger import COUNTS, ENTRIES, FAULTS, ChangesSeen, change_balance, tag_of
from lakestorm.verdict.ledger import SAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

KEY = RunKey.new(1_760_000_000_000, 7)
SIZE = 6
TOPIC = "shop.public.purchases"

Brief = tuple[int, str, int]
"""(line number, what, log position in records of 8 bytes): `c` placed, `x` cancelled by an update, `C` both at once."""


def change(brief: Brief, process: int = 0, delay_s: float = 0.1) -> Change:
    """A change of a line, from its short form."""
    number, what, place = brief
    op = {"x": UPDATED, "C": CREATED, "R": SNAPSHOT}.get(what, what)
    return Change(process, number, op, what in "xCR", 8 * place, 1e9, 1e9 + delay_s)


def table(placed: Iterable[int], cancelled: Iterable[int] = (), size: int = SIZE) -> Held:
    """What stands in the table."""
    held = Held(np.zeros(size, dtype=bool), np.zeros(size, dtype=bool))
    held.present[list(placed)] = True
    held.cancelled[list(cancelled)] = True
    return held


def books(held: Held, briefs: Sequence[Brief], behind: str = "", late_after_s: float = 0.0) -> dict[str, Any]:
    """The ledger of process 0, whose changes come in this order."""
    seen = ChangesSeen({0: len(held.present)}, late_after_s)
    for brief in briefs:
        seen.add([change(brief)])
    return change_balance(KEY, {0: held}, seen, topic=TOPIC, behind=behind)


@pytest.mark.parametrize(
    ("held", "briefs", "state", "wanted"),
    [
        # happy: nothing; all there; a cancellation is a second entry; a redelivery has its first one's position
        (table([]), [], "closed", {"arrived": 0}),
        (table([0, 1]), [(0, "c", 1), (1, "c", 2)], "closed", {"committed": 2, "arrived": 2}),
        (table([0], [0]), [(0, "c", 1), (0, "x", 2)], "closed", {"cancels_committed": 1, "cancels_arrived": 1}),
        (table([0]), [(0, "c", 1), (0, "c", 1), (0, "c", 1)], "closed", {"arrived": 1, "redelivered": 2}),
        (table([0], [0]), [(0, "c", 1), (0, "x", 2)] * 2, "closed", {"redelivered": 2, "reordered": 0}),
        # a snapshot stands for what was not streamed, and is told apart from it, whichever comes first
        (table([0, 1], [1]), [(0, "r", 9), (1, "R", 9)], "closed", {"arrived": 2, "snapshot": 2, "reread": 0}),
        (table([0]), [(0, "c", 1), (0, "r", 9)], "closed", {"snapshot": 1, "reread": 1, "redelivered": 0}),
        (table([0]), [(0, "r", 9), (0, "c", 1)], "closed", {"snapshot": 1, "reread": 1, "duplicate": 0}),
        # somebody else's updates and deletions of our lines
        (table([0]), [(0, "c", 1), (0, "u", 2), (0, DELETED, 3)], "closed", {"other_changes": 1, "deleted": 1}),
        # sad
        (table([0, 1]), [(0, "c", 1)], "open", {"lost": 1, "arrived": 1}),
        (table([0], [0]), [(0, "c", 1)], "open", {"cancels_lost": 1}),
        (table([0], [0]), [(0, "x", 2)], "open", {"lost": 1, "cancels_arrived": 1}),
        (table([0]), [(0, "c", 1), (0, "x", 2)], "open", {"cancels_unexplained": 1}),
        (table([0]), [(0, "c", 1), (3, "c", 2)], "open", {"unexplained": 1}),
        (table([0]), [(0, "c", 1), (900, "c", 2)], "open", {"unexplained": 1}),
        (table([0]), [(0, "c", 1), (0, "c", 2)], "open", {"duplicate": 1, "redelivered": 0}),
        (table([0], [0]), [(0, "x", 2), (0, "c", 1)], "open", {"reordered": 1, "arrived": 1}),
    ],
)  # fmt: skip
def test_balances(held: Held, briefs: list[Brief], state: str, wanted: dict[str, int]) -> None:
    """One row of findings for each stream; what is not named is 0 where it would be wrong."""
    ledger = books(held, briefs)
    assert ledger["state"] == state
    assert {name: ledger[f"cdc_{name}"] for name in wanted} == wanted
    wrong = {name for name in FAULTS if ledger[name]}
    assert wrong == {name for name in FAULTS if wanted.get(name.removeprefix("cdc_"))}
    assert len(ledger["reasons"]) == len(wrong)
    assert set(ledger["samples"]) == wrong


def test_samples_are_references() -> None:
    """What is wrong is named by its order_ref."""
    assert books(table([0, 4]), [(0, "c", 1)])["samples"] == {"cdc_lost": [KEY.reference(0, 4)]}
    assert books(table([2]), [(2, "c", 1), (2, "c", 2)])["samples"] == {"cdc_duplicate": [KEY.reference(0, 2)]}


def test_behind_is_not_lost() -> None:
    """While the topic may still catch up, what is not there is missing, and whether it is lost is not known."""
    ledger = books(table([0, 1, 2], [0]), [(0, "c", 1)], behind="1 of 3 were there after 5 s; the slot x is gone")
    assert (ledger["state"], ledger["cdc_lost"], ledger["cdc_missing"]) == ("open", None, 2)
    assert (ledger["cdc_cancels_lost"], ledger["cdc_cancels_missing"]) == (None, 1)
    assert ledger["reasons"][0] == (
        f"2 of 3 committed lines had not come to the topic {TOPIC}: 1 of 3 were there after 5 s; the slot x is gone."
    )
    assert ledger["samples"]["cdc_missing"] == [KEY.reference(0, 1), KEY.reference(0, 2)]


def test_behind_with_everything_there_is_closed() -> None:
    """A wait that was over too early for other reasons takes nothing from books that balance."""
    ledger = books(table([0]), [(0, "c", 1)], behind="it took long")
    assert (ledger["state"], ledger["cdc_lost"], ledger["cdc_missing"]) == ("closed", 0, 0)


def test_late_and_negative_delays() -> None:
    """What is recorded too long after its commit is late, once; a delay below 0 is counted; neither opens the books."""
    seen = ChangesSeen({0: 3}, late_after_s=5.0)
    seen.add([change((0, "c", 1), delay_s=5.1), change((1, "c", 2), delay_s=4.9), change((2, "c", 3), delay_s=-0.2)])
    seen.add([change((0, "c", 1), delay_s=60), change((1, "r", 9), delay_s=60)])
    ledger = change_balance(KEY, {0: table([0, 1, 2])}, seen, topic=TOPIC, behind="")
    assert (ledger["state"], ledger["cdc_late"], ledger["cdc_delays_negative"]) == ("closed", 1, 1)
    assert ledger["cdc_delay_ms"]["max"] == pytest.approx(5100, rel=1e-3)


def test_marks_are_lines_but_no_cancellations() -> None:
    """Canaries and closing line are cancelled from the first: they must arrive, and nothing more is waited for."""
    marks = {process: table([0], [0], 1) for process in (CANARY_PROCESS, CLOSING_PROCESS)}
    seen = ChangesSeen(dict.fromkeys(marks, 1), 0.0)
    seen.add([change((0, "C", 1), CANARY_PROCESS)])
    ledger = change_balance(KEY, marks, seen, topic=TOPIC, behind="")
    assert (ledger["cdc_marks"], ledger["cdc_arrived"], ledger["cdc_cancels_committed"]) == (2, 1, 0)
    assert ledger["samples"] == {"cdc_lost": [KEY.reference(CLOSING_PROCESS, 0)]}


def test_a_process_that_nobody_knows_is_unexplained() -> None:
    """Lines of the run under a process that wrote none into the table are named."""
    seen = ChangesSeen({}, 0.0)
    seen.add([change((5, "c", 1), process=3)])
    assert change_balance(KEY, {}, seen, topic=TOPIC, behind="")["samples"] == {
        "cdc_unexplained": [KEY.reference(3, 5)]
    }


def test_every_entry_has_its_number_and_samples_have_bounds() -> None:
    """Entries that thresholds may ask for are whole numbers; ten samples of each kind at most."""
    ledger = books(table(range(50), size=50), [(60 + n, "c", n + 1) for n in range(50)])
    assert set(ledger) >= ENTRIES
    assert all(isinstance(ledger[name], int) for name in ENTRIES)
    assert {f"cdc_{count}" for count in COUNTS} <= ENTRIES
    assert [len(found) for found in ledger["samples"].values()] == [SAMPLES, SAMPLES]
    assert (ledger["cdc_lost"], ledger["cdc_unexplained"]) == (50, 50)


def test_log_positions_are_told_apart() -> None:
    """A position's tag is never 0, and differs between neighbours."""
    assert tag_of(0) == 1
    assert tag_of(8 << 32) == 1
    assert len({tag_of(lsn) for lsn in range(8, 8 * 1000, 8)}) == 999


deeds = st.lists(st.tuples(st.integers(0, SIZE - 1), st.sampled_from("cx")), max_size=20)


def history(found: list[tuple[int, str]]) -> list[Brief]:
    """What a database would write of these wishes: each line placed once, and cancelled once, afterwards."""
    placed: set[int] = set()
    cancelled: set[int] = set()
    log: list[Brief] = []
    for number, what in found:
        if what == "c" and number not in placed:
            placed.add(number)
        elif what == "x" and number in placed - cancelled:
            cancelled.add(number)
        else:
            continue
        log.append((number, what, len(log) + 1))
    return log


@given(deeds, st.data())
def test_at_least_once_in_order(found: list[tuple[int, str]], data: st.DataObject) -> None:
    """A stream that drops changes and starts again from earlier positions: lost and redelivered are counted right."""
    log = history(found)
    dropped = data.draw(st.sets(st.sampled_from(log))) if log else set()
    delivered: list[Brief] = []
    position = 0
    for end in [*sorted(data.draw(st.lists(st.integers(0, len(log)), max_size=3))), len(log)]:
        delivered += [brief for brief in log[position:end] if brief not in dropped]
        position = data.draw(st.integers(0, end))
    delivered += [brief for brief in log[position:] if brief not in dropped]
    ledger = books(table([n for n, w, _ in log if w == "c"], [n for n, w, _ in log if w == "x"]), delivered)
    assert ledger["cdc_lost"] == sum(what == "c" for _, what, _ in dropped)
    assert ledger["cdc_cancels_lost"] == sum(what == "x" for _, what, _ in dropped)
    assert ledger["cdc_redelivered"] == len(delivered) - len(set(delivered))
    assert (ledger["cdc_reordered"], ledger["cdc_duplicate"], ledger["cdc_unexplained"]) == (0, 0, 0)
    assert ledger["cdc_committed"] == ledger["cdc_arrived"] + ledger["cdc_lost"]


@given(deeds, st.randoms(use_true_random=False))
def test_disorder_is_that_of_each_line(found: list[tuple[int, str]], rng: Any) -> None:
    """Whatever the order, nothing is lost; reordered are the lines whose cancellation came first."""
    log = history(found)
    shuffled = rng.sample(log, len(log))
    ledger = books(table([n for n, w, _ in log if w == "c"], [n for n, w, _ in log if w == "x"]), shuffled)
    first = {n: what for n, what, _ in reversed(shuffled)}
    assert ledger["cdc_reordered"] == sum(what == "x" for what in first.values())
    assert (ledger["cdc_lost"], ledger["cdc_cancels_lost"], ledger["cdc_redelivered"]) == (0, 0, 0)
