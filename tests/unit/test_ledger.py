"""The ledger: the books of an honest shop always close, and nothing that is tampered with stays unseen."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lakestorm.verdict.ledger import SAMPLES, WRONG, LinesSeen, Stock, balance
from tests.unit.honest_shop import KEY, PROCESSES, Row, Shop

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS = ["buy", "buy", "buy", "buy without answer", "cancel", "cancel without answer", "restock"]
steps = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, PROCESSES - 1), st.integers(1, 3), st.booleans()), max_size=60
)


def shop_after(days_work: list[tuple[str, int, int, bool]]) -> Shop:
    """A shop after an honest day."""
    shop = Shop({1: 5, 2: 0, 3: 100})
    for kind, process, item, is_done in days_work:
        shop.step(kind, process, item, is_done=is_done)
    return shop


@given(steps)
def test_an_honest_shop_always_closes(days_work: list[tuple[str, int, int, bool]]) -> None:
    """Whatever was bought, refused, cancelled, restocked or left without an answer: the books close, to the unit."""
    shop = shop_after(days_work)
    ledger = shop.ledger()
    assert ledger["state"] == "closed", ledger
    assert ledger["reasons"] == []
    assert all(ledger[finding] == 0 for finding in WRONG)
    assert ledger["lines"] == len(shop.table)
    assert ledger["acknowledged"] == sum(sum(flags) for flags in shop.bought)
    assert ledger["recovered"] == sum(not shop.bought[row.process][row.number] for row in shop.table)
    assert ledger["net_sold"] == sum(not row.cancelled for row in shop.table)
    assert ledger["stock_start"] + ledger["restocked"] - ledger["stock_now"] == ledger["net_sold"]
    assert set(ledger["samples"]) <= {"recovered"}


def acknowledged(shop: Shop) -> list[Row]:
    """Rows of lines that were acknowledged."""
    return [row for row in shop.table if shop.bought[row.process][row.number]]


def lose(shop: Shop, pick: int) -> None:
    """An acknowledged line is gone, as if it had never been sold."""
    row = chosen(acknowledged(shop), pick)
    shop.table.remove(row)
    if not row.cancelled:
        shop.now[row.item] += 1


def repeat(shop: Shop, pick: int) -> None:
    """A line stands there twice, and stock was taken twice."""
    row = chosen(shop.table, pick)
    shop.table.append(dataclasses.replace(row))
    if not row.cancelled:
        shop.now[row.item] -= 1


def invent(shop: Shop, pick: int) -> None:
    """A line that nobody asked for, with stock taken for it, under the next number."""
    process = pick % PROCESSES
    shop.table.append(Row(process, len(shop.bought[process]) + pick % 5, 3))
    shop.now[3] -= 1


def forget_acknowledgement(shop: Shop, pick: int) -> None:
    """The load never heard of a line that stands there, and was not in doubt of it."""
    row = chosen(acknowledged(shop), pick)
    shop.bought[row.process][row.number] = False


def revive(shop: Shop, pick: int) -> None:
    """A line whose cancellation was acknowledged is not cancelled."""
    row = chosen([row for row in shop.table if row.number in shop.undone[row.process]], pick)
    row.cancelled = False
    shop.now[row.item] -= row.quantity


def kill(shop: Shop, pick: int) -> None:
    """A line is cancelled that nobody asked to cancel."""
    sure = [r for r in shop.table if not r.cancelled and r.number not in shop.doubtful_cancels[r.process]]
    row = chosen(sure, pick)
    row.cancelled = True
    shop.now[row.item] += row.quantity


def oversell(shop: Shop, pick: int) -> None:
    """More is sold than there was; the stock went below 0."""
    item = 1 + pick % 3
    for _ in range(shop.now[item] + 1 + pick % 3):
        process = pick % PROCESSES
        shop.table.append(Row(process, len(shop.bought[process]), item))
        shop.bought[process].append(True)
        shop.now[item] -= 1


def move_stock(shop: Shop, pick: int) -> None:
    """Stock changed without a sale."""
    shop.now[1 + pick % 3] += pick % 7 - 3 or 4


def swap_item(shop: Shop, pick: int) -> None:
    """A line became one of another item."""
    row = chosen([row for row in shop.table if not row.cancelled], pick)
    row.item = row.item % 3 + 1


def swell(shop: Shop, pick: int) -> None:
    """A line has more units than were taken from stock."""
    chosen([row for row in shop.table if not row.cancelled], pick).quantity += 1 + pick % 3


def forget_restock(shop: Shop, pick: int) -> None:
    """Stock came back that nobody wrote down."""
    assume(shop.restocked)
    del shop.restocked[chosen(sorted(shop.restocked), pick)]


def chosen(rows: list[Any], pick: int) -> Any:
    """One of the rows; without any there is nothing to tamper with."""
    assume(rows)
    return rows[pick % len(rows)]


TAMPERINGS: list[tuple[Callable[[Shop, int], None], str]] = [
    (lose, "lost"),
    (repeat, "duplicate"),
    (invent, "unexplained"),
    (forget_acknowledgement, "unexplained"),
    (revive, "lost_cancels"),
    (kill, "unexplained_cancels"),
    (oversell, "oversold"),
    (move_stock, "mismatch"),
    (swap_item, "mismatch"),
    (swell, "mismatch"),
    (forget_restock, "mismatch"),
]


def test_every_finding_is_tried() -> None:
    """Whatever makes the books not balance is produced below."""
    assert {finding for _, finding in TAMPERINGS} == set(WRONG)


@pytest.mark.parametrize(("tamper", "finding"), TAMPERINGS)
@given(days_work=steps, pick=st.integers(0, 999))
def test_tampering_is_found_and_named(
    days_work: list[tuple[str, int, int, bool]], pick: int, tamper: Callable[[Shop, int], None], finding: str
) -> None:
    """Any single tampering with an honest shop opens the books, under its own name, with a sentence."""
    shop = shop_after(
        [*days_work, ("buy", 0, 3, True), ("buy", 1, 3, True), ("cancel", 1, 3, True), ("restock", 0, 1, True)]
    )
    tamper(shop, pick)
    ledger = shop.ledger()
    assert ledger["state"] == "open"
    assert ledger[finding] > 0
    assert WRONG[finding].format(n=ledger[finding]) + "." in ledger["reasons"]
    stock_only = finding in ("oversold", "mismatch")
    assert ledger[f"{finding}_items"] if stock_only else ledger["samples"][finding]


@pytest.mark.parametrize(
    ("start", "restocked", "now", "sold", "oversold", "mismatch"),
    [
        ({1: 5}, {}, {1: 5}, {}, {}, {}),
        ({1: 5}, {}, {1: 0}, {1: 5}, {}, {}),
        ({1: 5}, {1: 2}, {1: 0}, {1: 7}, {}, {}),
        ({1: 0}, {}, {1: 0}, {}, {}, {}),
        ({}, {}, {}, {}, {}, {}),
        ({1: 5}, {}, {1: -2}, {1: 7}, {1: 2}, {}),
        ({1: 5}, {}, {1: 0}, {1: 7}, {1: 2}, {1: -2}),
        ({1: 5}, {}, {1: 5}, {1: 1}, {}, {1: -1}),
        ({1: 5, 2: 5}, {}, {1: 4, 2: 6}, {1: 0, 2: 0}, {}, {1: 1, 2: -1}),
        ({1: 5}, {}, {1: 5, 9: 3}, {9: 1}, {9: 1}, {9: -4}),
        ({1: 2**31}, {}, {1: 0}, {1: 2**31}, {}, {}),
    ],
)
def test_stock(
    start: dict[int, int],
    restocked: dict[int, int],
    now: dict[int, int],
    sold: dict[int, int],
    oversold: dict[int, int],
    mismatch: dict[int, int],
) -> None:
    """Oversold is what was sold beyond start + restocked; mismatch is what stock now does not explain, by item."""
    found = Stock(start=start, restocked=restocked, now=now, net_sold=sold).findings()
    assert found["oversold_items"] == oversold
    assert found["mismatch_items"] == mismatch
    assert found["oversold"] == sum(oversold.values())
    assert found["mismatch"] == sum(abs(units) for units in mismatch.values()), "a surplus never hides a shortage"


@pytest.mark.parametrize(
    ("circumstances", "words"),
    [
        ({"foreign": "+3 rows"}, "Foreign writers: +3 rows."),
        ({"unsettled": 2}, "2 lines are still in doubt"),
        ({"complete": False}, "The run was killed before its end."),
    ],
)
def test_what_cannot_be_judged_is_unknown(circumstances: dict[str, Any], words: str) -> None:
    """Other writers, open doubts and a killed run make the state unknown, never open; what was found is still said."""
    shop = shop_after([("buy", 0, 3, True)])
    ledger = shop.ledger(**circumstances)
    assert (ledger["state"], len(ledger["reasons"])) == ("unknown", 1)
    assert ledger["reasons"][0].startswith(words)
    shop.table.clear()
    shop.now[3] = 100
    ledger = shop.ledger(**circumstances)
    assert ledger["state"] == "unknown"
    assert ledger["reasons"][1:] == ["1 acknowledged lines are not in the table."]


def test_samples_are_references_and_few() -> None:
    """Where much is wrong, ten references are named, and they are those of the lines."""
    shop = shop_after([("buy", 1, 3, True)] * 50)
    shop.table.clear()
    shop.now[3] = 100
    ledger = shop.ledger()
    assert ledger["lost"] == 50
    assert ledger["samples"] == {"lost": [KEY.reference(1, number) for number in range(SAMPLES)]}


def test_no_lines_at_all_close() -> None:
    """A run that bought nothing, in any number of processes, has books that close."""
    assert Shop({1: 1}).ledger()["state"] == "closed"
    ledger = balance(Stock(start={}, restocked={}, now={}, net_sold={}), [])
    assert (ledger["state"], ledger["lines"]) == ("closed", 0)


def test_a_line_may_stand_there_a_thousand_times() -> None:
    """Repetitions are counted to 255 and never wrap around to none, in one batch or in several."""
    for batches in (1, 2, 1000):
        seen = LinesSeen(1)
        for _ in range(batches):
            count = 1000 // batches
            seen.add(np.zeros(count, np.int64), np.zeros(count, bool))
        assert seen.times[0] == 255


def test_lines_may_have_higher_numbers_than_were_given() -> None:
    """A line under a number that the process never gave is found, not an error."""
    seen = LinesSeen(0)
    seen.add(np.array([5000, 7]), np.array([True, False]))
    assert np.flatnonzero(seen.times).tolist() == [7, 5000]
    assert np.flatnonzero(seen.cancelled).tolist() == [5000]
