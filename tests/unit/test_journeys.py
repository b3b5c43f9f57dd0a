"""Journeys: the same seed gives the same lives; honest ones are honest, and robberies are impossible."""

from __future__ import annotations

import collections
import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.model.addresses import MOBILE, NAT, RESIDENTIAL, SHARED, VPN
from lakestorm.model.behaviour import ANOMALIES, HARD_NEGATIVES, Behaviour
from lakestorm.model.crowd import HISTORY_LOGINS, Share
from lakestorm.model.geography import distance_km
from lakestorm.model.logins import EXITS, GATEWAYS, Login
from tests.unit.made_logins import HARD, NOW_MS, Town, geography, history, live, plan, town

HOUR_MS = 3_600_000
WEIRD = ("impossible_travel", "return")


def by_account(logins: list[Login]) -> dict[int, list[Login]]:
    """Each account's logins in order of event time."""
    found = collections.defaultdict(list)
    for login in sorted(logins, key=lambda login: login.at_ms):
        found[login.account].append(login)
    return found


@pytest.fixture(scope="module")
def hard() -> tuple[Town, list[Login], list[Login]]:
    """A town with much of everything: itself, its history, and live logins."""
    made = town(accounts=1000, behaviour=HARD)
    past = history(made)
    return made, past, live(made, 12_000, late_every=50)


def test_the_same_seed_gives_the_same_logins() -> None:
    """All fields of all logins, twice; another seed gives others."""
    first, second, other = (town(seed=seed, behaviour=HARD) for seed in (7, 7, 8))
    runs = [[*history(made), *live(made, 3000, late_every=100)] for made in (first, second, other)]
    assert [x.record for x in runs[0]] == [x.record for x in runs[1]]
    assert [x[:3] + x[4:] for x in runs[0]] == [x[:3] + x[4:] for x in runs[1]]
    assert [x.record["ip"] for x in runs[0]] != [x.record["ip"] for x in runs[2]]


@given(cut=st.integers(0, 800))
def test_a_shorter_run_is_the_beginning_of_a_longer_one(cut: int) -> None:
    """What comes later changes nothing before it."""
    whole, part = town(accounts=50, behaviour=HARD), town(accounts=50, behaviour=HARD)
    times = [whole.timeline.at_ms(n * 60 / 800) for n in range(800)]
    assert [part.crowd.login(t).record for t in times[:cut]] == [whole.crowd.login(t).record for t in times][:cut]


def test_the_clock_changes_when_and_not_what() -> None:
    """With a clock that stutters by 5 ms the same people are robbed at the same logins, in the same cities."""
    rng, runs = random.Random(3), []
    for jitter in (float, lambda n: n + rng.random()):
        made = town(accounts=1000, behaviour=HARD)
        runs.append([*history(made), *live(made, 6000, jitter=jitter)])
    lives = [{(x.account, x.ordinal, x.intent, x.city.index) for x in run} for run in runs]
    robberies = [{one for one in found if one[2] in (*WEIRD, "unseen_country")} for found in lives]
    assert [x.at_ms for x in runs[0]] != [x.at_ms for x in runs[1]]
    assert len(lives[0] & lives[1]) > 0.98 * len(lives[0])
    assert len(robberies[0] & robberies[1]) > 0.95 * len(robberies[0])


def test_one_account_lives_alike_alone_and_in_a_crowd() -> None:
    """State belongs to the account: what others do, and who asks, changes nothing for it while there is room aloft."""
    made = town(accounts=400, behaviour=HARD, most_away=400)
    lived = by_account([*history(made), *live(made, 6000)])
    for number in (1, 17, 400):
        alone = town(accounts=400, behaviour=HARD, most_away=400).journeys
        mine = iter(lived[number])
        for login in mine:
            if login.intent == "pair":  # the later one is asked for, and brings the earlier one
                later = next(mine)
                assert (alone.login(number, later.at_ms), alone.after.popleft()) == (later, login)
            else:
                assert alone.login(number, login.at_ms) == login


def test_honest_journeys_are_honest(hard: tuple[Town, list[Login], list[Login]]) -> None:
    """At most 700 km/h from login to login by lines of one's own, wherever no robbery is meant."""
    _, past, now = hard
    assert assert_honest([*past, *now]) > 1000


