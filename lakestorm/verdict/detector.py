"""A small detector of impossible travel and unseen countries: a yardstick, which shares no code with the labels.

It reads the kind of an address: a login by VPN or a carrier's gateway says nothing of where a person is, so it neither
alerts on one nor remembers it. Logins may come in any order: each is put in its place among the account's last few by
its event time, and the journey after it is looked at again.
"""

from __future__ import annotations

import bisect
import math
from typing import NamedTuple

LIMIT_KMH, LIMIT_KM = 1000.0, 500.0
"""Between what the rule calls negative (≤ 700 km/h) and positive (≥ 1500 km/h)."""
LEARNING = 10
"""Logins before an account is judged; those by VPN count too."""
REMEMBERED = 8
"""Logins of an account, the last by event time."""
MASKED = ("vpn", "nat")


class Seen(NamedTuple):
    """A login, as the topic and the address table tell it: milliseconds, and degrees."""

    at_ms: int
    lat: float
    lon: float
    country: str
    kind: str


class Alert(NamedTuple):
    """What the detector says: that login, by its event time, and why."""

    user_id: str
    at_ms: int
    kind: str


class Memory:
    """What is known of an account."""

    __slots__ = ("count", "countries", "last")

    def __init__(self) -> None:
        self.count = 0
        self.last: list[Seen] = []
        self.countries: set[str] = set()


class Detector:
    """Keeps a few hundred bytes for each account that it has seen."""

    def __init__(self) -> None:
        self._memories: dict[str, Memory] = {}

    def see(self, user_id: str, login: Seen) -> list[Alert]:
        """Alerts on this login, and on the one after it where this one came late."""
        memory = self._memories.get(user_id)
        if memory is None:
            memory = self._memories[user_id] = Memory()
        memory.count += 1
        if login.kind in MASKED:
            return []
        place = bisect.bisect(memory.last, login.at_ms, key=lambda seen: seen.at_ms)
        memory.last.insert(place, login)
        is_new = login.country not in memory.countries
        memory.countries.add(login.country)
        found = []
        if memory.count > LEARNING:
            found = [Alert(user_id, seen.at_ms, "impossible_travel") for seen in too_fast(memory.last, place)]
            found += [Alert(user_id, login.at_ms, "unseen_country")] * is_new
        del memory.last[:-REMEMBERED]
        return found


def too_fast(logins: list[Seen], place: int) -> list[Seen]:
    """Of the login at this place and the one after it those whose journey there was impossible."""
    pairs = ((logins[i - 1], logins[i]) for i in (place, place + 1) if 0 < i < len(logins))
    return [after for before, after in pairs if is_impossible(before, after)]


def is_impossible(before: Seen, after: Seen) -> bool:
    """Whether nobody can have travelled so far in that time."""
    km = kilometres(before, after)
    return km >= LIMIT_KM and km * 3_600_000 > LIMIT_KMH * (after.at_ms - before.at_ms)


def kilometres(a: Seen, b: Seen) -> float:
    """The great circle by the spherical law of cosines; the labels use another formula for the same thing."""
    phi_a, phi_b, turn = math.radians(a.lat), math.radians(b.lat), math.radians(b.lon - a.lon)
    cosine = math.sin(phi_a) * math.sin(phi_b) + math.cos(phi_a) * math.cos(phi_b) * math.cos(turn)
    return 6371.0 * math.acos(max(-1.0, min(1.0, cosine)))
