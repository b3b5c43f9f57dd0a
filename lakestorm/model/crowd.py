"""Who logs in when: one process's accounts, in an order that nobody's shape of users changes."""

from __future__ import annotations

import dataclasses
import heapq
from typing import TYPE_CHECKING

import numpy as np

from lakestorm.model.accounts import HOUR_MS, RHYTHMS
from lakestorm.model.draws import below, draw, rows
from lakestorm.model.event_time import DAY_MS
from lakestorm.model.wakefulness import Wakefulness

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakestorm.model.accounts import Accounts
    from lakestorm.model.journeys import Journeys
    from lakestorm.model.logins import Login
    from lakestorm.model.whereabouts import State

CANDIDATES = 4
"""Accounts looked at for one login; whoever is asleep or under way is passed over."""
BATCH = 1024
"""Logins whose candidates are drawn at once."""
HISTORY_LOGINS = 12
"""Of each account in its history: two more than its learning takes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Share:
    """The accounts of one process: numbers first, first + step, …, so that each account is one process's.

    Args:
        number: of the process, from 0.
        processes: how many there are.
        accounts: how many accounts there are in all; they are numbered from 1, as the `users` table is.
    """

    number: int
    processes: int
    accounts: int

    @property
    def count(self) -> int:
        """How many accounts."""
        return max(0, (self.accounts - self.number + self.processes - 1) // self.processes)

    def account(self, index: int) -> int:
        """The number of an account of this process, index from 0."""
        return 1 + self.number + index * self.processes


def dealt_to(account: int, processes: int) -> int:
    """The number of the share that an account is of. The other way round than `Share.account`."""
    return (account - 1) % processes


class Crowd:
    """Logins of one process's accounts, each where the last one left its account.

    Args:
        seed: the run's.
        share: which accounts.
        journeys: theirs.
        late_ms: how far behind its time a late login is produced, at least; at most twice that.

    Attributes:
        journeys: theirs.
        owed: late logins that are still to be made.

    Raises:
        ValueError: there are no accounts.
    """

    def __init__(self, seed: int, share: Share, journeys: Journeys, *, late_ms: int = 60_000) -> None:
        if not share.count:
            raise ValueError(f"process {share.number} of {share.processes} has none of {share.accounts} accounts")
        self.journeys = journeys
        self._seed, self._share, self._late_ms = seed, share, late_ms
        self._question = f"crowd.{share.number}/{share.processes}"
        everybody = rows(0, share.count) * np.uint64(share.processes) + np.uint64(share.account(0))
        self._wakefulness = Wakefulness(seed, journeys.accounts.geography, everybody)
        self._batches, self._at, self._hour = 0, BATCH, -1
        """Batches drawn; the place of the next login's candidates in the last of them; the hour it is ranked for."""
        self._indices = np.zeros((0, CANDIDATES), dtype=np.int64)
        self._chances = np.zeros((0, CANDIDATES), dtype=np.uint64)
        self._order = np.zeros((CANDIDATES, 0), dtype=np.int64)
        self._met = np.full(share.count, None, dtype=object)
        """By index the state of each account that was looked at before; gathered by whole batches, as that is cheap."""
        self._ranked: list[list[State | None]] = []
        self._first: list[State] = []
        self.owed = 0

    def login(self, at_ms: int, *, late: bool = False) -> Login:
        """The next login, at that event time; `at_ms` never falls.

        Args:
            at_ms: event time, now.
            late: one more is to be produced behind its time. If no account has been silent for long enough, one of
                the next logins is it; a login's own `late` tells.
        """
        journeys = self.journeys
        self.owed += late
        if journeys.after:
            return journeys.after.popleft()
        if self.owed:
            found = self._late(at_ms)
            if found is not None:
                self.owed -= 1
                return found
        while journeys.agenda and journeys.agenda[0][0] <= at_ms:
            due_ms, number = heapq.heappop(journeys.agenda)
            booking = journeys.states[number].booking
            if booking is not None and booking.due_ms == due_ms:
                return journeys.login(number, at_ms)
        return self._anybody(at_ms)

    def _anybody(self, at_ms: int) -> Login:
        """The first of the next candidates who is awake and has time; if all sleep, the lightest sleeper of them."""
        journeys, hour = self.journeys, at_ms // HOUR_MS % 24
        if self._at == BATCH:
            self._draw()
        at = self._at
        self._at = at + 1
        if hour != self._hour:
            self._rank(hour)
        for ranked in self._ranked:
            state = ranked[at]
            if state is None:
                return self._anybody_new(at, at_ms)
            if state.booking is None and state.last_ms < at_ms:
                return journeys.login_of(state, at_ms)
        state = self._first[at]  # all of them under way, or just logged in: many are where few accounts do much
        return journeys.login_of(state, max(state.last_ms, at_ms))

    def _anybody_new(self, at: int, at_ms: int) -> Login:
        """The same where there are some among the candidates who had not been met when the batch was ranked."""
        for index in self._order[:, at].tolist():
            state = self._meet(index)
            if state.booking is None and state.last_ms < at_ms:
                return self.journeys.login_of(state, at_ms)
        state = self._meet(int(self._indices[at, 0]))
        return self.journeys.login_of(state, max(state.last_ms, at_ms))

    def _meet(self, index: int) -> State:
        state = self._met[index] = self.journeys.states[self._share.account(index)]
        return state

    def _late(self, at_ms: int) -> Login | None:
        """One who has not logged in for so long that an earlier login can still turn up."""
        if self._at == BATCH:
            self._draw()
        at = self._at
        self._at = at + 1
        for index, chance in zip(self._indices[at].tolist(), self._chances[at].tolist(), strict=True):
            then_ms = at_ms - self._late_ms - self._late_ms * chance // 256
            state = self._meet(index)
            if state.booking is None and state.last_ms < then_ms:
                return self.journeys.login_of(state, then_ms, late=True)
        return None

    def _draw(self) -> None:
        """The next BATCH logins' candidates, and 8 even bits for each; shapes (BATCH, CANDIDATES)."""
        first, count = self._batches * BATCH * CANDIDATES, BATCH * CANDIDATES
        words = draw(self._seed, self._question, rows(first, count)).reshape(BATCH, CANDIDATES)
        self._batches += 1
        self._indices = below(words, self._share.count)
        self._chances = words & np.uint64(255)
        self._hour, self._at = -1, 0

    def _rank(self, hour: int) -> None:
        """Who of each login's candidates is to log in at this hour of UTC: who is awake, then who sleeps lightly."""
        awake = self._wakefulness.at(self._indices, hour)
        rank = np.where(self._chances < awake, 0, 256 - awake.astype(np.int64))
        order = rank.argsort(axis=1, kind="stable")
        self._order = np.take_along_axis(self._indices, order, axis=1).T
        self._ranked, self._first = self._met[self._order].tolist(), self._met[self._indices[:, 0]].tolist()
        self._hour = hour

    def history(self, from_ms: int, until_ms: int) -> Iterator[Login]:
        """HISTORY_LOGINS of each account between two moments, whole days apart, in order of event time."""
        for number, at_ms in history_times(self._seed, self._share, self.journeys.accounts, from_ms, until_ms):
            yield self.journeys.login(number, at_ms)


