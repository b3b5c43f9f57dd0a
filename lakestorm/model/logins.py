"""One login as the topic has it: which device, by which line, from which address."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lakestorm.model.addresses import MOBILE, NAT, RESIDENTIAL, VPN, dotted
from lakestorm.model.event_time import timestamp

if TYPE_CHECKING:
    from lakestorm.model.accounts import Account
    from lakestorm.model.addresses import AddressPlan
    from lakestorm.model.devices import Device
    from lakestorm.model.geography import City
    from lakestorm.model.whereabouts import State

EXITS = 4
"""Addresses of one VPN exit: few, so that many accounts share each."""
GATEWAYS = 8
"""Addresses of one carrier's gateway."""
MAKE = tuple.__new__
"""A NamedTuple's own way to be made costs twice as much, which is felt at 100,000 logins a second."""
LOW = 2**28 - 1
"""As many bits as `own` looks at. They are one digit of Python's whole numbers: quicker than all 64."""


class Login(NamedTuple):
    """One login and the truth about it.

    Attributes:
        account: its number.
        ordinal: which of the account's logins, from 0.
        at_ms: event time, milliseconds since 1970.
        city, kind: where its address is, and of what kind; see `addresses`.
        intent: what the model meant by it. Labels are not made of it, but by the rule: see `labels`.
        late: produced behind its event time.
        address: as a whole number.
        device: what the person logs in with.
    """

    account: int
    ordinal: int
    at_ms: int
    city: City
    kind: int
    intent: str
    late: bool
    address: int
    device: Device

    @property
    def record(self) -> dict[str, str]:
        """What the topic has, all fields text; whoever writes many takes `LoginWriter`."""
        device = self.device
        return {
            "user_id": str(self.account),
            "timestamp": timestamp(self.at_ms),
            "ip": dotted(self.address),
            "device": device.device,
            "platform": device.platform,
            "user_agent": device.user_agent,
        }


class Lines:
    """Lets accounts log in by one line or another. Every `word` is 64 even bits, of which the upper 32 have been used.

    Each way to log in is noted in the account's state, and says what the model means by it: the `intent`.
    """

    def __init__(self, plan: AddressPlan) -> None:
        self._owned = plan.by_city
        self._own = [
            (owned[RESIDENTIAL].start, owned[RESIDENTIAL].size, owned[MOBILE].start, owned[MOBILE].size)
            for owned in plan.by_city
        ]
        """By a city's index: where its residential and its mobile addresses begin, and how many each are."""

    def own(self, who: Account, state: State, at_ms: int, word: int, intent: str) -> Login:
        """At home, in a hotel, or on the phone: by an address of the city where the person is.

        Nine of ten logins are such: so it does by itself what the others leave to `_made`.
        """
        place, low, devices, kind = state.place, word & LOW, who.devices, RESIDENTIAL
        device = devices[0] if low & 7 < 6 else devices[(low >> 3 & 255) % len(devices)]  # noqa: PLR2004 - of 8
        if device is who.phone and low >> 11 & 7 < (6 if who.is_mobile else 1):
            _, _, start, size = self._own[place.index]
            kind, address = MOBILE, start + (low >> 14) % size
        elif place is who.home:
            address = who.line
        else:
            start, size, _, _ = self._own[place.index]
            address = start + who.spread % size
        ordinal, state.last_ms = state.ordinal, at_ms
        state.ordinal = ordinal + 1
        if place is not state.noted:
            state.note_country(place, kind)
        return MAKE(Login, (who.number, ordinal, at_ms, place, kind, intent, False, address, device))

    def another(self, who: Account, state: State, at_ms: int, word: int, intent: str) -> Login:
        """By a residential address of the city that is not the account's own: a friend's, a café's."""
        start, size, _, _ = self._own[state.place.index]
        address = start + (word >> 8 & 0xFFFFFF) % size
        return _made(who, state, at_ms, state.place, RESIDENTIAL, intent, address, who.devices[0])

    def vpn(self, who: Account, state: State, at_ms: int, word: int, intent: str, hub: City) -> Login:
        """By one of a VPN exit's few addresses."""
        address = self._owned[hub.index][VPN].start + (word >> 8) % EXITS
        return _made(who, state, at_ms, hub, VPN, intent, address, who.devices[0])

    def nat(
        self, who: Account, state: State, at_ms: int, word: int, intent: str, gateway: City, phone: Device
    ) -> Login:
        """By one of a mobile carrier's few addresses."""
        address = self._owned[gateway.index][NAT].start + (word >> 8) % GATEWAYS
        return _made(who, state, at_ms, gateway, NAT, intent, address, phone)


def _made(
    who: Account, state: State, at_ms: int, city: City, kind: int, intent: str, address: int, device: Device
) -> Login:
    ordinal = state.ordinal
    state.note(at_ms, city, kind)
    return Login(who.number, ordinal, at_ms, city, kind, intent, False, address, device)
