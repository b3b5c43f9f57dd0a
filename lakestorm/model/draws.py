"""Randomness without state: a number that depends on a seed, a question and a row, and on nothing else.

Whoever makes row i, in whatever order, batch or process, draws the same numbers for it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Words = npt.NDArray[np.uint64]
    Numbers = npt.NDArray[np.int64]

GOLDEN = 0x9E3779B97F4A7C15
"""2^64 / the golden ratio, odd: multiples of it are spread evenly over 64 bits."""


def rows(first: int, count: int) -> Words:
    """The row numbers first, first + 1, …; shape (count,)."""
    return np.arange(first, first + count, dtype=np.uint64)


def draw(seed: int, question: str, numbers: Words) -> Words:
    """64 even bits for each row.

    Args:
        seed: the run's; any whole number.
        question: what is drawn ("price"); different questions are answered independently.
        numbers: of the rows, shape (n,).

    Source: the finaliser of splitmix64, as Sebastiano Vigna published it (variant 13 of David Stafford's mixers).
    """
    digest = hashlib.blake2b(f"{seed}:{question}".encode(), digest_size=8).digest()
    words = numbers * np.uint64(GOLDEN) + np.uint64(int.from_bytes(digest, "little"))
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def below(words: Words, limit: Numbers | int) -> Numbers:
    """Each draw as a whole number in [0, limit), 1 ≤ limit ≤ 2^31; shape (n,).

    The upper half of a draw, scaled: uneven by less than limit / 2^32.
    """
    scaled = (words >> np.uint64(32)) * np.asarray(limit, dtype=np.uint64) >> np.uint64(32)
    return scaled.astype(np.int64)


def weighted(words: Words, weights: tuple[int, ...]) -> Numbers:
    """Each draw as an index of `weights`, as often as its weight is of their sum; shape (n,)."""
    edges = np.cumsum(weights)
    return np.searchsorted(edges, below(words, int(edges[-1])), side="right").astype(np.int64)
