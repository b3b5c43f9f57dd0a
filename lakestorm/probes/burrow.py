"""Is a consumer all right, by its last commits? Burrow's rules, which need no threshold of lag.

Burrow reads every commit from Kafka's own topic of them. Here the group's offsets are looked at once a period, so a
commit is an offset that has changed; whether a silent group is alive (and does not get on) or gone is told by its
members: alive is STALL, gone is STOP.
Source: linkedin/Burrow, "Consumer Lag Evaluation Rules".
"""

from __future__ import annotations

import collections
import dataclasses
import enum
import itertools

WINDOW = 10
"""Commits that are judged together."""
SILENCE_MIN_S = 10.0
"""A window of quick commits is short; nobody is called silent sooner than this."""


class Status(enum.IntEnum):
    """How a consumer is, the gravest last."""

    OK = 0
    WARN = 1
    STOP = 2
    STALL = 3
    REWIND = 4


@dataclasses.dataclass(frozen=True, slots=True)
class Commit:
    """What a look found that differed from the one before."""

    at: float
    offset: int
    lag: int


class ConsumerWindow:
    """The last commits of one group in one partition."""

    def __init__(self) -> None:
        self._commits: collections.deque[Commit] = collections.deque(maxlen=WINDOW)

    def look(self, at: float, offset: int, lag: int, *, has_members: bool) -> Status:
        """Take one look into account and judge.

        Args:
            at: its moment, in seconds.
            offset: committed.
            lag: messages behind it.
            has_members: whether anybody is in the group.
        """
        if not self._commits or self._commits[-1].offset != offset:
            self._commits.append(Commit(at, offset, lag))
        elif lag == 0:
            self._commits[-1] = dataclasses.replace(self._commits[-1], lag=0)
        return status(list(self._commits), at, lag, has_members=has_members)


def status(commits: list[Commit], now: float, lag: int, *, has_members: bool) -> Status:
    """The state of a consumer.

    Nothing to read is never an error. Then, the first that is true: silent for longer than the window of commits
    spans (STALL or STOP); without lag at some point of the window (OK); went back and has not come to where it was
    (REWIND); gets on, and its lag never fell from one commit to the next (WARN).
    """
    if lag == 0:
        return Status.OK
    span_s = max(SILENCE_MIN_S, commits[-1].at - commits[0].at)
    if now - commits[-1].at > span_s:
        return Status.STALL if has_members else Status.STOP
    if any(commit.lag == 0 for commit in commits):
        return Status.OK
    if commits[-1].offset < max(commit.offset for commit in commits):
        return Status.REWIND
    never_fell = all(later.lag >= earlier.lag for earlier, later in itertools.pairwise(commits))
    return Status.WARN if len(commits) == WINDOW and never_fell else Status.OK
