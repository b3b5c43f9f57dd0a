"""Can logins be as late as is wanted? Only an account that has been silent for so long can log in behind its time.

A late login is of an event time L to 2 L ago, 1.5 L in the middle. An account is silent since then if nothing of it
came meanwhile: with r logins a second from A accounts that is, of all accounts, the share

    p = exp(−r / A × min(T, 1.5 L / scale)) × q

for at the run's end (after T seconds) it need not have been silent for longer than the run if it was not there
before; and where it was, its last login is somewhere in the last day of its history, so that

    q = 1 − max(0, 1.5 L − scale × T) / 1 day      with a history;  1 without

CANDIDATES accounts are looked at for each login, so late ones come at most at the share 1 − (1 − p)^CANDIDATES.
"""

from __future__ import annotations

import dataclasses
import math

from lakestorm.model.crowd import CANDIDATES
from lakestorm.model.event_time import DAY_MS

MIDDLE = 1.5
DAY_S = DAY_MS / 1000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often whom one meets in a run.

    Attributes:
        accounts: A.
        per_s: r, logins a second.
        run_s: T in seconds; infinite where nobody knows it.
        scale: event seconds a second.
        has_history: accounts logged in before the run.
    """

    accounts: int
    per_s: float
    run_s: float
    scale: float
    has_history: bool

    def late_share(self, late_by_s: float) -> float:
        """Of all logins so many can be late by that, 0…1, when the run comes to its end."""
        silent_s = MIDDLE * late_by_s
        exponent = self.per_s / self.accounts * min(self.run_s, silent_s / self.scale)
        before_s = max(0.0, silent_s - self.scale * self.run_s) if self.has_history else 0.0
        silent = math.exp(-exponent) * max(0.0, 1 - before_s / DAY_S)
        return float(1 - (1 - silent) ** CANDIDATES)

    def longest_s(self, ratio: float) -> float:
        """The longest lateness of which such a share of logins can be; 0 if none can. By halving, to the second."""
        low, high = 0.0, 2 * DAY_S
        while high - low > 1:
            middle = (low + high) / 2
            low, high = (middle, high) if self.late_share(middle) >= ratio else (low, middle)
        return math.floor(low)


def lateness_problem(pace: Pace, *, ratio: float, late_by_s: float) -> str:
    """Why so many logins cannot be so late, and what would do; empty if they can."""
    share = pace.late_share(late_by_s)
    if share >= ratio:
        return ""
    longest_s = pace.longest_s(ratio)
    shorter = f"LOGIN_LATE_BY_S to at most {longest_s:g}, " if longest_s >= 1 else ""
    return (
        f"LOGIN_LATE_RATIO is {ratio:g} and LOGIN_LATE_BY_S is {late_by_s:g}: only an account that was silent for that"
        f" long can be late, and with {pace.accounts} accounts, {pace.per_s:g} logins a second and LOGIN_TIME_SCALE"
        f" {pace.scale:g} at most {share:.2g} of the logins can. Set {shorter}LOGIN_ACCOUNTS or LOGIN_TIME_SCALE"
        " higher, or LOGIN_LATE_RATIO lower."
    )