def assert_honest(logins: list[Login]) -> int:
    """How many honest journeys there are, none of them too fast."""
    pairs = [
        (before, after)
        for mine in by_account(logins).values()
        for before, after in itertools.pairwise([x for x in mine if x.kind not in SHARED])
        if after.intent not in WEIRD
    ]
    moved = [(a, b) for a, b in pairs if a.city is not b.city]
    assert all(distance_km(a.city, b.city) <= 700 * (b.at_ms - a.at_ms) / HOUR_MS for a, b in moved)
    return len(moved)


def test_interrupted_journeys_are_not_finished_too_soon() -> None:
    """Who logs in every ten minutes, asked by somebody who does not wait, never ends a flight, and is honest."""
    made = town(accounts=60, behaviour=HARD, most_away=60)
    found, journeys = history(made), made.journeys
    for n in range(6000):
        at_ms = made.timeline.at_ms(n * 60 / 6000)
        found.append(journeys.login(1 + n % 60, at_ms))
        found += [journeys.after.popleft() for _ in range(len(journeys.after))]
    assert {x.intent for x in found} >= {"impossible_travel", "return"}
    assert not any(x.intent == "flight" for x in found)
    assert_honest(found)


def test_nothing_begins_that_cannot_end() -> None:
    """No journey is booked for after the run's end."""
    made = town(accounts=200, behaviour=HARD, most_away=200)
    for _ in history(made):
        pass
    dues = []
    for n in range(4000):
        made.crowd.login(made.timeline.at_ms(n * 60 / 4000))
        dues += [state.booking.due_ms for state in made.journeys.states.values() if n % 50 == 0 and state.booking]
    assert len(dues) > 100
    assert max(dues) < made.timeline.end_ms
    assert max(dues) > made.timeline.end_ms - 3 * HOUR_MS


@pytest.mark.parametrize("scale", [1.0, 1000.0, 50_000.0])
@pytest.mark.parametrize("is_domestic", [False, True])
def test_robberies_are_impossible(scale: float, is_domestic: bool) -> None:  # noqa: FBT001
    """A stranger's login, and the owner's right after: ≥ 1500 km/h, ≥ 500 km, and abroad unless domestic."""
    made = town(accounts=500, scale=scale, behaviour=Behaviour(anomaly_ratio=0.1, hard_ratio=0.3, domestic=is_domestic))
    found = []
    for logins in by_account([*history(made), *live(made, 6000)]).values():
        found += [(a, b) for a, b in itertools.pairwise(logins) if b.intent in WEIRD]
    assert len(found) > 100
    for before, after in found:
        km = distance_km(before.city, after.city)
        assert km >= 500
        assert km >= 1500 * (after.at_ms - before.at_ms) / HOUR_MS
        assert (before.city.country == after.city.country) is is_domestic
        assert not {before.kind, after.kind} & SHARED
        assert after.at_ms >= made.timeline.origin_ms


def test_unseen_countries_are_unseen(hard: tuple[Town, list[Login], list[Login]]) -> None:
    """An unseen country is new to the account; no other honest login is from a new one after the first ten."""
    _, past, now = hard
    new = []
    for logins in by_account([*past, *now]).values():
        seen: set[str] = set()
        for login in logins:
            is_new = login.city.country not in seen
            assert is_new or login.intent != "unseen_country"
            if is_new and login.ordinal >= 10 and login.kind not in SHARED:
                new.append(login.intent)
            seen.add(login.city.country)
    assert set(new) <= {"unseen_country", "impossible_travel"}
    assert new.count("unseen_country") > 20


