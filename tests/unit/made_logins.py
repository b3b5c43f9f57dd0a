"""A world to log in from, as the real city list makes it, and logins of one process."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

from lakestorm.clients.gazetteer import places
from lakestorm.model.accounts import Accounts
from lakestorm.model.addresses import AddressPlan
from lakestorm.model.behaviour import Behaviour
from lakestorm.model.crowd import Crowd, Share
from lakestorm.model.event_time import Timeline
from lakestorm.model.geography import Geography
from lakestorm.model.journeys import Journeys
from lakestorm.model.logins import Lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakestorm.model.labels import Label
    from lakestorm.model.logins import Login

NOW_MS = 1_772_357_400_000
"""2026-03-01T09:30:00Z."""
RUN_S = 60.0


@functools.cache
def geography() -> Geography:
    """All cities of the suite."""
    return Geography(places())


@functools.cache
def plan() -> AddressPlan:
    """Their addresses."""
    return AddressPlan(geography())


class Town(NamedTuple):
    """One process's people, and their time."""

    timeline: Timeline
    journeys: Journeys
    crowd: Crowd


def town(
    *,
    seed: int = 1,
    accounts: int = 300,
    scale: float = 1000.0,
    days: int = 14,
    share: tuple[int, int] = (0, 1),
    behaviour: Behaviour | None = None,
    most_away: int | None = None,
    late_ms: int = 60_000,
) -> Town:
    """A town with its history still before it."""
    time = Timeline.of(now_ms=NOW_MS, scale=scale, run_s=RUN_S, history_days=days)
    journeys = Journeys(
        seed,
        geography(),
        Lines(plan()),
        Accounts(seed, geography(), plan()),
        behaviour or Behaviour(),
        live_ms=time.origin_ms,
        end_ms=time.end_ms,
        scale=scale,
        most_away=max(1, accounts // 10) if most_away is None else most_away,
    )
    return Town(time, journeys, Crowd(seed, Share(*share, accounts), journeys, late_ms=late_ms))


def history(made: Town) -> list[Login]:
    """The town's whole history."""
    return list(made.crowd.history(made.timeline.history_ms, made.timeline.origin_ms))


def live(made: Town, count: int, *, late_every: int = 0, jitter: Callable[[int], float] = float) -> list[Login]:
    """So many live logins, spread evenly over the run.

    Args:
        made: the town.
        count: how many.
        late_every: every so-maniest is to be late; 0 = none.
        jitter: login number → the number at whose time it is made.
    """
    times = (made.timeline.at_ms(jitter(n) * RUN_S / count) for n in range(count))
    return [made.crowd.login(at_ms, late=bool(late_every) and n % late_every == 0) for n, at_ms in enumerate(times)]


HARD = Behaviour(anomaly_ratio=0.05, hard_ratio=0.5)
"""Much of everything that a detector can get wrong."""


def key(label: Label) -> tuple[str, int]:
    """What a label and its login have in common."""
    return label.user_id, label.at_ms
