"""Where one account stands between two logins, and which journey it is on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lakestorm.model.accounts import KEPT
from lakestorm.model.addresses import SHARED
from lakestorm.model.draw_one import MASK
from lakestorm.model.draws import GOLDEN
from lakestorm.model.geography import EARTH_RADIUS_KM, distance_km

if TYPE_CHECKING:
    from lakestorm.model.accounts import Account, Accounts
    from lakestorm.model.geography import City

HOUR_MS = 3_600_000
LEARNING = 10
"""Logins of an account before any label counts (as Entra's learning period); none of them is an anomaly."""
HONEST_KM_MS = 690 / HOUR_MS
"""Kilometres a millisecond of the fastest honest journey; the rule calls 700 km/h negative."""
NEVER_MS = -(10**15)
"""Event time of a login that never was: any journey since then is honest."""


class Booking(NamedTuple):
    """A journey that is under way; if `back`, the owner logs in there at once after the stranger in `city`."""

    intent: str
    due_ms: int
    city: City
    back: City | None

    @property
    def is_impossible(self) -> bool:
        """Whether it must be too fast, rather than slow enough."""
        return self.intent in ("impossible_travel", "return")


class State:
    """Where an account stands.

    Attributes:
        number: the account's.
        place: where the person is.
        last_ms: event time of the last login.
        ordinal: of the next login.
        plain, every: countries logged in from, as bits: by lines of one's own, by any.
        stay: logins before the person goes on.
        start: of the account's draws: the number for its n-th login is `mixed(start + n × GOLDEN)`.
        who: the account's habits; None where they are worked out anew each time.
        noted: the last city whose country was noted by a line of one's own; nearly always it is the next one's too.
        booking: the journey that is under way.
    """

    __slots__ = ("booking", "every", "last_ms", "noted", "number", "ordinal", "place", "plain", "start", "stay", "who")

    def __init__(self, who: Account, start: int, *, is_kept: bool = True) -> None:
        self.number = who.number
        self.start = start
        self.who = who if is_kept else None
        self.place = who.home
        self.noted: City | None = None
        self.last_ms = NEVER_MS
        self.ordinal = self.plain = self.every = self.stay = 0
        self.booking: Booking | None = None

    def note(self, at_ms: int, city: City, kind: int) -> None:
        """A login happened."""
        self.last_ms = at_ms
        self.ordinal += 1
        if city is not self.noted:
            self.note_country(city, kind)

    def note_country(self, city: City, kind: int) -> None:
        """A login happened from a city that is not `noted`."""
        self.every |= city.country_bit
        if kind not in SHARED:
            self.noted = city
            self.plain |= city.country_bit

    def may_visit(self, city: City) -> bool:
        """Whether an honest journey there makes no country new that should not be."""
        return bool(city.country_bit & self.plain) or self.ordinal < LEARNING

    def reaches(self, city: City, at_ms: int) -> bool:
        """Whether the person can honestly be there by then."""
        reach_km = HONEST_KM_MS * (at_ms - self.last_ms)
        if EARTH_RADIUS_KM * abs(self.place.phi - city.phi) > reach_km:  # not even due north or south: most often so
            return False
        return distance_km(self.place, city) <= reach_km


class States(dict[int, State]):
    """By account number; whoever has not logged in yet is at home. About 300 bytes each, and kept for good.

    Those of the first KEPT accounts keep the habits too: nearer at hand than where all accounts are.
    """

    def __init__(self, accounts: Accounts, start: int) -> None:
        super().__init__()
        self._start = start
        self._accounts = accounts

    def __missing__(self, number: int) -> State:
        found = self[number] = State(
            self._accounts[number], (number << 32) * GOLDEN + self._start & MASK, is_kept=len(self) < KEPT
        )
        return found
