"""Accounts: who they are depends on seed and number alone, and their habits go together."""

from __future__ import annotations

import collections
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.model.accounts import AWAKE, COMMUTE_KM, FAR_KM, RHYTHMS, Accounts
from lakestorm.model.addresses import RESIDENTIAL
from lakestorm.model.devices import DESKTOPS, PHONES, TABLETS
from lakestorm.model.geography import distance_km
from tests.unit.made_logins import geography, plan

N = 4000


@pytest.fixture(scope="module")
def accounts() -> Accounts:
    """Those of seed 1."""
    return Accounts(1, geography(), plan())


@given(seed=st.integers(0, 2**63 - 1), number=st.integers(0, 2**31 - 1), others=st.lists(st.integers(0, 99)))
def test_an_account_is_the_same_whoever_asks(seed: int, number: int, others: list[int]) -> None:
    """Whatever was asked for before, and however few accounts are kept."""
    first, second = Accounts(seed, geography(), plan()), Accounts(seed, geography(), plan(), kept=1)
    for other in others:
        assert second[other] == first[other]
    assert second[number] == first[number]
    assert len(second) == 1
    assert first[number].user_id == str(number)


def test_another_process_makes_the_same_accounts(accounts: Accounts) -> None:
    """Nothing depends on the process's own hashes."""
    code = (
        "from tests.unit.made_logins import *; found = Accounts(1, geography(), plan())\n"
        "print([(a.home.name, a.line, a.devices[0].user_agent) for a in map(found.__getitem__, range(1, 20))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    wanted = [(a.home.name, a.line, a.devices[0].user_agent) for a in map(accounts.__getitem__, range(1, 20))]
    assert done.stdout.strip() == str(wanted)


def test_another_seed_gives_other_people(accounts: Accounts) -> None:
    """Homes differ for nearly all."""
    others = Accounts(2, geography(), plan())
    assert sum(accounts[n].home is others[n].home for n in range(1000)) < 50


def test_people_live_where_people_live(accounts: Accounts) -> None:
    """Countries have the shares of their cities' inhabitants."""
    world = geography()
    people = sum(c.population for c in world.cities)
    found = collections.Counter(accounts[n].home.country for n in range(1, N + 1))
    for country in ("CN", "IN", "BR", "US"):
        share = sum(c.population for c in world.by_country[country]) / people
        assert found[country] / N == pytest.approx(share, abs=4 * (share / N) ** 0.5)


def test_lines_are_of_the_home(accounts: Accounts) -> None:
    """The address at home is a residential one of the home city."""
    for n in range(1, 500):
        found = plan().find(accounts[n].line)
        assert found is not None
        assert (found.city, found.kind) == (accounts[n].home, RESIDENTIAL)


def test_known_places_are_elsewhere(accounts: Accounts) -> None:
    """None is home; those beyond the first two are far away."""
    for n in range(1, 1000):
        who = accounts[n]
        assert who.home not in who.known
        assert len(set(who.known)) == len(who.known) >= 1
        assert all(distance_km(who.home, c) > FAR_KM for c in who.known[2:])


def test_commuters_work_just_over_the_border(accounts: Accounts) -> None:
    """Some do, none of them far."""
    found = [who for who in map(accounts.__getitem__, range(1, N + 1)) if who.work is not None]
    assert 0.02 < len(found) / N < 0.1
    for who in found:
        assert who.work is not None
        assert who.work.country != who.home.country
        assert distance_km(who.home, who.work) <= COMMUTE_KM


def test_devices_go_together(accounts: Accounts) -> None:
    """Every device's user agent names its platform, nobody has none, and only phones are mobile."""
    words = {"iOS": "iPhone OS", "Android": "Android", "Windows": "Windows NT", "macOS": "Macintosh", "Linux": "X11",
             "iPadOS": "iPad"}  # fmt: skip
    for device in (*PHONES, *DESKTOPS, *TABLETS):
        assert words[device.platform] in device.user_agent
        assert re.fullmatch(r"Mozilla/5\.0 \([^)]+\) \S.*", device.user_agent)
        assert "  " not in device.user_agent
    for who in map(accounts.__getitem__, range(1, N + 1)):
        assert 1 <= len(who.devices) <= 3
        assert (who.phone in who.devices) is (who.phone is not None)
        assert not who.is_mobile or who.devices[0] is who.phone


def test_local_time_follows_the_sun(accounts: Accounts) -> None:
    """An hour for every 15 degrees, east ahead of Greenwich; an account's hour is that of its own clock."""
    for who in map(accounts.__getitem__, range(1000)):
        assert abs(who.clock_ms / 3_600_000 - who.home.lon / 15) <= 0.5
        assert who.clock_ms % 3_600_000 == 0
        assert who.hour(25 * 3_600_000) == (1 + who.clock_ms // 3_600_000) % 24


def test_rhythms_have_a_night(accounts: Accounts) -> None:
    """Every rhythm has 24 hours, a quiet one and a lively one; what an account does follows its own."""
    for rhythm in RHYTHMS:
        assert len(rhythm) == 24
        assert min(rhythm) * 10 < max(rhythm) <= 100
    for who in map(accounts.__getitem__, range(200)):
        awake = AWAKE[who.rhythm][who.activity]
        assert all(0 <= chance <= 255 for chance in awake)
        assert awake.index(max(awake)) == RHYTHMS[who.rhythm].index(max(RHYTHMS[who.rhythm]))
