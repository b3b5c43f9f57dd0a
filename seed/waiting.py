"""A connection to a database that may still be starting, as it is when this runs as an init container."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from lakestorm.clients.postgres import connect
from lakestorm.errors import UnreachableError
from seed.progress import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakestorm.clients.postgres import Backend
    from lakestorm.settings import PostgresSettings

FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0
APPLICATION_NAME = "lakestorm seed"


def connect_when_up(
    settings: PostgresSettings,
    wait_s: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Backend:
    """One connection in autocommit, without a statement timeout: counting a large table takes its time.

    Tries again after pauses that double from 0.25 s to 5 s, saying why each time.

    Args:
        settings: of the database.
        wait_s: how long to go on trying; 0 = one try.
        clock: seconds, monotonic.
        sleep: waits so many seconds.

    Raises:
        UnreachableError: the last try failed, and wait_s have passed.
    """
    patient = settings.model_copy(update={"statement_timeout_ms": 0})
    give_up_s = clock() + wait_s
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            return connect(patient, application_name=APPLICATION_NAME, autocommit=True)
        except UnreachableError as error:
            left_s = give_up_s - clock()
            if left_s <= 0:
                raise
            pause_s = min(pause_s, LONGEST_PAUSE_S, left_s)
            say(f"{error.__cause__ or error}".strip() + f" Trying again in {pause_s:.2g} s, for {left_s:.0f} s more.")
            sleep(pause_s)
            pause_s *= 2
