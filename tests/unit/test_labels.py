"""Labels: the published rule, checked against another reading of it over long and messy sequences."""

from __future__ import annotations

import collections
import csv
import datetime as dt
import functools
import io
import ipaddress
import math
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.model.addresses import COLUMNS, NAT, RESIDENTIAL, VPN
from lakestorm.model.geography import City, Place
from lakestorm.model.labels import BORDERLINE, COUNTRY, KINDS, LEARNING, LEARNT, SHARED_ADDRESS, TRAVEL, Label, Labeller
from tests.unit.made_logins import HARD, history, live, plan, town

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakestorm.model.logins import Login

HOUR_MS = 3_600_000
KM_A_DEGREE = 6371 * math.pi / 180


def city(lat: float, bit: int) -> City:
    """A city on the meridian of Greenwich."""
    return City.of(0, Place(1, "Somewhere", "AA", lat, 0, 1000), bit)


def labels_of(sightings: Sequence[tuple[float, float, int, int]], *, warm: bool = True) -> list[tuple[str, bool]]:
    """(kind, scored) of each label of an account's logins, after ten at the place of the first.

    Args:
        sightings: (hours, degrees north, country's bit, kind of the address).
        warm: whether there are ten before.
    """
    labeller = Labeller()
    if warm:
        for n in range(LEARNING):
            labeller.add("1", n, city(sightings[0][1], sightings[0][2]), RESIDENTIAL)
    for hours, lat, bit, kind in sightings:
        labeller.add("1", 1000 + round(hours * HOUR_MS), city(lat, bit), kind)
    found = list(labeller.finish())
    assert [label.kind for label in found[: int(warm)]] == [LEARNT] * warm
    return [(label.kind, label.scored) for label in found[int(warm) :]]


def degrees(km: float) -> float:
    """So far north of the equator."""
    return km / KM_A_DEGREE


@pytest.mark.parametrize(
    ("km", "hours", "expected"),
    [
        (1501, 1, [(TRAVEL, True)]),
        (1499, 1, [(BORDERLINE, False)]),
        (701, 1, [(BORDERLINE, False)]),
        (699, 1, []),
        (501, 1 / 60, [(TRAVEL, True)]),
        (499, 1 / 60, [(BORDERLINE, False)]),  # fast enough, but not far enough
        (100, 1 / 60, [(BORDERLINE, False)]),
        (600, 0, [(TRAVEL, True)]),  # two places at one time
        (100, 0, [(BORDERLINE, False)]),
        (0, 0, []),
        (0, 1, []),
        (15_000, 9.9, [(TRAVEL, True)]),
        (15_000, 22, []),
    ],
)
def test_travel_is_judged_by_the_rule(km: float, hours: float, expected: list[tuple[str, bool]]) -> None:
    """Positive at 1500 km/h and 500 km, negative up to 700 km/h, open between."""
    assert labels_of([(0, 0, 1, RESIDENTIAL), (hours, degrees(km), 1, RESIDENTIAL)]) == expected


@pytest.mark.parametrize(
    ("sightings", "expected"),
    [
        # unseen and seen countries
        ([(0, 0, 1, 0), (50, 1, 2, 0)], [(COUNTRY, True)]),
        ([(0, 0, 1, 0), (50, 1, 2, 0), (99, 0, 1, 0), (150, 1, 2, 0)], [(COUNTRY, True)]),
        ([(0, 0, 1, 0), (1, 40, 2, 0)], [(TRAVEL, True), (COUNTRY, True)]),
        # the way home after an impossible journey
        ([(0, 0, 1, 0), (1, 40, 1, 0), (2, 0, 1, 0)], [(TRAVEL, True), (TRAVEL, True)]),
        ([(0, 0, 1, 0), (1, 40, 1, 0), (9, 0, 1, 0)], [(TRAVEL, True)]),
        # by VPN and back: never scored
        ([(0, 0, 1, 0), (1, 40, 2, VPN), (2, 0, 1, 0)], [(SHARED_ADDRESS, False), (SHARED_ADDRESS, False)]),
        ([(0, 0, 1, 0), (99, 40, 2, NAT)], [(SHARED_ADDRESS, False)]),
        ([(0, 0, 1, 0), (99, 40, 1, VPN)], []),
        # impossible only if the VPN login between is looked through: open for everybody
        ([(0, 0, 1, 0), (1, 0, 1, VPN), (2, 40, 1, 0)], [(BORDERLINE, False)]),
        # a country that was seen by VPN is new to some detectors and not to others
        ([(0, 0, 1, 0), (50, 0, 2, VPN), (99, 1, 2, 0)], [(SHARED_ADDRESS, False), (COUNTRY, False)]),
    ],
)  # fmt: skip
def test_countries_and_shared_addresses(
    sightings: list[tuple[float, float, int, int]], expected: list[tuple[str, bool]]
) -> None:
    """What each sequence is worth."""
    assert labels_of(sightings) == expected


