"""What a detector should have found: the published rule, over each account's final sequence of logins.

Speed is the great circle between two consecutive logins of an account, in order of event time, by the time between:
- positive, `impossible_travel`: ≥ 1500 km/h and ≥ 500 km;
- negative: ≤ 700 km/h; there is no label for it;
- all else: `borderline`, told but not scored.
A login from a country that none of the account's earlier logins came from is an `unseen_country`.

Nothing counts until an account has 10 logins: `learning` is told once an account, at the last login of that time, and
stands for all up to it. Addresses of kind vpn and nat say nothing of where a person is. Whatever the rule would find
because of one is told as `shared_address` and not scored, unless the detector reads the kinds: then it is a negative.
What the rule finds with those logins but not without them, or the other way round, is not scored for anybody.

Source: the rule of impossible travel as identity providers publish it; they place the limit between 805 km/h (Okta)
and 1000 km/h, inside the band that is not scored here.
"""

from __future__ import annotations

import heapq
import itertools
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from lakestorm.model.addresses import SHARED
from lakestorm.model.event_time import timestamp
from lakestorm.model.geography import distance_km

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakestorm.model.geography import City

HOUR_MS = 3_600_000
POSITIVE_KMH, POSITIVE_KM = 1500.0, 500.0
NEGATIVE_KMH = 700.0
LEARNING = 10
"""Logins of an account before any label counts: Entra's learning period."""

TRAVEL = "impossible_travel"
COUNTRY = "unseen_country"
BORDERLINE = "borderline"
SHARED_ADDRESS = "shared_address"
LEARNT = "learning"
KINDS = (TRAVEL, COUNTRY, BORDERLINE, SHARED_ADDRESS, LEARNT)


class Label(NamedTuple):
    """What the rule says of one login.

    Attributes:
        user_id: whose.
        at_ms: the login's event time; with the user it names the login.
        kind: one of KINDS.
        distance_km, speed_kmh: from the login before; the speed is infinite between two places at one time.
        scored: whether a detector is held to it. Alerts on a login that has only unscored labels count for nothing.
        ref: what the caller knows the login by.
        start, goal: cities of the login before, and of this one; None where a label is made without them.
    """

    user_id: str
    at_ms: int
    kind: str
    distance_km: float
    speed_kmh: float
    scored: bool
    ref: Any = None
    start: City | None = None
    goal: City | None = None

    @property
    def timestamp(self) -> str:
        """Event time, as the record has it."""
        return timestamp(self.at_ms)


class Sighting(NamedTuple):
    """A login as far as the rule needs it; `order` keeps logins of one millisecond as they were acknowledged."""

    at_ms: int
    order: int
    user_id: str
    city: City
    kind: int
    ref: Any


class Past:
    """What the rule remembers of an account; about 250 bytes. Logins are best added in order of event time.

    Attributes:
        count: logins.
        last: the last one.
        plain: the last one by a line of one's own; None before it.
        countries, plain_countries: of all logins, and of those by a line of one's own; as bits.
        is_judged: whether one of them was judged; before that all are of earlier runs.
    """

    __slots__ = ("count", "countries", "is_judged", "last", "plain", "plain_countries")

    def __init__(self, first: Sighting) -> None:
        self.count = 0
        self.last = first
        self.plain: Sighting | None = None
        self.countries = self.plain_countries = 0
        self.is_judged = False

    def add(self, login: Sighting) -> None:
        """Remember a login; one that is older than the last changes only what does not depend on order."""
        bit = login.city.country_bit
        self.count += 1
        self.countries |= bit
        if login.at_ms >= self.last.at_ms:
            self.last = login
        if login.kind not in SHARED:
            self.plain_countries |= bit
            if self.plain is None or login.at_ms >= self.plain.at_ms:
                self.plain = login


