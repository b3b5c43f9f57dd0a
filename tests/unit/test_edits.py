"""What somebody who keeps the shop does: by a seed, within the shop's bounds, and never to its stock."""

from __future__ import annotations

import collections
import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.model.catalogue import CATEGORIES
from lakestorm.model.edits import (
    CHANGES,
    EDITIONS,
    PROCESSES_MAX,
    WEIGHTS,
    Deed,
    ItemEdit,
    Keeper,
    NewItem,
    UserEdit,
    own_ids,
)

ITEMS, USERS = range(5, 25), range(100, 140)


def keeper(seed: str = "1 keeper 1") -> Keeper:
    """Somebody in a shop of twenty items and forty users."""
    return Keeper(ITEMS, USERS, seed)


def day(of: Keeper, count: int = 50) -> list[object]:
    """Everything that somebody decides."""
    make = {
        Deed.EDIT_ITEM: of.item_edit,
        Deed.ADD_ITEM: of.new_item,
        Deed.RETIRE_ITEM: lambda: None,
        Deed.EDIT_USER: of.user_edit,
    }
    return [(deed, make[deed]()) for deed in (of.next_deed() for _ in range(count))]


@given(st.text(max_size=8), st.text(max_size=8))
def test_a_seed_is_all_there_is_to_it(seed: str, other: str) -> None:
    """The same seed decides the same; another one something else."""
    assert day(keeper(seed)) == day(keeper(seed))
    assert (day(keeper(seed)) == day(keeper(other))) == (seed == other)


def test_deeds_by_weight() -> None:
    """Of many deeds each kind has its share, and as many items are added as retired."""
    somebody = keeper()
    found = collections.Counter(somebody.next_deed() for _ in range(20_000))
    for deed, weight in WEIGHTS.items():
        assert found[deed] / 20_000 == pytest.approx(weight / sum(WEIGHTS.values()), abs=0.02)
    assert WEIGHTS[Deed.ADD_ITEM] == WEIGHTS[Deed.RETIRE_ITEM]


@given(st.integers())
def test_edits_are_of_what_is_there(seed: int) -> None:
    """Only items and users that exist are edited, by the factors, endings and tags there are."""
    somebody = keeper(str(seed))
    item, user = somebody.item_edit(), somebody.user_edit()
    assert item.item_id in ITEMS
    assert item.factor in CHANGES
    assert item.edition in EDITIONS
    assert user.user_id in USERS
    assert len(user.tag) == 4
    assert set(user.tag) <= set("0123456789abcdef")


@given(st.integers())
def test_new_items_fit_their_shelves(seed: int) -> None:
    """An item has a category's own words and a price within its bounds."""
    item = keeper(str(seed)).new_item()
    shelf = next(category for category in CATEGORIES if category.name == item.category)
    assert 100 * shelf.price_from <= item.price_cents <= 100 * shelf.price_to
    assert any(noun in item.name for noun in shelf.nouns)


def test_every_item_and_user_has_its_turn() -> None:
    """Nobody is left out, at either end."""
    somebody = keeper()
    assert {somebody.item_edit().item_id for _ in range(1000)} == set(ITEMS)
    assert {somebody.user_edit().user_id for _ in range(1000)} == set(USERS)


def test_stock_is_nobody_s_business() -> None:
    """No edit knows of stock; and endings hold no dash, by which a later one is told from the name."""
    fields = {field.name for kind in (ItemEdit, NewItem, UserEdit) for field in dataclasses.fields(kind)}
    assert fields == {"item_id", "factor", "edition", "name", "category", "price_cents", "user_id", "tag"}
    assert not any("-" in edition for edition in EDITIONS)


processes = st.integers(0, PROCESSES_MAX - 1)


@given(st.lists(st.tuples(processes, st.integers(0, 2**40)), min_size=1, max_size=5, unique_by=lambda one: one[0]))
def test_ids_of_new_items_are_disjoint(began: list[tuple[int, int]]) -> None:
    """Whatever ids each process found taken when it began, no two give the same new one, and all are above."""
    given_ = {process: list(itertools.islice(own_ids(after, process), 50)) for process, after in began}
    every = [one for ids in given_.values() for one in ids]
    assert len(set(every)) == len(every)
    for process, after in began:
        assert given_[process] == sorted(given_[process])
        assert after < given_[process][0] <= after + PROCESSES_MAX


@pytest.mark.parametrize("process", [-1, PROCESSES_MAX])
def test_a_process_beyond_those_has_no_ids(process: int) -> None:
    """Where ids could be given twice, none is."""
    with pytest.raises(ValueError, match=str(process)):
        own_ids(0, process)
