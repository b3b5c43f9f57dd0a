"""Passwords, how often they may be guessed, and who has logged in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.load.web_passwords import GUESSES, MOST_ADDRESSES, WINDOW_S, GuessLimit, Password, Sessions


class Clock:
    """Stands still until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


@pytest.mark.parametrize(
    ("username", "password", "is_right"),
    [
        ("ada", "pässwörd 7", True),
        ("ada", "pässwörd 8", False),
        ("ad", "apässwörd 7", False),
        ("Ada", "pässwörd 7", False),
        ("", "", False),
        ("ada", "", False),
        ("ada", "x" * 100_000, False),
        ("\ud800", "\x00", False),
    ],
)
def test_only_the_right_name_and_password(username: str, password: str, *, is_right: bool) -> None:
    """Whatever somebody types, it is compared and not an error."""
    assert Password("ada", "pässwörd 7").is_right(username, password) is is_right


def test_a_password_is_not_kept() -> None:
    """Not in clear, and not as the same hash in two processes."""
    first, second = Password("ada", "secret"), Password("ada", "secret")
    assert "secret" not in repr(vars(first))
    assert vars(first)["_hash"] != vars(second)["_hash"]


def test_ten_guesses_a_minute() -> None:
    """Then none until the first of them is a minute old, and one more at a time."""
    clock = Clock()
    limit = GuessLimit(clock=clock)
    for _ in range(GUESSES):
        assert limit.take("10.0.0.1") == 0
        clock.now += 1
    assert limit.take("10.0.0.1") == WINDOW_S - GUESSES
    assert limit.take("10.0.0.2") == 0
    clock.now += WINDOW_S - GUESSES
    assert limit.take("10.0.0.1") == 0
    assert limit.take("10.0.0.1") == 1


def test_the_right_password_forgives_what_was_wrong() -> None:
    """Whoever mistypes now and then is never locked out."""
    limit = GuessLimit(clock=Clock())
    for _ in range(5 * GUESSES):
        assert limit.take("10.0.0.1") == 0
        limit.forgive("10.0.0.1")


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ("2001:db8::1", "2001:db8::2:3", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("", "", True),
    ],
)
def test_a_network_of_one_host_counts_as_one(first: str, second: str, *, is_one: bool) -> None:
    """An IPv6 host has 2^64 addresses, and no more guesses for it."""
    limit = GuessLimit(guesses=1, clock=Clock())
    assert limit.take(first) == 0
    assert bool(limit.take(second)) is is_one


def test_many_addresses_take_no_more_room() -> None:
    """Those that were seen first are forgotten."""
    limit = GuessLimit(guesses=1, clock=Clock())
    for number in range(MOST_ADDRESSES + 10):
        limit.take(f"host {number}")
    assert len(vars(limit)["_at"]) == MOST_ADDRESSES


@given(gaps=st.lists(st.floats(0, 90), max_size=60))
def test_never_more_than_ten_in_any_minute(gaps: list[float]) -> None:
    """Whenever they come; and whoever waits as long as was said gets a guess."""
    clock = Clock()
    limit = GuessLimit(clock=clock)
    taken: list[float] = []
    for gap in gaps:
        clock.now += gap
        wait_s = limit.take("10.0.0.1")
        if wait_s:
            clock.now += wait_s
            assert limit.take("10.0.0.1") == 0
        taken.append(clock.now)
    for number, at in enumerate(taken):
        assert sum(at <= other < at + WINDOW_S for other in taken[number:]) <= GUESSES


def test_a_session_ends() -> None:
    """By its age, or because somebody logged out; others go on, and a made-up token never held."""
    clock = Clock()
    sessions = Sessions(last_s=100, clock=clock)
    one, other = sessions.begin(), sessions.begin()
    assert len(one) >= 40
    sessions.end(one)
    assert [sessions.holds(token) for token in (one, other, None, "", "made up")] == [False, True, False, False, False]
    clock.now += 100
    assert not sessions.holds(other)
