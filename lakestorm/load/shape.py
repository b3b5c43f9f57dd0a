"""Load shapes: what Locust asks once a second, answered from a profile, `-u` and `-t`."""

from __future__ import annotations

import dataclasses
import functools
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from locust import LoadTestShape

from lakestorm.errors import LakestormError, UsageError
from lakestorm.model.plan import Plan
from lakestorm.record.recordings import read_recording
from lakestorm.settings import Settings

if TYPE_CHECKING:
    from lakestorm.model.profiles import Profile
    from lakestorm.model.recording import Recording

logger = logging.getLogger(__name__)


class ProfileShape(LoadTestShape):
    """A shape that a concrete class draws with `profile`.

    `-u`, or the form's users, is the peak; `-t`, or the form's run time, is T. Locust itself ignores `--run-time`
    where there is a shape, so `tick` ends the run.

    The spawn rate is ours: as many users a second as the tick changes. A distributed master asks no tick while it
    ramps; at a lower rate it would be late for the next stage, or step over it. So a lower `-r` is refused. The
    form's field is not looked at, because Locust's page always fills it, with 1.
    """

    abstract = True
    use_common_options = True

    profile: ClassVar[Profile]
    users: ClassVar[int] = 50
    """The peak where neither `-u` nor the form says one."""
    run_time_s: ClassVar[float] = 300
    """T in seconds where neither `-t` nor the form says one."""
    doors_open: ClassVar[float | None] = None
    """When doors open, as a part of the run; None = at its start."""

    def __init__(self) -> None:
        super().__init__()
        self._plan: Plan | None = None

    def usual(self) -> Plan:
        """The plan where nobody asks for another peak or run time; raises UsageError if the class is wrong."""
        return Plan(
            name=type(self).__name__,
            profile=self.profile,
            peak_users=self.users,
            run_time_s=self.run_time_s,
            doors_open=self.doors_open,
        )

    def plan(self) -> Plan:
        """The plan of this run, kept until the clock is reset; raises UsageError if users or run time are wrong.

        Kept, because Locust's page takes other numbers while a run goes on; they are for the next one.
        """
        if self._plan is None:
            options = self.runner.environment.parsed_options if self.runner else None
            self._plan = self.plan_of(getattr(options, "num_users", None), getattr(options, "run_time", None))
        return self._plan

    def plan_of(self, users: int | None, run_time_s: float | None) -> Plan:
        """The plan for so many users at the peak and so many seconds, None as usual; raises as `plan` does."""
        asked: dict[str, Any] = {"peak_users": users, "run_time_s": run_time_s}
        return dataclasses.replace(self.usual(), **{k: v for k, v in asked.items() if v is not None})

    def prepare(self) -> None:
        """Before any load: refuse what cannot be run; raises UsageError, or SettingsError for a recording.

        Locust puts 1 where `-u` is not given, after this; so the usual peak is put there now, and in the form.
        """
        options = self.runner.environment.parsed_options
        plan = self.plan()
        if options.num_users is None:
            options.num_users = plan.peak_users
        if options.spawn_rate is not None and options.spawn_rate < (change := plan.largest_change()):
            raise UsageError(
                f"{plan.name}: the spawn rate (-r) is {options.spawn_rate:g}; leave it out. The shape sets it: up to"
                f" {change} users come or go at once, and with fewer a second a stage would be missed."
            )

    def reset_time(self) -> None:
        """Start the clock, and forget the plan of the run before."""
        self._plan = None
        super().reset_time()

    def tick(self) -> tuple[int, float] | None:
        """(users, spawn rate) of this second; None when the run is over, or if the form asks for what cannot be."""
        try:
            plan = self.plan()
        except LakestormError as error:
            logger.error("%s", error)  # noqa: TRY400 - a sentence for who filled in the form, no traceback
            return None
        elapsed_s = self.get_run_time()
        session = getattr(self.runner.environment, "lakestorm", None)  # somebody else's users may follow our shape
        if session is not None and session.holds_shape:
            last: tuple[int, float] | None = self.runner.shape_last_tick
            return last
        return None if elapsed_s >= plan.run_time_s else self._order(plan.users_at(elapsed_s))

    def peak(self) -> int:
        """Most users at one time."""
        return self.plan().peak_users

    def duration_s(self) -> float:
        """T in seconds."""
        return self.plan().run_time_s

    def doors_open_s(self) -> float | None:
        """When doors open, in seconds since the start; None = the shape does not say."""
        return self.plan().doors_open_s

    def users_at(self, elapsed_s: float) -> int:
        """Users at a moment."""
        return self.plan().users_at(elapsed_s)

    def _order(self, users: int) -> tuple[int, float]:
        """What to tell Locust. It acts on whatever differs from the last tick, so the same users are the same tick."""
        last: tuple[int, float] | None = self.runner.shape_last_tick
        if last is not None and last[0] == users:
            return last
        wanted_before = last[0] if last else 0
        return users, max(1, abs(users - wanted_before), abs(users - self.runner.user_count))


class RecordedShape(ProfileShape):
    """A shape that replays `REPLAY_FILE`; without options with the recording's own peak and duration."""

    abstract = True
    example: ClassVar[Path]
    """What is replayed where REPLAY_FILE is empty."""

    @functools.cached_property
    def recording(self) -> Recording:
        """The recording, read when it is first needed; raises SettingsError."""
        named = Settings.load().replay.file
        return read_recording(Path(named) if named else self.example)

    def usual(self) -> Plan:
        """The recording as it was; raises SettingsError if it cannot be read."""
        return Plan(
            name=type(self).__name__,
            profile=self.recording,
            peak_users=max(1, round(self.recording.peak_users)),
            run_time_s=self.recording.duration_s,
            doors_open=self.doors_open,
        )
