"""Users that keep a schedule, at the edges of their lives."""

from __future__ import annotations

import subprocess
import sys

EARLY = """
import gevent.pool
from locust.env import Environment
from lakestorm.load.users import ScheduledUser

class NobodyUser(ScheduledUser):
    abstract = True
    tasks = []

group = gevent.pool.Group()
user = NobodyUser(Environment(user_classes=[]))
user.start(group)
assert user.stop() is True  # killed: it has not begun
group.join(timeout=5)
assert not group
assert user.stop_at > 0
"""
TWICE = """
from locust.env import Environment
from locust.user.task import LOCUST_STATE_RUNNING
from lakestorm.load.users import ScheduledUser

class NobodyUser(ScheduledUser):
    abstract = True

user = NobodyUser(Environment(user_classes=[]))
user._state = LOCUST_STATE_RUNNING
assert user.stop() is False
first = user.stop_at
assert user.stop() is False
assert user.stop_at == first
"""


def run(script: str) -> None:
    """Run a script of its own, since Locust patches the process that imports it."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_a_user_that_has_not_begun_can_be_stopped() -> None:
    """Locust may tell a user to stop before its greenlet had a turn: it is killed, and nothing breaks."""
    run(EARLY)


def test_a_user_that_is_told_twice_goes_on_stopping() -> None:
    """The second time changes nothing: what is intended after the first was never offered."""
    run(TWICE)