def test_nothing_counts_while_an_account_is_learnt() -> None:
    """Ten logins around the world give one label, at the last of them; the eleventh is judged."""
    hops = [(n / 10, 40 * (n % 2), 1 << n, RESIDENTIAL) for n in range(11)]
    assert labels_of(hops[:10], warm=False) == [(LEARNT, False)]
    assert labels_of(hops[:3], warm=False) == [(LEARNT, False)]
    assert labels_of(hops, warm=False) == [(LEARNT, False), (TRAVEL, True), (COUNTRY, True)]


def test_an_account_of_earlier_runs_alone_has_no_label() -> None:
    """It is being learnt, but no login of this run says so: there is nothing that a label could be of."""
    labeller, home = Labeller(), city(0, 1)
    for user in ("1", "2"):
        labeller.remember(user, 0, home, RESIDENTIAL)
    labeller.add("2", HOUR_MS, home, RESIDENTIAL, "own")
    assert [(label.user_id, label.kind, label.ref) for label in labeller.finish()] == [("2", LEARNT, "own")]


def test_a_label_tells_what_it_is_of() -> None:
    """Time as in the record, the caller's reference, distance and speed."""
    labeller = Labeller()
    for n in range(11):
        labeller.add("7", HOUR_MS * n, city(40.0 * (n == 10), 1), RESIDENTIAL, ref=("login-events", 3, n))
    *_, label = labeller.finish()
    assert label[:3] == ("7", 10 * HOUR_MS, TRAVEL)
    assert label.timestamp == "1970-01-01T10:00:00.000Z"
    assert label.ref == ("login-events", 3, 10)
    assert label.distance_km == label.speed_kmh == pytest.approx(40 * KM_A_DEGREE)


def test_a_login_that_was_promised_not_to_come_is_refused() -> None:
    """After `advance`, an older login would have changed what was said."""
    labeller = Labeller()
    labeller.add("1", 5000, city(0, 1), RESIDENTIAL)
    assert list(labeller.advance(5000)) == []
    labeller.add("1", 5000, city(0, 1), RESIDENTIAL)
    with pytest.raises(ValueError, match=r"1970-01-01T00:00:04\.999Z"):
        labeller.add("1", 4999, city(0, 1), RESIDENTIAL)


# --- an independent reading of the rule ---