def history_times(
    seed: int, share: Share, accounts: Accounts, from_ms: int, until_ms: int
) -> Iterator[tuple[int, int]]:
    """(account, event time) of each login of history, in order of time; in memory one day at a time.

    Every account has the same number of logins, spread over the days, at hours of its own rhythm.
    """
    days = (until_ms - from_ms) // DAY_MS
    for day in range(days):
        day_ms = from_ms + day * DAY_MS  # which need not be midnight
        first, end = day * HISTORY_LOGINS // days, (day + 1) * HISTORY_LOGINS // days
        found = [
            (day_ms + (ms - day_ms) % DAY_MS, number)
            for login in range(first, end)
            for number, ms in _times_of_day(seed, share, accounts, login)
        ]
        for at_ms, number in sorted(found):
            yield number, at_ms


def _times_of_day(seed: int, share: Share, accounts: Accounts, login: int) -> Iterator[tuple[int, int]]:
    """(account, milliseconds since midnight, UTC) of every account's n-th login: an hour of its rhythm, any time of it.

    Those of the day before and after are meant too: what matters is the remainder by a day.
    """
    numbers = rows(0, share.count) * np.uint64(share.processes) + np.uint64(1 + share.number)
    words = draw(seed, f"history.{login}", numbers)
    within = (words & np.uint64(2**22 - 1)).astype(np.int64) * HOUR_MS >> 22
    hours = np.stack([np.searchsorted(np.cumsum(r), below(words, sum(r)), side="right") for r in RHYTHMS])
    for index, (number, ms) in enumerate(zip(numbers.tolist(), within.tolist(), strict=True)):
        who = accounts[number]
        yield number, int(hours[who.rhythm, index]) * HOUR_MS + ms - who.clock_ms
