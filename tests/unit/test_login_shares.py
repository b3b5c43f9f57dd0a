"""Logins of several processes: who has which accounts, where a history leaves them, one time, one set of counts."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.errors import SettingsError
from lakestorm.load.login_beginning import OWN_CLOCK_S, Beginning, share_of
from lakestorm.load.login_past import holds
from lakestorm.load.part import Role
from lakestorm.model.crowd import Share
from lakestorm.model.event_time import Timeline
from lakestorm.model.login_schema import sequence_of
from lakestorm.report.login_audit import acknowledged_by_class
from lakestorm.scoring.score import SequencesSeen
from tests.unit.made_logins import NOW_MS, history, live, town

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def share(accounts: int, process: int, shares: int, *, leads: bool = False) -> Share | None:
    """The share of a process."""
    return share_of(Role(process=process, leads=leads, loads=not leads), shares, accounts)


def numbers(shares: Iterable[Share | None]) -> list[int]:
    """All accounts of these shares, in order."""
    return sorted(of.account(i) for of in shares if of is not None for i in range(of.count))


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_each_account_is_one_workers(workers: int) -> None:
    """Workers share all accounts without overlap; who leads has everybody's history; who comes later has none."""
    assert numbers(share(20, n, workers) for n in range(1, workers + 1)) == list(range(1, 21))
    assert numbers([share(20, 0, workers, leads=True)]) == list(range(1, 21))
    assert share(20, workers + 1, workers) is None


def test_more_workers_than_accounts_are_refused() -> None:
    """The setting and its value are named; a worker that came late is no such mistake."""
    assert share(2, 2, 3) is not None
    with pytest.raises(SettingsError, match="LOGIN_ACCOUNTS is 2: each of 3 workers wants at least one account"):
        share(2, 3, 3)
    assert share(2, 4, 3) is None


@given(st.integers(1, 9), st.integers(1, 60))
def test_a_records_key_tells_whose_it_is(processes: int, account: int) -> None:
    """Exactly the share that the account is of holds its records; a key that is no account's is nobody's."""
    shares = [Share(n, processes, 60) for n in range(processes)]
    found = [of for of in shares if holds(of, str(account).encode())]
    assert [account in numbers([of]) for of in found] == [True]
    assert not any(holds(of, key) for of in shares for key in (b"", b"x1", b"-4"))


def test_a_history_leaves_accounts_where_it_leaves_them_alone() -> None:
    """A worker that draws its own accounts' history has them in the same places as who wrote all of it."""
    whole = town(accounts=60)
    everybody = history(whole)
    for number in range(3):
        part = town(accounts=60, share=(number, 3))
        own = history(part)
        assert own == [login for login in everybody if (login.account - 1) % 3 == number]
        for login in own:
            state, same = part.journeys.states[login.account], whole.journeys.states[login.account]
            seen = (state.place, state.last_ms, state.ordinal, state.plain, state.every, state.stay, state.booking)
            assert seen == (same.place, same.last_ms, same.ordinal, same.plain, same.every, same.stay, same.booking)


def test_the_same_people_whatever_the_number_of_processes() -> None:
    """An account means to do the same at its n-th login, whoever else is in its process."""
    places = []
    for processes in (1, 3):
        towns = [town(accounts=60, share=(n, processes)) for n in range(processes)]
        found: dict[int, list[Any]] = {}
        for made in towns:
            for login in (*history(made), *live(made, 600 // processes)):
                found.setdefault(login.account, []).append((login.intent, login.device, login.city))
        places.append(found)
    both = [(a, b) for who in places[0] for a, b in zip(places[0][who], places[1].get(who, ()), strict=False)]
    assert len(both) > 60 * 12
    assert sum(a == b for a, b in both) / len(both) > 0.85


def beginning() -> Beginning:
    """Of a run that goes on in a topic of two partitions."""
    timeline = Timeline.of(now_ms=NOW_MS, scale=100, run_s=60, history_days=14)
    return Beginning(now_ms=NOW_MS, before={0: (0, 12), 1: (3, 3)}, timeline=timeline)


def test_what_the_leader_decides_reaches_workers_as_it_is() -> None:
    """Through msgpack, as Locust sends it."""
    found = Beginning.told(msgpack.unpackb(msgpack.packb(beginning().orders()), strict_map_key=False))
    assert found == beginning()
    assert found.has_past
    assert not dataclasses.replace(found, before={0: (4, 4)}).has_past


@pytest.mark.parametrize(
    ("own_s", "back_s"),
    [
        (0.0, 0.0),
        (0.004, 0.0),  # by its own clock it began later: the leader's counts
        (-0.004, 0.004),  # earlier: what the clocks are apart is taken off, so that nothing is of the future
        (-3600.0, OWN_CLOCK_S),  # a clock that is wrong: all have one time all the same
    ],
)
def test_all_processes_have_one_time(own_s: float, back_s: float) -> None:
    """Event time begins when the leader says, less what a process's own clock is behind, and ends at now."""
    started_at = NOW_MS / 1e3 + 20
    found = beginning().begun(started_at, started_at + own_s)
    assert found.origin_ms == pytest.approx(beginning().timeline.origin_ms + 20_000 - 1000 * back_s, abs=1)
    assert found.at_ms(60) == pytest.approx(1000 * (started_at + 60 - back_s), abs=1)
    assert found.history_ms == beginning().timeline.history_ms


def test_a_score_tells_records_of_two_processes_apart() -> None:
    """The same number of two processes is two logins; the same of one is one."""
    seen = SequencesSeen()
    given_ = [sequence_of(process, number) for process in (0, 1, 7) for number in (5, 0, 5, 900, 900)]
    assert [seen.is_new(sequence) for sequence in given_] == [True, True, False, True, False] * 3


def test_what_all_processes_counted(tmp_path: Path) -> None:
    """Counts are added up by class; None as soon as one is missing of those that must have told."""
    told = {"": {"backfill": 12}, "-1": {"live": 3, "late": 1}, "-2": {"live": 4}}
    for ending, counts in told.items():
        (tmp_path / f"login_counts{ending}.json").write_text(json.dumps({"acknowledged": counts}))
    assert acknowledged_by_class(tmp_path, {0, 1, 2}) == {"backfill": 12, "live": 7, "late": 1}
    assert acknowledged_by_class(tmp_path, {0, 1, 2, 3}) is None
    assert acknowledged_by_class(tmp_path / "nothing", {0}) is None