class Labeller:
    """Labels logins as they are acknowledged, in any order.

    A login is judged once the caller says that nothing before it can come any more; until then it waits, so memory
    grows with what is between the oldest login that may still come and the newest that did, and with the accounts.
    """

    def __init__(self) -> None:
        self._waiting: list[Sighting] = []
        self._order = itertools.count()
        self._pasts: dict[str, Past] = {}
        self._until_ms = -math.inf

    def add(self, user_id: str, at_ms: int, city: City, kind: int, ref: Any = None) -> None:
        """A login was acknowledged. The same message twice is one login: its duplicate is not to be added.

        Args:
            user_id: whose.
            at_ms: event time.
            city: of its address.
            kind: of its address; see `addresses`.
            ref: what the caller wants back in its labels.

        Raises:
            ValueError: it is older than what `advance` promised.
        """
        if at_ms < self._until_ms:
            raise ValueError(f"a login of {timestamp(at_ms)} comes after those before {self._until_ms} ms were judged")
        heapq.heappush(self._waiting, Sighting(at_ms, next(self._order), user_id, city, kind, ref))

    def remember(self, user_id: str, at_ms: int, city: City, kind: int) -> None:
        """A login of an earlier run, in about the order of event time: it counts, and is not judged itself.

        Args:
            user_id: whose.
            at_ms: event time; before every login that is added.
            city: of its address.
            kind: of its address; see `addresses`.
        """
        login = Sighting(at_ms, next(self._order), user_id, city, kind, None)
        past = self._pasts.get(user_id)
        if past is None:
            past = self._pasts[user_id] = Past(login)
        past.add(login)

    def advance(self, until_ms: float) -> Iterator[Label]:
        """Labels of the logins before `until_ms`: no older one will be added. To be read to its end."""
        self._until_ms = max(self._until_ms, until_ms)
        while self._waiting and self._waiting[0].at_ms < self._until_ms:
            yield from self._judged(heapq.heappop(self._waiting))

    def finish(self) -> Iterator[Label]:
        """Labels of all that is left, and `learning` for accounts that have not come to the end of theirs."""
        yield from self.advance(math.inf)
        for past in self._pasts.values():
            if past.is_judged and past.count < LEARNING:
                yield label_of(past.last, LEARNT, 0.0, 0.0, scored=False)

    def _judged(self, login: Sighting) -> Iterator[Label]:
        past = self._pasts.get(login.user_id)
        if past is None:
            past = self._pasts[login.user_id] = Past(login)
        elif past.count >= LEARNING:
            yield from labels_of(past, login)
        past.add(login)
        past.is_judged = True
        if past.count == LEARNING:
            yield label_of(login, LEARNT, 0.0, 0.0, scored=False)


def labels_of(past: Past, login: Sighting) -> Iterator[Label]:
    """What the rule says of a login after that past, each kind once."""
    km, kmh = journey(past.last, login)
    found = dict.fromkeys((travel_kind(past, login, km, kmh), country_kind(past, login)))
    for verdict in found:
        if verdict is not None:
            kind, scored = verdict
            yield label_of(login, kind, km, kmh, scored=scored)._replace(start=past.last.city)


def travel_kind(past: Past, login: Sighting, km: float, kmh: float) -> tuple[str, bool] | None:
    """(kind, scored) of the journey since the login before; None if it is a negative."""
    if past.last.kind not in SHARED and login.kind not in SHARED:
        if kmh >= POSITIVE_KMH and km >= POSITIVE_KM:
            return TRAVEL, True
        return None if kmh <= NEGATIVE_KMH else (BORDERLINE, False)
    is_own = login.kind not in SHARED
    if is_own and past.plain is not None and journey(past.plain, login)[1] > NEGATIVE_KMH:
        return BORDERLINE, False
    return None if kmh <= NEGATIVE_KMH else (SHARED_ADDRESS, False)


def country_kind(past: Past, login: Sighting) -> tuple[str, bool] | None:
    """(kind, scored) of the login's country; None if an earlier login came from there.

    A country that was seen by VPN only is new to those who read the kinds, and known to all others.
    """
    bit = login.city.country_bit
    if login.kind in SHARED:
        return None if bit & past.countries else (SHARED_ADDRESS, False)
    return None if bit & past.plain_countries else (COUNTRY, not bit & past.countries)


def journey(before: Sighting, after: Sighting) -> tuple[float, float]:
    """Kilometres, and kilometres an hour: 0 in one place, infinite between two places at one time."""
    km = distance_km(before.city, after.city)
    gap_ms = after.at_ms - before.at_ms
    return km, km * HOUR_MS / gap_ms if gap_ms else math.inf if km else 0.0


def label_of(login: Sighting, kind: str, km: float, kmh: float, *, scored: bool) -> Label:
    """A label of that login."""
    return Label(login.user_id, login.at_ms, kind, km, kmh, scored, login.ref, goal=login.city)
