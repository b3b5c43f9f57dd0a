"""Where one account stands between two logins, and which journey it is on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lakestorm.model.addresses import SHARED
from lakestorm.model.geography import distance_km

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
        place: where the person is.
        last_ms: event time of the last login.
        ordinal: of the next login.
        plain, every: countries logged in from, as bits: by lines of one's own, by any.
        stay: logins before the person goes on.
        booking: the journey that is under way.
        awake, clock_h: the account's; here too, so that a person who sleeps is passed over quickly.
    """

    __slots__ = ("_noted", "awake", "booking", "clock_h", "every", "last_ms", "ordinal", "place", "plain", "stay")

    def __init__(self, who: Account) -> None:
        self.place = who.home
        self._noted: City | None = None
        self.awake = who.awake
        self.clock_h = who.clock_ms // HOUR_MS
        self.last_ms = NEVER_MS
        self.ordinal = self.plain = self.every = self.stay = 0
        self.booking: Booking | None = None

    def note(self, at_ms: int, city: City, kind: int) -> None:
        """A login happened."""
        self.last_ms = at_ms
        self.ordinal += 1
        if kind in SHARED:
            self.every |= city.country_bit
        elif city is not self._noted:  # nearly always it is: two sets of countries less to copy
            self._noted = city
            self.every |= city.country_bit
            self.plain |= city.country_bit

    def may_visit(self, city: City) -> bool:
        """Whether an honest journey there makes no country new that should not be."""
        return bool(city.country_bit & self.plain) or self.ordinal < LEARNING

    def reaches(self, city: City, at_ms: int) -> bool:
        """Whether the person can honestly be there by then."""
        return distance_km(self.place, city) <= HONEST_KM_MS * (at_ms - self.last_ms)


class States(dict[int, State]):
    """By account number; whoever has not logged in yet is at home. About 300 bytes each, and kept for good."""

    def __init__(self, accounts: Accounts) -> None:
        super().__init__()
        self._accounts = accounts

    def __missing__(self, number: int) -> State:
        found = self[number] = State(self._accounts[number])
        return found
