"""The abstract user behind the logins: a place in the schedule, while journeys belong to the accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakestorm.load.login_part import LoginPart
from lakestorm.load.users import ScheduledUser

if TYPE_CHECKING:
    from lakestorm.load.measuring import Meter


BURST = 64
"""Logins of a closed loop between two looks at the window and at the clock: a third of a millisecond."""


class LoginProducer(ScheduledUser):
    """Hands over logins on time and does not wait for their acknowledgement: the next one is due whatever it does."""

    abstract = True

    def on_start(self) -> None:
        """Find the stream."""
        super().on_start()
        self.stream_: LoginPart = self.run_.part(LoginPart)
        self._most = 1 if self.period_s else BURST

    @property
    def period_s(self) -> float:
        """`LOGIN_GEN_EVERY_MS` in seconds."""
        return self.run_.settings.login.gen_every_ms / 1e3

    @property
    def arrivals(self) -> str:
        """Equal gaps with a random phase."""
        return "regular"

    def decide(self, intended: float) -> tuple[Meter, Any]:  # noqa: ARG002 - as the base class has it
        """Every request is a login."""
        return self.stream_.meter, None

    def log_in(self, intended: float) -> None:
        """One login; in the closed loop several, one after the other."""
        self.previous_end = self.stream_.produce(intended, self.previous_end, self._most)
