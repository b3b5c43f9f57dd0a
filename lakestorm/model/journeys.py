"""What an account does next: a state machine whose state belongs to the account, whoever asks it to log in.

What an account does at its n-th login is drawn from (seed, account, n). When it does so is the caller's: event time
comes in, and decides only what the clock must decide:
- an honest journey is made once there was time for it, at ≤ 690 km/h; until then the account logs in where it is;
- an impossible one is made while it is impossible, at ≥ 1600 km/h; if its login comes too late it is tried again;
- commuters are at work by day;
- what would not come to its end before the run's is not begun.
So the same seed gives the same people, who mean to go to the same places in the same order; with another speed of the
clock some stay a few logins longer before they go on.
"""

from __future__ import annotations

import bisect
import collections
import heapq
from typing import TYPE_CHECKING

from lakestorm.model.accounts import first_goal
from lakestorm.model.addresses import SHARED
from lakestorm.model.behaviour import CALM, FLIGHT_KM, FLIGHT_KMH, JOURNEY_KMH, PAIR_MS, WORK_HOURS, edges_of
from lakestorm.model.draw_one import FIRST, MASK, SECOND, mixed, start_of
from lakestorm.model.draws import GOLDEN
from lakestorm.model.geography import distance_km
from lakestorm.model.whereabouts import HOUR_MS, LEARNING, Booking, State, States

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lakestorm.model.accounts import Account, Accounts
    from lakestorm.model.behaviour import Behaviour
    from lakestorm.model.geography import City, Geography
    from lakestorm.model.logins import Lines, Login

    Act = Callable[["Account", "State", int, int], Login]

IMPOSSIBLE_KM_MS = 1600 / HOUR_MS
"""Kilometres a millisecond of the slowest impossible journey; the rule calls 1500 km/h positive."""
FAR_ENOUGH_KM = 550.0
"""The shortest impossible journey; the rule calls 500 km positive."""
SOON_MS = (500, 3000)
"""Wall clock's milliseconds from a login to the stranger's, and from that to the owner's."""
SOON_MOST_MS = 1_800_000
"""The most of it in event time."""
PATIENCE_MS = 60_000
"""Wall clock's milliseconds that a journey may keep its account from logging in."""
MOMENT_MS = 1000
"""In so little time nobody comes home from another city; where few accounts log in all the time, nearly all is less."""
STRANGE = 6
"""Among how many of the nearest unseen countries one is chosen."""


