"""Login records written as Avro, several times as fast as a writer of any schema can: their parts come again and again.

A record of texts is its fields' texts one after the other, each behind its length. So what an account, an address or a
device adds to a record is the same bytes every time, and only the time is new.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from lakestorm.model.event_time import timestamp

if TYPE_CHECKING:
    from lakestorm.model.devices import Device
    from lakestorm.model.logins import Login

KEPT = 200_000
"""Accounts whose part is kept; for the rest it is made anew each time."""
DEVICES = 10_000
"""Devices whose part is kept; then it begins anew."""
HALVES = 1 << 16
"""Halves that an address may have."""
SHORT = tuple(bytes([length << 1]) for length in range(64))
"""Lengths that are one byte in Avro."""

BEFORE_KEY = 6
"""Bytes before the account's number: the header, and the number's length, which is short."""


def framed(text: str) -> bytes:
    """A text as Avro has it: its length in bytes as a zigzag varint, then UTF-8."""
    data = text.encode()
    left = len(data)
    if left < len(SHORT):
        return SHORT[left] + data
    left, length = left << 1, bytearray()
    while left >= 0x80:  # noqa: PLR2004 - seven bits a byte
        length.append(left & 0x7F | 0x80)
        left >>= 7
    length.append(left)
    return bytes(length) + data


class LoginWriter:
    """Writes logins in Confluent's wire format: byte 0, the schema's id in 4 bytes, the Avro body of schema LOGIN.

    Args:
        number: the schema's id in the registry.
    """

    def __init__(self, number: int) -> None:
        self._header = struct.pack(">bI", 0, number)
        self._whose: list[bytes | None] = [None] * KEPT
        self._uppers: list[bytes | None] = [None] * HALVES
        self._lowers: list[bytes | None] = [None] * HALVES
        """Lists rather than dictionaries: their places are found without a look at a key."""
        self._by_what: dict[Device, bytes] = {}
        self._ms, self._when = -1, framed(timestamp(-1))
        """The last event time: at a high rate many logins are of one millisecond."""

    def __call__(self, login: Login) -> tuple[bytes, bytes]:
        """The login's key and value."""
        account, _, at_ms, _, _, _, _, address, device = login
        if at_ms != self._ms:
            self._ms, self._when = at_ms, framed(timestamp(at_ms))
        whose = (self._whose[account] if account < KEPT else None) or self._prefix(account)
        upper = self._uppers[address >> 16] or self._upper(address >> 16)
        lower = self._lowers[address & 0xFFFF] or self._lower(address & 0xFFFF)
        what = self._by_what.get(device) or self._suffix(device)
        return whose[BEFORE_KEY:], b"".join((whose, self._when, SHORT[len(upper) + len(lower)], upper, lower, what))

    def _prefix(self, account: int) -> bytes:
        """The header and the first field."""
        found = self._header + framed(str(account))
        if account < KEPT:
            self._whose[account] = found
        return found

    def _upper(self, half: int) -> bytes:
        """Half of an address as people write it, here `10.112.`. Whole addresses would be too many to be kept."""
        found = self._uppers[half] = half_dotted(half) + b"."
        return found

    def _lower(self, half: int) -> bytes:
        """The other half."""
        found = self._lowers[half] = half_dotted(half)
        return found

    def _suffix(self, device: Device) -> bytes:
        """The three fields that a device fills."""
        if len(self._by_what) >= DEVICES:
            self._by_what.clear()
        found = self._by_what[device] = framed(device.device) + framed(device.platform) + framed(device.user_agent)
        return found


def half_dotted(half: int) -> bytes:
    """Sixteen of an address's bits as people write them."""
    return b"%d.%d" % (half >> 8, half & 255)
