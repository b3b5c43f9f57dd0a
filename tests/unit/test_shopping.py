"""Shoppers: what they do next, and what is in their baskets."""

from __future__ import annotations

import collections
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.model.demand import Demand
from lakestorm.model.orders import LINES_MAX
from lakestorm.model.shopping import OLDER_CAMPAIGN, SALE_CAMPAIGN, Action, Sale, Shopper

MIX = {"buy": 90.0, "view": 8.0, "cancel": 2.0}
ITEMS = list(range(100, 200))


def demand(items: list[int], hot_items: int = 10) -> Demand:
    """Demand for some items."""
    return Demand.of(items, hot_items=hot_items, hot_share=0.8, hot_moves_every_s=0, zipf=0.99)


SALE = Sale(demand=demand(ITEMS), user_ids=range(1, 51), mix=MIX, doors_open_s=0.0, basket=True)


def test_the_mix_is_held() -> None:
    """Actions come as often as their weights say."""
    shopper = Shopper(SALE, "a")
    found = collections.Counter(shopper.next_action(1.0).value for _ in range(20_000))
    for name, weight in MIX.items():
        assert found[name] / 20_000 == pytest.approx(weight / 100, abs=0.011)


@pytest.mark.parametrize("mix", [{"view": 1.0}, {"buy": 0.0, "view": 1.0}, {"view": 3.0, "cancel": 0.0}])
def test_weight_0_never_comes(mix: dict[str, float]) -> None:
    """A kind without weight is never done, and nobody is eager for a buy that the mix does not have."""
    shopper = Shopper(dataclasses.replace(SALE, mix=mix, doors_open_s=1.0), "a")
    assert {shopper.next_action(t) for t in (0.0, 1.0, 2.0, 3.0) for _ in range(100)} == {Action.VIEW}


def test_doors() -> None:
    """Before the doors open people only look; the first thing after is a buy of one hot item, then the mix."""
    sale = dataclasses.replace(SALE, doors_open_s=5.0, mix={"buy": 1.0, "view": 1000.0})
    for number in range(50):
        shopper = Shopper(sale, f"shopper {number}")
        assert {shopper.next_action(t) for t in (0.0, 4.999)} == {Action.VIEW}
        assert shopper.next_action(5.0) is Action.BUY
        (item,) = shopper.items_to_buy(5.0)
        assert sale.demand.is_hot(item, 5.0)
        assert collections.Counter(shopper.next_action(6.0) for _ in range(30))[Action.VIEW] > 20


@given(
    seed=st.text(),
    count=st.integers(1, 8),
    hot=st.integers(1, 8),
    basket=st.booleans(),
    doors_open_s=st.sampled_from([0.0, 3.0]),
)
def test_baskets(seed: str, count: int, hot: int, basket: bool, doors_open_s: float) -> None:  # noqa: FBT001 - drawn
    """A basket has different items, at most three and never more than there are; without baskets it is one item."""
    items = list(range(count))
    sale = dataclasses.replace(SALE, demand=demand(items, hot), basket=basket, doors_open_s=doors_open_s)
    shopper = Shopper(sale, seed)
    for _ in range(20):
        found = shopper.items_to_buy(5.0)
        assert 1 <= len(found) == len(set(found)) <= (min(LINES_MAX, count) if basket else 1)
        assert set(found) <= set(items)


def test_baskets_of_every_size_come_alike() -> None:
    """One, two or three lines are equally likely."""
    shopper = Shopper(SALE, "a")
    sizes = collections.Counter(len(shopper.items_to_buy(0)) for _ in range(6000))
    assert all(sizes[size] / 6000 == pytest.approx(1 / 3, abs=0.03) for size in (1, 2, 3))


def test_campaigns() -> None:
    """Orders of hot items count for the sale, a tenth of the others for an older campaign."""
    shopper = Shopper(SALE, "a")
    assert {shopper.campaign(item, 0) for item in SALE.demand.hot_at(0)} == {SALE_CAMPAIGN}
    cold = next(item for item in ITEMS if not SALE.demand.is_hot(item, 0))
    found = collections.Counter(shopper.campaign(cold, 0) for _ in range(10_000))
    assert set(found) == {OLDER_CAMPAIGN, None}
    assert found[OLDER_CAMPAIGN] / 10_000 == pytest.approx(0.1, abs=0.015)


def test_anybody_may_buy() -> None:
    """All users buy, all alike."""
    shopper = Shopper(SALE, "a")
    found = collections.Counter(shopper.buyer() for _ in range(10_000))
    assert set(found) == set(SALE.user_ids)
    assert max(found.values()) < 300


@given(st.text(), st.text())
def test_a_shopper_is_its_seed(seed: str, other: str) -> None:
    """The same seed does the same, whatever another shopper did meanwhile."""

    def steps(shopper: Shopper, stranger: Shopper | None = None) -> list[object]:
        found: list[object] = []
        for _ in range(10):
            if stranger:
                stranger.items_to_buy(1.0)
            found += [shopper.next_action(1.0), shopper.items_to_buy(1.0), shopper.buyer(), shopper.item_to_view()]
        return found

    assert steps(Shopper(SALE, seed)) == steps(Shopper(SALE, seed), Shopper(SALE, other))