class Journeys:
    """All accounts' journeys.

    Args:
        seed: the run's.
        geography: where the cities are.
        lines: what logins go through.
        accounts: who there is.
        behaviour: how often what is done.
        live_ms: event time before which nothing is an anomaly.
        end_ms: event time at which the run ends; infinite if nobody knows. May be set anew before the run begins.
        scale: event seconds a second.
        most_away: how many accounts may be on a long way at one time.

    Attributes:
        after: logins that are to be produced before any other: the earlier ones of pairs.
        agenda: a heap of (due_ms, account): when whose journey ends.
        states: where each account stands.
    """

    def __init__(
        self,
        seed: int,
        geography: Geography,
        lines: Lines,
        accounts: Accounts,
        behaviour: Behaviour,
        *,
        live_ms: int,
        end_ms: float,
        scale: float = 1.0,
        most_away: int = 1000,
    ) -> None:
        self.accounts = accounts
        self.after: collections.deque[Login] = collections.deque()
        self.agenda: list[tuple[int, int]] = []
        self._geography, self._lines, self._is_domestic = geography, lines, behaviour.domestic
        self._live_ms, self.end_ms, self._scale, self._most_away = live_ms, end_ms, scale, most_away
        self.states = States(accounts, start_of(seed, "journeys"))
        shares = behaviour.shares()
        self._edges, self._acts = self._choices(shares)
        self._calm_edges, self._calm_acts = self._choices({kind: shares[kind] for kind in CALM})

    def _choices(self, shares: Mapping[str, float]) -> tuple[list[int], list[Act]]:
        acts: dict[str, Act] = {
            "impossible_travel": self._begin_robbery, "unseen_country": self._begin_unseen,
            "flight": self._begin_flight, "vpn": self._by_vpn, "nat": self._by_nat, "address": self._by_another_line,
            "pair": self._as_pair, "trip": self._on_a_trip,
        }  # fmt: skip
        return edges_of(shares), [*(acts[kind] for kind in shares), self._usual]

    def login(self, number: int, at_ms: int, *, late: bool = False) -> Login:
        """The account's next login, at that event time.

        Args:
            number: the account's.
            at_ms: not before its last login.
            late: it is produced behind its time, so it begins nothing; not for an account that is under way.

        Raises:
            ValueError: the account has logged in after `at_ms`.
        """
        state = self.states[number]
        if at_ms < state.last_ms:
            raise ValueError(f"account {number} logged in at {state.last_ms} ms, and so cannot at {at_ms} ms")
        return self.login_of(state, at_ms, late=late)

    def login_of(self, state: State, at_ms: int, *, late: bool = False) -> Login:
        """The same for whoever has the account's state in hand, and has looked at its last login."""
        who = state.who or self.accounts[state.number]
        word = state.start + state.ordinal * GOLDEN & MASK
        word = (word ^ word >> 30) * FIRST & MASK  # `mixed`, written out: the call is a hundredth of a login
        word = (word ^ word >> 27) * SECOND & MASK
        word ^= word >> 31
        booking = state.booking
        if booking is not None:
            if at_ms < booking.due_ms:
                return self._usual(who, state, at_ms, word)
            return self._due(who, state, at_ms, word, booking)
        if late:
            return self._calmly(who, state, at_ms, word)._replace(late=True)
        if at_ms < self._live_ms or state.ordinal < LEARNING:
            return self._calmly(who, state, at_ms, word)
        return self._acts[bisect.bisect_right(self._edges, word >> 32)](who, state, at_ms, word)

    def observe(self, number: int, at_ms: int, city: City, kind: int) -> None:
        """Take up a login of an earlier run, so that the account goes on from there.

        Logins come in order of time, but for pairs, which are of one place: the later one comes first.
        """
        state = self.states[number]
        if kind not in SHARED and at_ms >= state.last_ms:
            state.place = city
        state.note(max(at_ms, state.last_ms), city, kind)

    # --- what people do ---

    def _usual(self, who: Account, state: State, at_ms: int, word: int) -> Login:
        """At home, at work, or still on a journey."""
        goal = who.home
        if who.work is not None and who.hour(at_ms) in WORK_HOURS and state.may_visit(who.work):
            goal = who.work
        if state.place is not goal:
            if state.stay:
                state.stay -= 1
            elif at_ms - state.last_ms > MOMENT_MS and state.reaches(goal, at_ms):
                state.place = goal
        return self._lines.own(who, state, at_ms, word, "usual")

    def _calmly(self, who: Account, state: State, at_ms: int, word: int) -> Login:
        """Nothing that a rule should find; the first logins go round the places that the account knows."""
        goal = first_goal(who, state.ordinal)
        if goal is not None and state.reaches(goal, at_ms):
            state.place = goal
            return self._lines.own(who, state, at_ms, word, "trip")
        return self._calm_acts[bisect.bisect_right(self._calm_edges, word >> 32)](who, state, at_ms, word)

    def _on_a_trip(self, who: Account, state: State, at_ms: int, word: int) -> Login:
        """To a known place, if there was time to get there."""
        goal = who.known[(word >> 20 & 255) % len(who.known)] if who.known else who.home
        if state.stay or not (state.may_visit(goal) and state.reaches(goal, at_ms)):
            return self._usual(who, state, at_ms, word)
        state.place, state.stay = goal, word >> 28 & 3
        return self._lines.own(who, state, at_ms, word, "trip")

    def _by_vpn(self, who: Account, state: State, at_ms: int, word: int) -> Login:
        """By the favourite exit, every fourth time by another."""
        hub = who.exit if word & 3 else self._geography.hubs[(word >> 2 & 255) % len(self._geography.hubs)]
        return self._lines.vpn(who, state, at_ms, word, "vpn", hub)

    def _by_nat(self, who: Account, state: State, at_ms: int, word: int) -> Login:
        """On the phone, whose carrier's gateway stands in the country's largest city; without a phone as usual."""
        if who.phone is None:
            return self._usual(who, state, at_ms, word)
        gateway = self._geography.capital(state.place.country)
        return self._lines.nat(who, state, at_ms, word, "nat", gateway, who.phone)

    def _by_another_line(self, who: Account, state: State, at_ms: int, word: int) -> Login:
        """Where the person is, by an address that is not the account's own."""
        return self._lines.another(who, state, at_ms, word, "address")

    def _as_pair(self, who: Account, state: State, at_ms: int, word: int) -> Login:
        """Two logins at one place of which the later is produced first; the earlier one is the next in `after`."""
        apart_ms = int((PAIR_MS[0] + word % (PAIR_MS[1] - PAIR_MS[0])) * self._scale)
        gap_ms = min(apart_ms, (at_ms - state.last_ms) // 2, at_ms - self._live_ms)  # none before the run begins
        if gap_ms < 1:
            return self._usual(who, state, at_ms, word)
        self.after.append(self._usual(who, state, at_ms - gap_ms, word)._replace(intent="pair"))
        return self._lines.own(who, state, at_ms, mixed(word), "pair")

    # --- journeys that end later ---

    def _begin_flight(self, who: Account, state: State, at_ms: int, word: int) -> Login:
        """To a known place far away, as fast as the rule allows."""
        found = self._usual(who, state, at_ms, word)
        more = mixed(word)
        goals = [c for c in (who.home, *who.known) if state.may_visit(c) and distance_km(found.city, c) >= FLIGHT_KM]
        if goals:
            kmh = FLIGHT_KMH[0] + more % (FLIGHT_KMH[1] - FLIGHT_KMH[0])
            self._book_way(who, state, "flight", goals[(more >> 16) % len(goals)], kmh)
        return found

    def _begin_unseen(self, who: Account, state: State, at_ms: int, word: int) -> Login:
        """To a country that is new: by now, or by a journey, or else as a stranger."""
        more = mixed(word)
        near = [c for c in self._geography.abroad[state.place.index] if not c.country_bit & state.every][:STRANGE]
        goal = near[more % len(near)] if near else None
        if goal is not None and state.reaches(goal, at_ms):
            state.place, state.stay = goal, 1 + (more >> 16 & 3)
            return self._lines.own(who, state, at_ms, word, "unseen_country")
        found = self._usual(who, state, at_ms, word)
        if goal is None or not self._book_way(who, state, "unseen_country", goal, JOURNEY_KMH):
            self._book_stranger(who, state, more, state.every)
        return found

    def _begin_robbery(self, who: Account, state: State, at_ms: int, word: int) -> Login:
        """The owner logs in, and soon a stranger will, far away."""
        found = self._usual(who, state, at_ms, word)
        self._book_stranger(who, state, mixed(word), 0)
        return found

    def _book_way(self, who: Account, state: State, intent: str, city: City, kmh: float) -> bool:
        """Whether the person is now on the way: there is time for it, and not too many are on theirs."""
        takes_ms = int(distance_km(state.place, city) / kmh * HOUR_MS) + 1
        if takes_ms > PATIENCE_MS * self._scale or len(self.agenda) >= self._most_away:
            return False
        return self._book(who, state, Booking(intent, state.last_ms + takes_ms, city, None))

    def _book_stranger(self, who: Account, state: State, more: int, countries: int) -> None:
        """Somebody far away has the password; not in these countries, as bits."""
        wait_ms = self._soon_ms(more)
        least_km = max(FAR_ENOUGH_KM, 1.5 * IMPOSSIBLE_KM_MS * wait_ms)
        city = self._geography.far_from(state.place, more, least_km, but=countries, is_domestic=self._is_domestic)
        if city is not None:
            back = state.place if more >> 40 & 1 else None
            self._book(who, state, Booking("impossible_travel", state.last_ms + wait_ms, city, back))

    def _book(self, who: Account, state: State, booking: Booking) -> bool:
        if booking.due_ms >= self.end_ms:
            return False
        state.booking = booking
        heapq.heappush(self.agenda, (booking.due_ms, who.number))
        return True

    def _soon_ms(self, more: int) -> int:
        first, most = SOON_MS
        return min(SOON_MOST_MS, int((first + (more >> 20) % (most - first)) * self._scale))

    def _due(self, who: Account, state: State, at_ms: int, word: int, booking: Booking) -> Login:
        """The journey's end, if it can be what it was meant to be; else a usual login."""
        state.booking = None
        if not booking.is_impossible:
            return self._arrived(who, state, at_ms, word, booking)
        far_km = distance_km(state.place, booking.city)
        if far_km >= FAR_ENOUGH_KM and far_km >= IMPOSSIBLE_KM_MS * (at_ms - state.last_ms):
            return self._robbed(who, state, at_ms, word, booking)
        found = self._usual(who, state, at_ms, word)
        if distance_km(state.place, booking.city) >= FAR_ENOUGH_KM:
            self._book(who, state, booking._replace(due_ms=at_ms + self._soon_ms(word)))
        return found

    def _arrived(self, who: Account, state: State, at_ms: int, word: int, booking: Booking) -> Login:
        """At the end of an honest journey; one that was interrupted by a login may not have been possible."""
        if not state.reaches(booking.city, at_ms):
            return self._usual(who, state, at_ms, word)
        state.place, state.stay = booking.city, 1 + (word & 1)
        return self._lines.own(who, state, at_ms, word, booking.intent)

    def _robbed(self, who: Account, state: State, at_ms: int, word: int, booking: Booking) -> Login:
        """The stranger's login, or the owner's soon after it. A stranger who is left alone goes on for a while."""
        state.place, state.stay = booking.city, word & 3
        found = self._lines.own(who, state, at_ms, word, booking.intent)
        if booking.back is not None:
            self._book(who, state, Booking("return", at_ms + self._soon_ms(word), booking.back, None))
        return found
