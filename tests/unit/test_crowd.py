"""The crowd: whoever it chooses is who a look at each candidate would choose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.model.accounts import AWAKE, Accounts
from lakestorm.model.crowd import BATCH, CANDIDATES
from lakestorm.model.draw_one import one, start_of
from lakestorm.model.draws import rows
from lakestorm.model.wakefulness import AT_ONCE, Wakefulness
from tests.unit.made_logins import HARD, Town, geography, history, plan, town

HOUR_MS = 3_600_000
DAY_H = 24


def awake(made: Town, number: int, at_ms: int) -> int:
    """Of 256 tries to log in how many an account makes at a moment, by its own habits."""
    who = made.journeys.accounts[number]
    return AWAKE[who.rhythm][who.activity][who.hour(at_ms)]


def chosen(made: Town, login: int, at_ms: int, seed: int, share: tuple[int, int, int]) -> int:
    """Who logs in, by one look after the other: the first who is awake and free, else the lightest free sleeper."""
    number, processes, accounts = share
    start, count = start_of(seed, f"crowd.{number}/{processes}"), len(range(number, accounts, processes))
    words = [one(start, login * CANDIDATES + which) for which in range(CANDIDATES)]
    candidates = [(1 + number + processes * ((word >> 32) * count >> 32), word & 255) for word in words]
    states = made.journeys.states
    free = [(n, c) for n, c in candidates if states[n].booking is None and states[n].last_ms < at_ms]
    up = [n for n, chance in free if chance < awake(made, n, at_ms)]
    if up:
        return up[0]
    return max(free, key=lambda one: awake(made, one[0], at_ms))[0] if free else candidates[0][0]


@pytest.mark.parametrize(("step_ms", "count"), [(0.01, 3000), (20_000, 3000), (1_000_000, 1500)])
def test_who_is_chosen(step_ms: float, count: int) -> None:
    """At 100 logins a millisecond, at one in twenty seconds, and where the hour changes between most logins."""
    share = (1, 2, 400)
    made = town(seed=5, accounts=400, share=share[:2], days=1 if step_ms < 1 else 14, behaviour=HARD)
    for _ in history(made):
        pass
    journeys, met, looked = made.journeys, set(), 0
    for login in range(count):
        at_ms = made.timeline.origin_ms + int(login * step_ms)
        is_free = not journeys.after and not (journeys.agenda and journeys.agenda[0][0] <= at_ms)
        wanted = chosen(made, looked, at_ms, 5, share) if is_free else None
        found = made.crowd.login(at_ms)
        if wanted is not None:
            looked += 1
            assert found.account == wanted
            met.add(wanted)
        else:
            looked = (made.crowd._batches - 1) * BATCH + made.crowd._at
    assert len(met) > 100


@given(seed=st.integers(0, 2**63 - 1), first=st.integers(0, 2**31), hour=st.integers(0, 23))
def test_wakefulness_is_the_accounts_own(seed: int, first: int, hour: int) -> None:
    """What is told of many accounts at once is what the habits of each say, by its own clock."""
    accounts = Accounts(seed, geography(), plan())
    told = Wakefulness(seed, geography(), rows(first, 20)).at(rows(0, 20).astype(int), hour)
    own = [
        AWAKE[who.rhythm][who.activity][who.hour(hour * HOUR_MS)]
        for who in map(accounts.__getitem__, range(first, first + 20))
    ]
    assert told.tolist() == own


def test_wakefulness_of_more_than_are_looked_at_in_a_step() -> None:
    """Parts are put together in order."""
    whole = Wakefulness(3, geography(), rows(1, AT_ONCE + 10))
    part = Wakefulness(3, geography(), rows(AT_ONCE - 4, 10))
    assert whole.at(rows(AT_ONCE - 5, 10).astype(int), 12).tolist() == part.at(rows(0, 10).astype(int), 12).tolist()
