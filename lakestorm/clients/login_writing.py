"""Login records written as Avro, several times as fast as a writer of any schema can: their parts come again and again.

A record of texts is its fields' texts one after the other, each behind its length. So what an account, an address or a
device adds to a record is the same bytes every time, and only the time is new.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, TypeVar

from lakestorm.model.event_time import timestamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakestorm.model.devices import Device
    from lakestorm.model.logins import Login

KEPT = 200_000
"""Parts of one kind that are kept; then it begins anew."""
SHORT = tuple(bytes([length << 1]) for length in range(64))
"""Lengths that are one byte in Avro."""

BEFORE_KEY = 6
"""Bytes before the account's number: the header, and the number's length, which is short."""

K = TypeVar("K")


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


class Kept(dict[K, bytes]):
    """Bytes that are made once, and kept within bounds."""

    def __init__(self, make: Callable[[K], bytes]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, of: K) -> bytes:
        """New ones."""
        if len(self) >= KEPT:
            self.clear()
        found = self[of] = self._make(of)
        return found


class LoginWriter:
    """Writes logins in Confluent's wire format: byte 0, the schema's id in 4 bytes, the Avro body of schema LOGIN.

    Args:
        number: the schema's id in the registry.
    """

    def __init__(self, number: int) -> None:
        header = struct.pack(">bI", 0, number)
        self._whose: Kept[int] = Kept(lambda account: header + framed(str(account)))
        self._halves: Kept[int] = Kept(half_dotted)
        self._by_what: Kept[Device] = Kept(parts_of)
        self._ms, self._when = -1, framed(timestamp(-1))
        """The last event time: at a high rate many logins are of one millisecond."""

    def __call__(self, login: Login) -> tuple[bytes, bytes]:
        """The login's key and value."""
        account, _, at_ms, _, _, _, _, address, device = login
        if at_ms != self._ms:
            self._ms, self._when = at_ms, framed(timestamp(at_ms))
        whose = self._whose[account]
        upper, lower = self._halves[address >> 16], self._halves[address & 0xFFFF]
        length = SHORT[len(upper) + len(lower) + 1]
        return whose[BEFORE_KEY:], b"".join((whose, self._when, length, upper, b".", lower, self._by_what[device]))


def half_dotted(half: int) -> bytes:
    """Sixteen of an address's bits as people write them: `10.112`. Whole addresses are too many to be kept."""
    return b"%d.%d" % (half >> 8, half & 255)


def parts_of(device: Device) -> bytes:
    """The three fields that a device fills."""
    return framed(device.device) + framed(device.platform) + framed(device.user_agent)
