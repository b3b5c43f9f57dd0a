"""Items: row i is the same whoever makes it; names, prices and stock are of their shelf."""

from __future__ import annotations

import collections
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.model.catalogue import CATEGORIES, ENDINGS, MAKERS, items

BY_NAME = {category.name: category for category in CATEGORIES}


@given(seed=st.integers(0, 2**63), first=st.integers(1, 10**8), cut=st.integers(0, 20))
def test_an_item_is_the_same_in_every_batch(seed: int, first: int, cut: int) -> None:
    """Rows made in two batches are the rows made in one."""
    whole = dataclasses.asdict(items(seed, first, 20))
    left, right = (dataclasses.asdict(made) for made in (items(seed, first, cut), items(seed, first + cut, 20 - cut)))
    assert {column: left[column] + right[column] for column in whole} == whole
    assert whole["ids"] == list(range(first, first + 20))


@given(seed=st.integers(0, 2**63))
def test_prices_and_stock_are_of_the_shelf(seed: int) -> None:
    """Every item keeps to its shelf's bounds: price in cents with a shop's ending, stock in units, a name of it."""
    made = items(seed, 1, 200)
    for name, shelf, cents, stock in zip(made.names, made.categories, made.prices_cents, made.stock, strict=True):
        category = BY_NAME[shelf]
        assert 100 * category.price_from <= cents <= 100 * category.price_to
        assert cents % 100 in ENDINGS
        assert category.stock_from <= stock <= category.stock_to
        maker = name.partition(" ")[0]
        assert maker in MAKERS
        assert any(f" {kind} " in name for kind in category.kinds)
        assert any(f" {noun} {maker[0]}" in name for noun in category.nouns)


def test_the_whole_range_is_used() -> None:
    """Shelves have the shares of their weights, and prices and stock reach towards both bounds."""
    made = items(1, 1, 20_000)
    counts = collections.Counter(made.categories)
    for category in CATEGORIES:
        assert counts[category.name] / 20_000 == pytest.approx(category.weight / 100, abs=0.018)
        of_shelf = [i for i, shelf in enumerate(made.categories) if shelf == category.name]
        stock = [made.stock[i] for i in of_shelf]
        width = category.stock_to - category.stock_from
        assert min(stock) < category.stock_from + 0.02 * width
        assert max(stock) > category.stock_to - 0.02 * width
        prices = sorted(made.prices_cents[i] for i in of_shelf)
        assert prices[0] < 100 * category.price_from * 1.1
        assert prices[-1] > 100 * category.price_to * 0.9
        middle = prices[len(prices) // 2] / 100
        assert middle < (category.price_from + category.price_to) / 2, "cheap things are more than dear ones"


def test_another_seed_is_another_shop() -> None:
    """Seeds give different items."""
    assert items(1, 1, 100).names != items(2, 1, 100).names
