"""Who logs in: account i's home, devices, rhythm and habits, from (seed, i) alone."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from lakestorm.model.addresses import RESIDENTIAL, AddressPlan
from lakestorm.model.devices import DESKTOPS, PHONES, TABLETS
from lakestorm.model.draw_one import one, start_of
from lakestorm.model.geography import distance_km

if TYPE_CHECKING:
    from lakestorm.model.devices import Device
    from lakestorm.model.geography import City, Geography

HOUR_MS = 3_600_000
DRAWS = 8
"""Numbers that an account may draw; a number's row is account × DRAWS + which."""
KEPT = 100_000
"""Accounts whose habits are kept; the rest are worked out again when they are asked for (about 20 µs, 1 KB each)."""
COMMUTE_KM = 100.0
"""How far a border commuter's work may be from home."""
FAR_KM = 1000.0

OFFICE = (2, 1, 1, 1, 2, 6, 20, 45, 70, 80, 75, 70, 75, 70, 65, 60, 60, 65, 75, 85, 90, 75, 40, 12)
EVENING = (20, 8, 3, 2, 1, 2, 5, 12, 25, 35, 40, 45, 50, 45, 40, 45, 55, 65, 75, 85, 95, 100, 85, 50)
NIGHT = (95, 85, 60, 40, 25, 12, 6, 4, 6, 8, 12, 18, 25, 30, 30, 30, 35, 40, 45, 55, 65, 80, 95, 100)
RHYTHMS = (OFFICE, EVENING, NIGHT)
"""How likely a login is by the hour of the sun's local time, in hundredths of the liveliest hour."""
RHYTHM_OF_8 = (0, 0, 0, 0, 1, 1, 1, 2)
ACTIVITY = (0.4, 0.7, 1.0, 1.0)
"""How lively accounts are, each as often as the other."""
AWAKE = tuple(tuple(tuple(int(2.55 * hour * much) for hour in rhythm) for much in ACTIVITY) for rhythm in RHYTHMS)
"""By rhythm, activity and local hour: of 256 tries to log in how many are made."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One person's habits.

    Attributes:
        number, user_id: of the `users` table, as a number and as the record has it.
        home: city where the account logs in most.
        clock_ms: local time − UTC by the sun: whole hours of 15 degrees. No table of time zones, which change.
        rhythm, activity: indices of RHYTHMS and ACTIVITY: when and how often the account logs in; see `wakefulness`.
        devices: one to three; the first is used most.
        phone: the one that can be on a mobile network; None if there is none.
        line: address at home, as a whole number.
        spread: bits that choose the account's address in a range.
        known: cities visited now and then: one in the country, one in a country near by, maybe one far away.
        work: city beyond the border where a commuter works by day; None for all others.
        is_mobile: mostly on a mobile network.
        exit: favourite VPN exit.
    """

    number: int
    user_id: str
    home: City
    clock_ms: int
    rhythm: int
    activity: int
    devices: tuple[Device, ...]
    phone: Device | None
    line: int
    spread: int
    known: tuple[City, ...]
    work: City | None
    is_mobile: bool
    exit: City

    def hour(self, at_ms: int) -> int:
        """The local hour of a moment, 0…23."""
        return (at_ms + self.clock_ms) // HOUR_MS % 24


class Accounts(dict[int, Account]):
    """Every account there is by its number, worked out when it is asked for and kept within bounds.

    Args:
        seed: the run's.
        geography: where they live.
        plan: the addresses there.
        kept: how many accounts stay in memory; the oldest go first.

    Attributes:
        geography: where they live.
    """

    def __init__(self, seed: int, geography: Geography, plan: AddressPlan, kept: int = KEPT) -> None:
        super().__init__()
        self._start = start_of(seed, "accounts")
        self.geography = geography
        self._plan = plan
        self._kept = kept

    def __missing__(self, number: int) -> Account:
        """An account that is not kept; the one that was kept first makes room."""
        found = self[number] = self._account(number)
        if len(self) > self._kept:
            del self[next(iter(self))]
        return found

    def _account(self, number: int) -> Account:
        words = [one(self._start, number * DRAWS + which) for which in range(DRAWS)]
        home, habits, spread = self.geography.city(words[0]), words[1], words[2]
        devices, phone = devices_of(words[3])
        near = self.geography.abroad[home.index]
        return Account(
            number=number,
            user_id=str(number),
            home=home,
            clock_ms=clock_h(home) * HOUR_MS,
            rhythm=RHYTHM_OF_8[habits & 7],
            activity=habits >> 3 & 3,
            devices=devices,
            phone=phone,
            line=self._plan.by_city[home.index][RESIDENTIAL].start + spread % self._size(home),
            spread=spread >> 20,
            known=self._known(home, near, words[4], words[5]),
            work=near[0] if habits >> 5 & 1 and distance_km(home, near[0]) <= COMMUTE_KM else None,
            is_mobile=(habits >> 8 & 255) < 90 and devices[0] is phone,  # noqa: PLR2004 - of 256
            exit=self.geography.hubs[(habits >> 16) % len(self.geography.hubs)],
        )

    def _size(self, city: City) -> int:
        return self._plan.by_city[city.index][RESIDENTIAL].size

    def _known(self, home: City, near: tuple[City, ...], word: int, far_word: int) -> tuple[City, ...]:
        """Places of a person's life apart from home: family, holidays, business. None of them is home."""
        own = self.geography.by_country[home.country]
        far = self.geography.city(far_word)
        found = [own[(word >> 8) % len(own)], near[(word >> 24) % min(4, len(near))]]
        if word & 1 and distance_km(home, far) > FAR_KM:
            found.append(far)
        return tuple(city for city in dict.fromkeys(found) if city is not home)


def clock_h(city: City) -> int:
    """A city's local time − UTC by the sun, in whole hours."""
    return math.floor(city.lon / 15 + 0.5)


VISITS = {2: 0, 4: 1, 6: 2}
"""At which of its first logins an account is at which of its known places, if it can be."""
OWNED = ("p", "d", "pd", "pd", "dp", "dp", "pdt", "dpt")
"""What people own, each as often as the other: phone, desktop computer, tablet; the one used most stands first."""


def devices_of(word: int) -> tuple[tuple[Device, ...], Device | None]:
    """An account's devices, and the phone among them."""
    phone = PHONES[(word >> 8) % len(PHONES)]
    desktop, tablet = DESKTOPS[(word >> 20) % len(DESKTOPS)], TABLETS[(word >> 32) % len(TABLETS)]
    owned = OWNED[word & 7]
    which = {"p": phone, "d": desktop, "t": tablet}
    return tuple(which[letter] for letter in owned), phone if "p" in owned else None


def first_goal(who: Account, ordinal: int) -> City | None:
    """Where an account's first logins lead it, so that no country of its life is new to a detector later."""
    if ordinal < 2:  # noqa: PLR2004 - the first two logins
        return who.work if ordinal else who.home
    visit = VISITS.get(ordinal, len(who.known))
    return who.known[visit] if visit < len(who.known) else None
