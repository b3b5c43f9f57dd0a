"""The people of a run and what they are to do, by its settings; and whether that can be done."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lakestorm.errors import SettingsError
from lakestorm.model.accounts import Accounts
from lakestorm.model.behaviour import Behaviour
from lakestorm.model.crowd import Crowd
from lakestorm.model.disorder import Ratios
from lakestorm.model.journeys import Journeys
from lakestorm.model.lateness import Pace, lateness_problem
from lakestorm.model.logins import Lines

if TYPE_CHECKING:
    from lakestorm.clients.gazetteer import World
    from lakestorm.model.crowd import Share
    from lakestorm.model.event_time import Timeline
    from lakestorm.settings import Settings

BEHIND_MS, BEHIND_SCALED_MS = 80_000, 1_000
"""Event time by which a record may stand behind one before it, beside lateness: in any case, by the clock's scale."""
RESENT_MS = 30_000
"""The same for what is sent again without idempotence, by the clock's scale."""


def behind_ms(settings: Settings) -> int:
    """Event time by which a record of the run may stand behind one before it in its partition."""
    scaled_ms = BEHIND_SCALED_MS + (0 if settings.kafka.acks == "all" else RESENT_MS)
    return BEHIND_MS + int(2000 * settings.login.late_by_s) + int(scaled_ms * settings.login.time_scale)


def too_few_late(owed: int) -> str:
    """What a run says of late logins that it could not make."""
    return (
        f"{owed} logins that were to be late were not: no account was silent for as long as LOGIN_LATE_BY_S says."
        " More accounts, or a smaller LOGIN_LATE_BY_S, would do."
    )


def ratios_of(settings: Settings) -> Ratios:
    """The disorder that settings ask for."""
    login = settings.login
    return Ratios(late=login.late_ratio, duplicate=login.duplicate_ratio, poison=login.poison_ratio)


def crowd_of(settings: Settings, timeline: Timeline, world: World, share: Share) -> Crowd:
    """The people of a run, as far as they are one process's."""
    seed, login = settings.run.random_seed, settings.login
    journeys = Journeys(
        seed,
        world.geography,
        Lines(world.plan),
        Accounts(seed, world.geography, world.plan),
        Behaviour(
            anomaly_ratio=login.anomaly_ratio,
            anomaly_mix=login.anomaly_mix,
            hard_ratio=login.hard_ratio,
            hard_mix=login.hard_mix,
            domestic=login.domestic,
        ),
        live_ms=timeline.origin_ms,
        end_ms=timeline.end_ms,
        scale=login.time_scale,
        most_away=max(1, share.count // 10),
    )
    return Crowd(seed, share, journeys, late_ms=round(1000 * login.late_by_s))


def refuse_lateness(settings: Settings, users: int | None, run_time_s: float | None, *, has_past: bool) -> None:
    """Raise SettingsError if logins cannot be as late as is wanted; nothing is refused where the rate is not known."""
    login = settings.login
    if not (login.late_ratio and login.gen_every_ms and users):
        return
    pace = Pace(
        accounts=login.accounts,
        per_s=users * 1000 / login.gen_every_ms,
        run_s=run_time_s or math.inf,
        scale=login.time_scale,
        has_history=login.backfill_days > 0 and not has_past,
    )
    if problem := lateness_problem(pace, ratio=login.late_ratio, late_by_s=login.late_by_s):
        raise SettingsError([problem])
