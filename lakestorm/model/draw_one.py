"""The draws of `draws`, one at a time in whole numbers: for code that cannot wait until it has an array of them."""

from __future__ import annotations

import hashlib

from lakestorm.model.draws import GOLDEN

MASK = 2**64 - 1
FIRST, SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
"""Factors of `mixed`."""


def start_of(seed: int, question: str) -> int:
    """Where the numbers of a question begin; see `one`."""
    return int.from_bytes(hashlib.blake2b(f"{seed}:{question}".encode(), digest_size=8).digest(), "little")


def one(start: int, number: int) -> int:
    """64 even bits for a row: what `draw(seed, question, [number])` gives, with start = `start_of(seed, question)`."""
    return mixed(number * GOLDEN + start & MASK)


def mixed(word: int) -> int:
    """64 bits from 64 bits, a bijection in which every bit of the one bears on every bit of the other.

    Source: the finaliser of splitmix64, as in `draws`.
    """
    word = (word ^ word >> 30) * FIRST & MASK
    word = (word ^ word >> 27) * SECOND & MASK
    return word ^ word >> 31
