"""Users: row i is the same whoever makes it, addresses differ, and they reach nobody."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.model.people import DOMAINS, VERSION, VIPS_OF_1000, NameBook, NamePool, users

POOLS = (
    NamePool("de_DE", (("Jörg", "joerg"), ("Anna", "anna")), (("Weiß", "weiss"), ("Groß", "gross"))),
    NamePool("ja_JP", (("陽子", "yoko"),), (("山田", "yamada"), ("佐藤", "sato"), ("鈴木", "suzuki"))),
)
BOOK = NameBook(POOLS)


@given(seed=st.integers(0, 2**63), first=st.integers(1, 10**9), cut=st.integers(0, 20))
def test_a_user_is_the_same_in_every_batch(seed: int, first: int, cut: int) -> None:
    """Rows made in two batches are the rows made in one."""
    whole = dataclasses.asdict(users(seed, first, 20, BOOK))
    left = dataclasses.asdict(users(seed, first, cut, BOOK))
    right = dataclasses.asdict(users(seed, first + cut, 20 - cut, BOOK))
    assert {column: left[column] + right[column] for column in whole} == whole
    assert whole["ids"] == list(range(first, first + 20))


def test_names_go_together() -> None:
    """First and last name are of one language, and all of them come up."""
    made = users(1, 1, 2000, BOOK)
    pairs = set(zip(made.first_names, made.last_names, strict=True))
    wanted = {(f, last) for pool in POOLS for f, _ in pool.first_names for last, _ in pool.last_names}
    assert pairs == wanted


def test_addresses_differ_and_reach_nobody() -> None:
    """Of 200,000 users no two share an address, though names repeat; all are ASCII, of reserved domains, lower case."""
    made = users(1, 1, 200_000, BOOK)
    assert len(set(made.emails)) == 200_000
    for email in made.emails[:5000]:
        local, _, domain = email.partition("@")
        assert domain in DOMAINS
        assert local.isascii()
        assert local == local.lower()
    assert {email.partition("@")[2] for email in made.emails[:5000]} == set(DOMAINS)
    assert all(email.partition("@")[0].endswith(str(i)) for i, email in zip(made.ids, made.emails, strict=True))


def test_five_of_a_hundred_are_vip() -> None:
    """The share of VIPs is what is documented."""
    made = users(9, 1, 100_000, BOOK)
    assert sum(made.are_vip) / 100_000 == pytest.approx(VIPS_OF_1000 / 1000, abs=0.0035)


@pytest.mark.parametrize(
    "pool",
    [
        NamePool("x", (("A", "A"),), (("b", "b"),)),
        NamePool("x", (("a", "a1"),), (("b", "b"),)),
        NamePool("x", (("ä", "ä"),), (("b", "b"),)),
        NamePool("x", (("a", ""),), (("b", "b"),)),
        NamePool("x", ((" ", "a"),), (("b", "b"),)),
        NamePool("x", (("a\tb", "a"),), (("b", "b"),)),
        NamePool("x", (("a", "a"),), (("b\\N", "b"),)),
        NamePool("x", (), (("b", "b"),)),
        NamePool("x", (("a", "a"),), ()),
    ],
)
def test_names_that_would_break_something_are_refused(pool: NamePool) -> None:
    """A name that makes two addresses equal, or breaks COPY, or is none, is refused before a row is made."""
    with pytest.raises(ValueError, match="names that cannot be used"):
        NameBook([*POOLS, pool])


def test_no_pool_is_refused() -> None:
    """Without any names there are no people."""
    with pytest.raises(ValueError, match="an empty list"):
        NameBook([])


def test_the_recipe_changes_with_the_names() -> None:
    """Whatever could give a user another row gives the book another recipe; the same names give the same."""
    assert VERSION == 1
    assert NameBook(POOLS).recipe == BOOK.recipe
    assert NameBook(POOLS[::-1]).recipe != BOOK.recipe
    assert NameBook(POOLS[:1]).recipe != BOOK.recipe
