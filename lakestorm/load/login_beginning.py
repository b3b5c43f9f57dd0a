"""With what a run's logins begin: one process decides it, and tells all others."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any, Self

from lakestorm.clients.topics import ends_of
from lakestorm.errors import SettingsError
from lakestorm.load.login_crowd import behind_ms, refuse_lateness
from lakestorm.load.part import LATE_WORKERS
from lakestorm.model.crowd import Share
from lakestorm.model.event_time import Timeline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakestorm.load.part import Role, RunContext
    from lakestorm.settings import Settings

CHECK_ID = "lakestorm-check"
NAME = "login"
"""Of the scenario, and of its orders."""
OWN_CLOCK_S = 1.0
"""By so much at most a process puts its event time back, that nothing is of the future by its own clock."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What the topic holds already, and the run's event time.

    Attributes:
        now_ms: when this was decided, in milliseconds since 1970.
        before: {partition: (first offset, next offset)} of what stood in the topic.
        timeline: as if the run began at `now_ms`.
    """

    now_ms: int
    before: Mapping[int, tuple[int, int]]
    timeline: Timeline

    @classmethod
    def decided(cls, context: RunContext) -> Self:
        """In the process that leads. Raises SettingsError if event time does not fit the clock, or lateness the run."""
        settings, now_ms = context.settings, int(time.time() * 1e3)
        before = ends_of(settings.kafka, CHECK_ID, settings.login.topic)
        found = cls(now_ms=now_ms, before=before, timeline=timeline_of(context, now_ms, None))
        refuse_lateness(settings, context.users, context.run_time_s, has_past=found.has_past)
        return found

    @classmethod
    def told(cls, orders: Mapping[str, Any]) -> Self:
        """In all other processes."""
        before = {int(partition): (first, end) for partition, (first, end) in orders["before"].items()}
        return cls(now_ms=orders["now_ms"], before=before, timeline=Timeline(**orders["timeline"]))

    def orders(self) -> dict[str, Any]:
        """What `told` takes, of what msgpack takes."""
        return {
            "now_ms": self.now_ms,
            "before": {str(partition): list(marks) for partition, marks in self.before.items()},
            "timeline": dataclasses.asdict(self.timeline),
            LATE_WORKERS: "its users log nobody in, and what is due of them counts as skipped: all accounts were dealt"
            " out when the run began.",
        }

    @property
    def has_past(self) -> bool:
        """Whether the topic is not empty."""
        return any(first < end for first, end in self.before.values())

    def behind(self, context: RunContext, last_ms: int | None) -> Beginning:
        """The same behind the topic's last event; raises SettingsError if the run would begin before it."""
        return dataclasses.replace(self, timeline=timeline_of(context, self.now_ms, last_ms))

    def begun(self, started_at: float, own_started_at: float) -> Timeline:
        """Event time, once the clock runs: it ends at the wall clock's now however long it took to get ready.

        Args:
            started_at: when second 0 was, by the leader's clock, in seconds since 1970.
            own_started_at: the same by this process's clock, which may differ by what measuring it missed.
        """
        first_s = max(min(started_at, own_started_at), started_at - OWN_CLOCK_S)
        return self.timeline.begun(int(first_s * 1e3) - self.now_ms)


def timeline_of(context: RunContext, now_ms: int, last_ms: int | None) -> Timeline:
    """A run's event time. Raises SettingsError if it does not fit the clock or the topic's last event."""
    login = context.settings.login
    try:
        return Timeline.of(
            now_ms=now_ms,
            scale=login.time_scale,
            run_s=context.run_time_s,
            history_days=login.backfill_days,
            last_ms=last_ms,
        )
    except ValueError as error:
        raise SettingsError([str(error)]) from error


def share_of(role: Role, shares: int, accounts: int) -> Share | None:
    """Which of so many accounts are a process's; None if it came when they had been dealt out.

    Who leads writes everybody's history. Raises SettingsError if there are more workers than accounts.
    """
    process = role.process
    if role.leads:
        return Share(0, 1, accounts)
    if process > shares:
        return None
    if process > accounts:
        raise SettingsError([f"LOGIN_ACCOUNTS is {accounts}: each of {shares} workers wants at least one account."])
    return Share(process - 1, shares, accounts)


def facts_of(settings: Settings, key: str, beginning: Beginning, label_schema_id: int) -> dict[str, Any]:
    """What the topic was before the run; an audit needs it."""
    login = settings.login
    return {
        "run": key,
        "topic": login.topic,
        "labels_topic": login.labels_topic,
        "ends": {str(partition): end for partition, (_, end) in beginning.before.items()},
        "label_schema_id": label_schema_id,
        "acks": settings.kafka.acks,
        "behind_ms": behind_ms(settings),
    }
