"""Who is awake when, of many accounts at once: what `accounts` says of one, without making its other habits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lakestorm.model.accounts import ACTIVITY, AWAKE, DRAWS, RHYTHM_OF_8, clock_h
from lakestorm.model.draws import draw

if TYPE_CHECKING:
    import numpy.typing as npt

    from lakestorm.model.draws import Numbers, Words
    from lakestorm.model.geography import Geography

CLOCKS = range(-12, 13)
"""Hours by which the sun's local time may differ from UTC."""
AT_ONCE = 1 << 16
"""Accounts looked at in one step, so that ten million take little memory."""


class Wakefulness:
    """How likely accounts are to log in at an hour of UTC. Two bytes an account; a second for ten million of them.

    Args:
        seed: the run's.
        geography: where they live.
        numbers: the accounts, shape (n,); an account's place in it is its index here.
    """

    def __init__(self, seed: int, geography: Geography, numbers: Words) -> None:
        hours = np.arange(24)
        self._chances = np.array(
            [
                np.array(awake, dtype=np.uint8)[(hours + clock) % 24]
                for by_rhythm in AWAKE
                for awake in by_rhythm
                for clock in CLOCKS
            ]
        )
        """By habit and hour of UTC: of 256 tries to log in how many are made."""
        parts = [numbers[first : first + AT_ONCE] for first in range(0, len(numbers), AT_ONCE)]
        self._habits = np.concatenate([habits_of(seed, geography, part) for part in parts])

    def at(self, indices: Numbers, hour: int) -> npt.NDArray[np.uint8]:
        """Of 256 tries to log in how many each account makes at an hour of UTC; any shape."""
        chances: npt.NDArray[np.uint8] = self._chances[self._habits[indices], hour]
        return chances


def habits_of(seed: int, geography: Geography, numbers: Words) -> npt.NDArray[np.uint16]:
    """Rhythm, activity and clock of each account as one number; shape (n,)."""
    words = draw(seed, "accounts", numbers * np.uint64(DRAWS) + np.uint64(1))
    rhythms = np.array(RHYTHM_OF_8)[words & np.uint64(7)]
    activities = (words >> np.uint64(3) & np.uint64(3)).astype(np.int64)
    homes = geography.cities_of(draw(seed, "accounts", numbers * np.uint64(DRAWS)))
    clocks = np.array([clock_h(city) for city in geography.cities])[homes] - CLOCKS[0]
    found: npt.NDArray[np.uint16] = ((rhythms * len(ACTIVITY) + activities) * len(CLOCKS) + clocks).astype(np.uint16)
    return found
