"""Draws depend on seed, question and row, and on nothing else; and they are even."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.model.draws import below, draw, rows, weighted

N = 100_000


@given(seed=st.integers(), first=st.integers(0, 2**62), count=st.integers(1, 50), split=st.integers(0, 50))
def test_a_row_is_the_same_in_every_batch(seed: int, first: int, count: int, split: int) -> None:
    """Rows made in two batches are the rows made in one."""
    cut = min(split, count)
    parts = [draw(seed, "q", rows(first, cut)), draw(seed, "q", rows(first + cut, count - cut))]
    assert np.concatenate(parts).tolist() == draw(seed, "q", rows(first, count)).tolist()


def test_draws_stay_what_they_are() -> None:
    """The numbers are a promise: another version that draws others would mix two shops in one."""
    promised = [3607689340155384391, 16685573008388814533, 14849813559465097658]
    assert draw(1, "users.pool", rows(1, 3)).tolist() == promised
    assert below(draw(7, "läden 店", rows(2**63, 3)), 1000).tolist() == [569, 40, 800]


def splitmix64(state: int) -> int:
    """The published generator's next number, in plain whole numbers."""
    word = (state + 0x9E3779B97F4A7C15) % 2**64
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    word = (word ^ word >> 27) * 0x94D049BB133111EB % 2**64
    return word ^ word >> 31


@given(seed=st.integers(), question=st.text(max_size=20), first=st.integers(0, 2**62))
def test_a_draw_is_splitmix64(seed: int, question: str, first: int) -> None:
    """Rows in order are the numbers of splitmix64, started at a hash of seed and question."""
    start = int.from_bytes(hashlib.blake2b(f"{seed}:{question}".encode(), digest_size=8).digest(), "little")
    golden = 0x9E3779B97F4A7C15
    expected = [splitmix64((start + (row - 1) * golden) % 2**64) for row in range(first, first + 3)]
    assert draw(seed, question, rows(first, 3)).tolist() == expected


def test_seeds_and_questions_are_independent() -> None:
    """Another seed, or another question, gives other draws, uncorrelated with the first."""
    ids = rows(1, N)
    base = below(draw(1, "a", ids), 2**31)
    for other in (draw(2, "a", ids), draw(1, "b", ids), draw(-1, "a", ids), draw(1, "", ids)):
        assert abs(np.corrcoef(base, below(other, 2**31))[0, 1]) < 5 / N**0.5
    assert abs(np.corrcoef(base[:-1], base[1:])[0, 1]) < 5 / N**0.5


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 1000, 2**31])
def test_below_is_even_and_below(limit: int) -> None:
    """Every tenth of [0, limit) gets its share, within five standard deviations."""
    found = below(draw(3, "even", rows(0, N)), limit)
    assert 0 <= found.min() <= found.max() < limit
    tenths = min(limit, 10)
    share = np.bincount(found * tenths // limit, minlength=tenths) / N
    exact = np.diff(np.ceil(np.arange(tenths + 1) * limit / tenths)) / limit
    assert np.abs(share - exact).max() < 5 * (0.25 / N) ** 0.5


def test_below_takes_a_limit_a_row() -> None:
    """Each row may have its own limit."""
    limits = np.array([1, 10, 2**31] * 1000)
    found = below(draw(3, "each", rows(0, 3000)), limits)
    assert (found < limits).all()
    assert found[0::3].max() == 0
    assert found[2::3].max() > 2**30


@pytest.mark.parametrize("weights", [(1,), (40, 25, 25, 10), (0, 1), (1, 0, 3)])
def test_weighted_gives_each_its_share(weights: tuple[int, ...]) -> None:
    """Index i comes as often as its weight is of the sum; weight 0 never."""
    share = np.bincount(weighted(draw(5, "w", rows(0, N)), weights), minlength=len(weights)) / N
    assert np.abs(share - np.array(weights) / sum(weights)).max() < 5 * (0.25 / N) ** 0.5
    assert all(share[i] == 0 for i, weight in enumerate(weights) if not weight)