def test_every_kind_happens_as_it_is_told(hard: tuple[Town, list[Login], list[Login]]) -> None:
    """Exits and gateways are shared by many, flights are fast, pairs are swapped and in one city."""
    _, past, now = hard
    counts = collections.Counter(login.intent for login in now)
    assert set(counts) >= {*ANOMALIES, *HARD_NEGATIVES, "usual", "trip", "return"}
    users = collections.defaultdict(set)
    for login in now:
        users[login.intent, login.record["ip"]].add(login.account)
    for intent, kind, addresses in (("vpn", VPN, EXITS), ("nat", NAT, GATEWAYS)):
        ips = {ip for i, ip in users if i == intent}
        assert max(len(users[intent, ip]) for ip in ips) > 5
        assert {x.kind for x in now if x.intent == intent} == {kind}
        cities = {x.city.index for x in now if x.intent == intent}
        assert len(ips) <= addresses * len(cities)
    for logins in by_account([*past, *now]).values():
        for before, after in itertools.pairwise(logins):
            if after.intent == "flight":
                km = distance_km(before.city, after.city)
                assert km >= 400
                assert 500 <= km * HOUR_MS / (after.at_ms - before.at_ms) <= 690
    swapped = [(a, b) for a, b in itertools.pairwise(now) if a.intent == b.intent == "pair" and a.account == b.account]
    assert len(swapped) * 2 >= 0.9 * counts["pair"]
    assert all(a.at_ms > b.at_ms and a.city is b.city and a.ordinal == b.ordinal + 1 for a, b in swapped)


def test_commuters_are_on_both_sides_of_the_border(hard: tuple[Town, list[Login], list[Login]]) -> None:
    """They log in from work by day and from home at night, honestly, and neither is new after their first logins."""
    made, past, now = hard
    sides: collections.Counter[tuple[bool, bool]] = collections.Counter()
    for number, logins in by_account([*past, *now]).items():
        who = made.journeys.accounts[number]
        if who.work is not None:
            sides.update(
                (x.city is who.work, 8 <= who.hour(x.at_ms) < 17)
                for x in logins
                if x.city in (who.home, who.work) and x.intent == "usual" and x.ordinal > 1
            )
    assert sides[True, True] > 5 * sides[True, False]
    assert sides[False, False] > 5 * sides[False, True]


def test_what_is_told_agrees_with_the_address_table(hard: tuple[Town, list[Login], list[Login]]) -> None:
    """Every event ever produced: its address's row is its city and kind, and its record is complete."""
    _, past, now = hard
    for login in (*past, *now):
        found = plan().find(login.record["ip"])
        assert found is not None
        assert (found.city, found.kind) == (login.city, login.kind)
        assert list(login.record) == ["user_id", "timestamp", "ip", "device", "platform", "user_agent"]
        assert all(isinstance(value, str) and value for value in login.record.values())
        assert login.record["user_id"] == str(login.account)


def test_history_warms_everybody_and_holds_no_anomaly(hard: tuple[Town, list[Login], list[Login]]) -> None:
    """Every account has the same number of logins, ten at least, before the first live one, in order of time."""
    made, past, now = hard
    assert set(collections.Counter(x.account for x in past).values()) == {HISTORY_LOGINS}
    assert {x.account for x in past} == set(range(1, 1001))
    assert [x.at_ms for x in past] == sorted(x.at_ms for x in past)
    assert made.timeline.history_ms <= past[0].at_ms <= past[-1].at_ms < made.timeline.origin_ms
    assert not {x.intent for x in past} & {*ANOMALIES, "return", "flight", "pair"}
    assert min(x.at_ms for x in now if not x.late) >= made.timeline.origin_ms
    assert max(x.at_ms for x in now) <= NOW_MS + 60_000


def test_people_sleep(hard: tuple[Town, list[Login], list[Login]]) -> None:
    """Many more logins are made by day than by night, local time; live ones too, where the earth allows it."""
    made, past, now = hard
    for logins, times in ((past, 5), (now, 2)):
        hours = collections.Counter(made.journeys.accounts[x.account].hour(x.at_ms) for x in logins)
        assert sum(hours[h] for h in range(9, 13)) > times * sum(hours[h] for h in range(1, 5))


@pytest.mark.parametrize("ratio", [0.0, 0.02, 0.2])
def test_anomalies_come_by_their_ratio(ratio: float) -> None:
    """Of live logins about so many are robberies, returns and unseen countries; none at 0."""
    made = town(accounts=1500, behaviour=Behaviour(anomaly_ratio=ratio))
    for _ in history(made):
        pass
    now = live(made, 15_000)
    found = sum(x.intent in (*WEIRD, "unseen_country") for x in now)
    assert found / len(now) == pytest.approx(ratio, rel=0.2, abs=0)
    assert {x.kind for x in now} == {RESIDENTIAL, MOBILE, NAT, VPN}