def address_table() -> tuple[list[int], list[dict[str, str]]]:
    """The CSV that the address join reads, written and read back as text."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(r.row() for r in plan().ranges())
    text.seek(0)
    rows = list(csv.DictReader(text))
    return [int(ipaddress.IPv4Address(row["start"])) for row in rows], rows


def chord_km(a: dict[str, str], b: dict[str, str]) -> float:
    """Along the surface, from the straight line through the earth."""

    def at(row: dict[str, str]) -> tuple[float, float, float]:
        phi, lam = math.radians(float(row["lat"])), math.radians(float(row["lon"]))
        return math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam), math.sin(phi)

    return 2 * 6371 * math.asin(min(1.0, math.dist(at(a), at(b)) / 2))


def brute_force(records: list[dict[str, str]]) -> dict[tuple[str, str, str], bool]:
    """{(user, timestamp, kind): scored} from records alone, all in memory, each login against all before it."""
    starts, rows = address_table()
    users: dict[str, list[tuple[dt.datetime, str, dict[str, str]]]] = collections.defaultdict(list)
    for record in records:
        row = row_of(starts, rows, int(ipaddress.IPv4Address(record["ip"])))
        users[record["user_id"]].append((dt.datetime.fromisoformat(record["timestamp"]), record["timestamp"], row))
    return dict(item for user, logins in users.items() for item in judged(user, sorted(logins, key=lambda x: x[0])))


def row_of(starts: list[int], rows: list[dict[str, str]], ip: int) -> dict[str, str]:
    """The row of an address, by halving."""
    low, high = 0, len(starts)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if starts[middle] <= ip else (low, middle)
    assert ip <= int(ipaddress.IPv4Address(rows[low]["end"]))
    return rows[low]


def judged(user: str, logins: list[tuple[dt.datetime, str, dict[str, str]]]) -> list[tuple[tuple[str, str, str], bool]]:
    """What the rule says of one account's logins, from the eleventh on."""
    found = []
    for n in range(10, len(logins)):
        (moment, text, row), (before, _, last) = logins[n], logins[n - 1]
        earlier = [r for _, _, r in logins[:n]]
        own = [(m, r) for m, _, r in logins[:n] if r["kind"] in ("residential", "mobile")]
        is_masked, last_masked = row["kind"] in ("vpn", "nat"), last["kind"] in ("vpn", "nat")
        hours, km = (moment - before).total_seconds() / 3600, chord_km(last, row)
        is_slow = km <= 700 * hours
        is_new = row["country"] not in {r["country"] for r in earlier}
        if not is_masked and not last_masked:
            if km >= 1500 * hours and km >= 500:
                found.append(((user, text, "impossible_travel"), True))
            elif not is_slow:
                found.append(((user, text, "borderline"), False))
        elif not is_masked and own and chord_km(own[-1][1], row) > 700 * (moment - own[-1][0]).total_seconds() / 3600:
            found.append(((user, text, "borderline"), False))
        elif not is_slow or (is_masked and is_new):
            found.append(((user, text, "shared_address"), False))
        if not is_masked and row["country"] not in {r["country"] for _, r in own}:
            found.append(((user, text, "unseen_country"), is_new))
    return found


def labelled(logins: list[Login], *, lag_ms: int, seed: int = 0) -> list[Label]:
    """Labels by streaming: logins come up to `lag_ms` of event time out of order, and are judged as they go by."""
    rng = random.Random(seed)
    arriving = sorted(logins, key=lambda x: x.at_ms + rng.random() * lag_ms) if lag_ms else logins
    labeller, found, newest = Labeller(), list[Label](), 0
    for x in arriving:
        labeller.add(x.record["user_id"], x.at_ms, x.city, x.kind)
        newest = max(newest, x.at_ms)
        found += labeller.advance(newest - lag_ms) if lag_ms else ()
    return [*found, *labeller.finish()]


@pytest.mark.parametrize(("seed", "scale"), [(1, 1000.0), (2, 1.0), (3, 30_000.0)])
def test_no_label_is_wrong(seed: int, scale: float) -> None:
    """With hard negatives switched up, an independent reading of the rule from the records alone agrees on all."""
    made = town(seed=seed, accounts=200, scale=scale, behaviour=HARD)
    logins = [*history(made), *live(made, 8000, late_every=40)]
    found = [label for label in labelled(logins, lag_ms=0) if label.kind != LEARNT]
    wanted = brute_force([x.record for x in logins])
    assert {(x.user_id, x.timestamp, x.kind): x.scored for x in found} == wanted
    assert len(found) == len(wanted)
    counts = collections.Counter((x.kind, x.scored) for x in found)
    assert min(counts[TRAVEL, True], counts[COUNTRY, True], counts[SHARED_ADDRESS, False]) > 100


@given(seed=st.integers(0, 10_000), lag_s=st.integers(1, 7200))
def test_the_order_of_arrival_changes_nothing(seed: int, lag_s: int) -> None:
    """Labels are those of the final sequence, however logins were mixed up on the way."""
    logins = mixed_up()
    wanted = sorted(label[:6] for label in labelled(logins, lag_ms=0))
    assert sorted(label[:6] for label in labelled(logins, lag_ms=lag_s * 1000, seed=seed)) == wanted


@functools.cache
def mixed_up() -> list[Login]:
    """Logins of a few accounts, made once."""
    made = town(accounts=15, behaviour=HARD)
    return [*history(made), *live(made, 400)]


def test_memory_stays_small() -> None:
    """What waits to be judged is what lies between the promise and the newest login, not the whole run."""
    made = town(accounts=100)
    labeller, most = Labeller(), 0
    for login in history(made):
        labeller.add(login.record["user_id"], login.at_ms, login.city, login.kind)
        assert all(label.kind in KINDS for label in labeller.advance(login.at_ms - HOUR_MS))
        most = max(most, len(labeller._waiting))
    assert 1 < most < 60
