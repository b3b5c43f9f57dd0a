"""References of orders: one number a line, unique for ever, and whose it is can be read from it.

An `order_ref` is a UUID of version 8:

    bits 127…80  milliseconds since 1970 of the run's start (44) and the run's first random bits (4)
    bits  75…64  more random bits of the run (12)
    bits  61…46  process that wrote it (16)
    bits  45…0   number of the line within its process (46)

so the lines of a run are one range of the unique index, and those of a process a part of it.
"""

from __future__ import annotations

import dataclasses

NUMBER_BITS = 46
PROCESS_BITS = 16
RESTOCK_PROCESS = (1 << PROCESS_BITS) - 1
"""The process number under which a run's restocks are written."""
CANARY_PROCESS = RESTOCK_PROCESS - 1
"""The process number of a run's canaries: marked orders by which the pipeline is timed."""
CLOSING_PROCESS = RESTOCK_PROCESS - 2
"""The process number of a run's last line: where it is, everything that was committed before it has passed."""
MARKED_PROCESSES = (CANARY_PROCESS, CLOSING_PROCESS)
"""Their lines are marks, not sales: they take no stock, cost nothing, and are cancelled from the first."""
LINES_MAX = 3
"""Most lines of one basket; a basket's lines have consecutive numbers from a multiple of it."""
_LOW_BITS = NUMBER_BITS + PROCESS_BITS
_VERSION = 8 << 76
_VARIANT = 2 << 62


@dataclasses.dataclass(frozen=True, slots=True)
class RunKey:
    """What all references of a run share: 60 bits."""

    bits: int

    @classmethod
    def new(cls, started_at_ms: int, entropy: int) -> RunKey:
        """A key for a run that starts now; `entropy` gives 16 random bits, so that two runs never share one."""
        return cls((started_at_ms & (1 << 44) - 1) << 16 | entropy & 0xFFFF)

    @classmethod
    def from_hex(cls, text: str) -> RunKey:
        """The key from its 15 hexadecimal digits."""
        return cls(int(text, 16))

    @property
    def hex(self) -> str:
        """15 hexadecimal digits."""
        return f"{self.bits:015x}"

    def reference(self, process: int, number: int) -> str:
        """The UUID, in its usual text form, of a process's line."""
        high = (self.bits >> 12) << 80 | _VERSION | (self.bits & 0xFFF) << 64
        return uuid_text(high | _VARIANT | process << NUMBER_BITS | number)

    def prefix(self, process: int) -> ReferencePrefix:
        """A quick maker of this process's references."""
        first = self.reference(process, 0)
        return ReferencePrefix(text=first[:24], base=int(first[24:], 16))

    @property
    def first(self) -> str:
        """The least reference of the run."""
        return self.reference(0, 0)

    @property
    def last(self) -> str:
        """The greatest reference of the run."""
        return self.reference((1 << PROCESS_BITS) - 1, (1 << NUMBER_BITS) - 1)


@dataclasses.dataclass(frozen=True, slots=True)
class ReferencePrefix:
    """References of one process, made by formatting only the part that changes."""

    text: str
    base: int

    def reference(self, number: int) -> str:
        """The UUID's text; numbers run through the last 46 bits."""
        return f"{self.text}{self.base + number:012x}"


def uuid_text(value: int) -> str:
    """8-4-4-4-12 hexadecimal digits."""
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def process_and_number(low_bits: int) -> tuple[int, int]:
    """(process, number) from the last 64 bits of a reference."""
    value = low_bits & (1 << _LOW_BITS) - 1
    return value >> NUMBER_BITS, value & (1 << NUMBER_BITS) - 1
