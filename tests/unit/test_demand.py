"""Demand: hot items, the long tail, and shares as documented."""

from __future__ import annotations

import collections
import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.model.demand import Demand, zipf_cumulative

N = 50_000


def demand(items: list[int], **changes: float) -> Demand:
    """Demand with the settings' defaults."""
    options = {"hot_items": 10, "hot_share": 0.8, "hot_moves_every_s": 0.0, "zipf": 0.99, **changes}
    hot_items = int(options.pop("hot_items"))
    return Demand.of(items, hot_items=hot_items, **options)


@pytest.mark.parametrize(
    ("count", "skew", "shares"),
    [
        (1, 0.99, [1]),
        (4, 0, [1 / 4, 1 / 4, 1 / 4, 1 / 4]),
        (3, 1, [6 / 11, 3 / 11, 2 / 11]),
        (2, 2, [4 / 5, 1 / 5]),
    ],
)
def test_zipf_shares(count: int, skew: float, shares: list[float]) -> None:
    """Rank r has a share in proportion to 1 / r^skew."""
    cumulative = zipf_cumulative(count, skew)
    assert cumulative == pytest.approx(list(itertools.accumulate(shares)))
    assert cumulative[-1] == 1


@given(count=st.integers(1, 2000), skew=st.floats(0, 5))
def test_zipf_is_a_distribution(count: int, skew: float) -> None:
    """Shares grow to exactly 1, and no rank is more popular than the one before it."""
    cumulative = zipf_cumulative(count, skew)
    shares = [b - a for a, b in itertools.pairwise([0.0, *cumulative])]
    assert cumulative[-1] == 1.0
    assert all(later <= earlier + 1e-12 for earlier, later in itertools.pairwise(shares))


@pytest.mark.parametrize("skew", [0.0, 0.8, 0.99])
def test_popular_items_come_by_their_share(skew: float) -> None:
    """The most popular item, and the upper tenth, are chosen as often as their Zipf share says."""
    items = list(range(1000, 1100))
    chooser, rng = demand(items, zipf=skew), random.Random(5)
    found = collections.Counter(chooser.popular_item(rng) for _ in range(N))
    cumulative = zipf_cumulative(100, skew)
    assert found[1000] / N == pytest.approx(cumulative[0], abs=0.01)
    assert sum(found[item] for item in items[:10]) / N == pytest.approx(cumulative[9], abs=0.012)
    assert set(found) == set(items)


def test_hot_items_get_their_share() -> None:
    """`hot_share` of choices are hot ones and all hot items are alike, apart from what popularity adds."""
    items = list(range(1, 101))
    chooser, rng = demand(items, zipf=0), random.Random(5)
    found = collections.Counter(chooser.item(rng, 0) for _ in range(N))
    hot = [found[item] for item in chooser.hot_at(0)]
    assert sum(hot) / N == pytest.approx(0.8 + 0.2 * 10 / 100, abs=0.01)
    assert max(hot) / min(hot) < 1.15


@pytest.mark.parametrize(("share", "hot"), [(0.0, 0), (1.0, 1000)])
def test_the_share_may_be_none_or_all(share: float, hot: int) -> None:
    """At 1 everybody wants a hot item; at 0 hot ones sell like any other rank."""
    chooser, rng = (
        demand(list(range(1000)), hot_share=share, hot_items=1, hot_moves_every_s=1, zipf=0),
        random.Random(1),
    )
    assert sum(chooser.item(rng, 500.5) == 500 for _ in range(1000)) == pytest.approx(hot, abs=10)


@pytest.mark.parametrize(
    ("elapsed_s", "hot"),
    [
        (0, [1, 2, 3]),
        (9.999, [1, 2, 3]),
        (10, [4, 5, 6]),
        (20, [7, 1, 2]),
        (1e9, [1 + 3 * 10**8 % 7, 1 + (3 * 10**8 + 1) % 7, 1 + (3 * 10**8 + 2) % 7]),
    ],
)
def test_the_hot_set_moves_on(elapsed_s: float, hot: list[int]) -> None:
    """Every `hot_moves_every_s` the next items become hot, round and round."""
    assert demand([1, 2, 3, 4, 5, 6, 7], hot_items=3, hot_moves_every_s=10.0).hot_at(elapsed_s) == hot


@given(
    items=st.lists(st.integers(), unique=True, min_size=1, max_size=30),
    hot=st.integers(1, 40),
    every=st.sampled_from([0.0, 0.5, 7.0]),
    elapsed_s=st.floats(0, 1e6),
    seed=st.integers(0, 99),
)
def test_hot_is_hot_whoever_asks(items: list[int], hot: int, every: float, elapsed_s: float, seed: int) -> None:
    """The list of hot items, the question about one, and a choice of one agree; there are never more than items."""
    chooser = demand(items, hot_items=hot, hot_moves_every_s=every)
    found = chooser.hot_at(elapsed_s)
    assert len(set(found)) == len(found) == min(hot, len(items))
    assert {item for item in items if chooser.is_hot(item, elapsed_s)} == set(found)
    rng = random.Random(seed)
    assert {chooser.hot_item(rng, elapsed_s) for _ in range(5)} <= set(found)
    assert {chooser.item(rng, elapsed_s) for _ in range(5)} <= set(items)
