"""What arrives otherwise than it should: late, twice, or as bytes that nobody can read; decided beforehand.

Of each BLOCK of consecutive logins exactly so many are late, followed by their duplicate, or by poison, as the ratios
say (what is left over goes to the next block); which ones is drawn. So every count is known from the number of logins.
"""

from __future__ import annotations

import dataclasses
import enum
import struct

from lakestorm.model.draw_one import one, start_of

BLOCK = 1000
MOST = 0.9
"""Of all logins: whatever is left over from other blocks still finds its place in a block."""
STEPS = tuple(step for step in range(1, BLOCK) if step % 2 and step % 5)
"""Numbers that have no factor in common with BLOCK: multiples of each go through all places of a block."""
HEADER = struct.Struct(">bI")
"""Confluent's wire format: the magic byte 0, the schema's id as four bytes, big-endian; then the Avro body."""
UNKNOWN_SCHEMA = 0x7FFFFFFF
"""The largest id that a registry can give."""


class Disturbance(enum.Enum):
    """What happens at a login."""

    NONE = ""
    LATE = "late"
    DUPLICATE = "duplicate"
    POISON = "poison"


class Poison(enum.Enum):
    """Kinds of messages that no consumer of the topic can read."""

    TRUNCATED = "truncated"
    UNKNOWN_SCHEMA_ID = "unknown_schema_id"
    WRONG_MAGIC_BYTE = "wrong_magic_byte"
    WRONG_TYPE = "wrong_type"


POISONS = tuple(Poison)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ratios:
    """Of live logins: produced late; followed by the same message again; followed by poison. Together ≤ 0.9."""

    late: float = 0.0
    duplicate: float = 0.0
    poison: float = 0.0

    def __post_init__(self) -> None:
        parts = (self.late, self.duplicate, self.poison)
        if min(parts) < 0 or not sum(parts) <= MOST:
            raise ValueError(f"late, duplicate and poison are {parts}: ratios ≥ 0 are wanted, together at most {MOST}")


class Disorder:
    """Which of one process's live logins are disturbed, and how.

    Args:
        seed: the run's.
        process: its number; processes differ.
        ratios: how many.

    Attributes:
        is_none: whether nothing is ever disturbed.
    """

    def __init__(self, seed: int, process: int, ratios: Ratios) -> None:
        self._start = start_of(seed, f"disorder.{process}")
        self._poison_start = start_of(seed, f"poison.{process}")
        self._ratios = (ratios.late, ratios.duplicate, ratios.poison)
        self.is_none = not any(self._ratios)
        self._block = -1
        self._limits = (0, 0, 0)
        self._step = self._shift = 0

    def at(self, login: int) -> Disturbance:
        """What happens at the login with this number, from 0."""
        if self.is_none:
            return Disturbance.NONE
        block, place = divmod(login, BLOCK)
        if block != self._block:
            self._enter(block)
        drawn = (place * self._step + self._shift) % BLOCK
        late, duplicate, poison = self._limits
        if drawn >= poison:
            return Disturbance.NONE
        if drawn < late:
            return Disturbance.LATE
        return Disturbance.DUPLICATE if drawn < duplicate else Disturbance.POISON

    def poison_at(self, login: int) -> Poison:
        """Which kind of poison follows a login, each as often as the other."""
        return POISONS[one(self._poison_start, login) % len(POISONS)]

    def _enter(self, block: int) -> None:
        """A permutation of the block's places, and how many of them are what."""
        word = one(self._start, block)
        self._step, self._shift = STEPS[word % len(STEPS)], (word >> 32) % BLOCK
        late, duplicate, poison = (_whole(ratio, block + 1) - _whole(ratio, block) for ratio in self._ratios)
        self._limits = (late, late + duplicate, late + duplicate + poison)
        self._block = block


def _whole(ratio: float, blocks: int) -> int:
    """How many of so many blocks' logins there are in all; a hair is added, as 0.003 × 1000 may be just below 3."""
    return int(ratio * BLOCK * blocks + 1e-6)


def poisoned(kind: Poison, message: bytes) -> bytes:
    """A message of the topic, broken.

    Args:
        kind: how.
        message: in Confluent's wire format, its record of at least one string.
    """
    match kind:
        case Poison.TRUNCATED:
            return message[: HEADER.size + (len(message) - HEADER.size) // 2]
        case Poison.UNKNOWN_SCHEMA_ID:
            return HEADER.pack(0, UNKNOWN_SCHEMA) + message[HEADER.size :]
        case Poison.WRONG_MAGIC_BYTE:
            return b"\x01" + message[1:]
        case Poison.WRONG_TYPE:  # a time as a long, which a reader takes for the length of a string of terabytes
            return message[: HEADER.size] + b"\x80\x80\xd8\xaa\xc9\x65"
