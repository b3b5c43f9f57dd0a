"""One login as the topic has it: which device, by which line, from which address."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lakestorm.model.addresses import MOBILE, NAT, RESIDENTIAL, VPN, dotted

if TYPE_CHECKING:
    from lakestorm.model.accounts import Account
    from lakestorm.model.addresses import AddressPlan
    from lakestorm.model.devices import Device
    from lakestorm.model.geography import City

EXITS = 4
"""Addresses of one VPN exit: few, so that many accounts share each."""
GATEWAYS = 8
"""Addresses of one carrier's gateway."""


class Login(NamedTuple):
    """One login and the truth about it.

    Attributes:
        account: its number.
        ordinal: which of the account's logins, from 0.
        at_ms: event time, milliseconds since 1970.
        city, kind: where its address is, and of what kind; see `addresses`.
        intent: what the model meant by it. Labels are not made of it, but by the rule: see `labels`.
        late: produced behind its event time.
        record: of the topic, all fields text.
    """

    account: int
    ordinal: int
    at_ms: int
    city: City
    kind: int
    intent: str
    late: bool
    record: dict[str, str]


class Line(NamedTuple):
    """What a login goes through: the kind of its address, the address, the device."""

    kind: int
    ip: str
    device: Device


class Lines:
    """Chooses lines. Every `word` is 64 even bits, of which the upper 32 have been used."""

    def __init__(self, plan: AddressPlan) -> None:
        self._owned = plan.by_city

    def own(self, who: Account, city: City, word: int) -> Line:
        """At home, in a hotel, or on the phone: an address of the city where the person is."""
        devices = who.devices
        device = devices[0] if word & 7 < 6 else devices[(word >> 3 & 255) % len(devices)]  # noqa: PLR2004 - of 8
        if device is who.phone and word >> 11 & 7 < (6 if who.is_mobile else 1):
            mobile = self._owned[city.index][MOBILE]
            return Line(MOBILE, dotted(mobile.start + (word >> 14 & 0x3FFF) % mobile.size), device)
        if city is who.home:
            return Line(RESIDENTIAL, who.line, device)
        return Line(RESIDENTIAL, who.address_in(self._owned[city.index][RESIDENTIAL]), device)

    def another(self, who: Account, city: City, word: int) -> Line:
        """A residential address of the city that is not the account's own: a friend's, a café's."""
        found = self._owned[city.index][RESIDENTIAL]
        return Line(RESIDENTIAL, dotted(found.start + (word >> 8 & 0xFFFFFF) % found.size), who.devices[0])

    def vpn(self, who: Account, hub: City, word: int) -> Line:
        """One of a VPN exit's few addresses."""
        return Line(VPN, dotted(self._owned[hub.index][VPN].start + (word >> 8) % EXITS), who.devices[0])

    def nat(self, device: Device, gateway: City, word: int) -> Line:
        """One of a mobile carrier's few addresses."""
        return Line(NAT, dotted(self._owned[gateway.index][NAT].start + (word >> 8) % GATEWAYS), device)