def test_an_account_cannot_go_back_in_time() -> None:
    """A login before the last one is refused; one in the same millisecond stays where the person is."""
    journeys = town(accounts=10).journeys
    first = journeys.login(1, 1000)
    assert journeys.login(1, 1000).at_ms == first.at_ms
    with pytest.raises(ValueError, match="account 1"):
        journeys.login(1, 999)


def test_an_earlier_run_is_taken_up() -> None:
    """After its logins were observed an account stands where it stood, and does what it would have done next."""
    first, second = town(accounts=40, behaviour=HARD), town(accounts=40, behaviour=HARD)
    for login in history(first):
        second.journeys.observe(login.account, login.at_ms, login.city, login.kind)
    for number in range(1, 41):
        a, b = first.journeys.states[number], second.journeys.states[number]
        assert (a.ordinal, a.last_ms, a.plain, a.every) == (b.ordinal, b.last_ms, b.plain, b.every)
        assert a.place is b.place


def test_not_too_many_are_away_at_one_time() -> None:
    """So that there is always somebody to log in: no flight begins while `most_away` accounts are on their way."""
    made = town(accounts=400, behaviour=HARD, most_away=5)
    for _ in history(made):
        pass
    ways = 0
    for login_at in (made.timeline.at_ms(n * 60 / 4000) for n in range(4000)):
        made.crowd.login(login_at)
        bookings = [state.booking for state in made.journeys.states.values() if state.booking]
        ways = max(ways, sum(not booking.is_impossible for booking in bookings))
    assert 1 <= ways <= 5


def test_processes_share_the_accounts() -> None:
    """Each account is one process's, whatever their number, and all are somebody's."""
    for processes in (1, 2, 3, 7):
        shares = [Share(n, processes, 20) for n in range(processes)]
        found = [share.account(i) for share in shares for i in range(share.count)]
        assert sorted(found) == list(range(1, 21))
    made = town(accounts=20, share=(1, 3))
    mine = {1 + 1 + 3 * i for i in range(7)}
    assert {x.account for x in history(made)} == mine
    assert {x.account for x in live(made, 500)} <= mine
    with pytest.raises(ValueError, match="none of 2 accounts"):
        town(accounts=2, share=(2, 3))


def test_late_logins_are_late_and_harmless() -> None:
    """As many as were asked for are behind what came before, and nothing odd; all others are in order of time."""
    made = town(accounts=2000, behaviour=HARD)
    for _ in history(made):
        pass
    now = live(made, 5000, late_every=25)
    newest = made.timeline.origin_ms
    for login in now:
        if login.late:
            assert login.at_ms < newest - 30_000  # a minute behind now, which is at most two steps of 12 s after it
        elif login.intent != "pair":
            assert login.at_ms >= newest
        newest = max(newest, login.at_ms)
    late = [x for x in now if x.late]
    assert len(late) == 200
    assert {x.intent for x in late} <= {"usual", "trip", "vpn", "nat", "address"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"anomaly_ratio": -0.1}, {"anomaly_ratio": 0.51}, {"anomaly_ratio": float("nan")}, {"hard_ratio": 1.1},
        {"anomaly_ratio": 0.4, "hard_ratio": 0.7}, {"hard_mix": {"teleport": 1}}, {"hard_mix": {}},
        {"anomaly_mix": {"impossible_travel": -1}}, {"anomaly_mix": {"unseen_country": 0}},
    ],
)  # fmt: skip
def test_impossible_behaviour_is_refused(wrong: dict[str, object]) -> None:
    """Each mistake by its name."""
    with pytest.raises(ValueError, match="|".join(wrong)):
        Behaviour(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_a_lonely_account_goes_on(scale: float) -> None:
    """With one account and a login every 10 ms nothing blocks, time never runs backwards, interrupted flights end."""
    made = town(accounts=1, scale=scale, behaviour=HARD)
    found = [*history(made), *live(made, 6000)]
    assert len(found) == HISTORY_LOGINS + 6000
    assert_honest(found)
    assert geography().cities[found[0].city.index] is found[0].city
    ordered = sorted(found, key=lambda x: x.ordinal)
    assert all(a.at_ms <= b.at_ms for a, b in itertools.pairwise(ordered))
    assert [x.ordinal for x in ordered] == list(range(len(found)))
