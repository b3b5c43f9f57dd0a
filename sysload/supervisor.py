"""Keeps the workers alive: started together, a dead one started again and counted, all ended at the end."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sysload.child import Child

READY_WITHIN_S = 10.0
END_WITHIN_S = 1.0
"""Of the two seconds that are promised for everything."""
SHORT_LIFE_S = 10.0
LONGEST_WAIT_S = 30.0


@dataclasses.dataclass
class Post:
    """The place of one worker.

    Attributes:
        child: that fills it.
        began_s: when it was started last.
        short_lives: how often in a row it died young.
        due_s: when it is to be started again; None while it lives.
    """

    child: Child
    began_s: float = 0.0
    short_lives: int = 0
    due_s: float | None = None

    def died(self, now_s: float) -> None:
        """Plan its next start: at once, or 1, 2, 4 … 30 s later where it keeps dying young."""
        self.short_lives = self.short_lives + 1 if now_s - self.began_s < SHORT_LIFE_S else 0
        wait_s = min(LONGEST_WAIT_S, 2.0 ** (self.short_lives - 2)) if self.short_lives > 1 else 0.0
        self.due_s = now_s + wait_s

    def start(self, now_s: float) -> None:
        """Start it."""
        self.child.start()
        self.began_s, self.due_s = now_s, None


class Supervisor:
    """All workers.

    Args:
        children: not started yet.
        say: takes sentences for whoever runs it.
        clock: seconds, monotonic.

    Attributes:
        restarts: of workers that died, so far.
    """

    def __init__(
        self, children: Iterable[Child], say: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.posts = [Post(child) for child in children]
        self.restarts = 0
        self._say, self._clock = say, clock

    @property
    def children(self) -> list[Child]:
        """All of them, in the order they were given."""
        return [post.child for post in self.posts]

    def start(self) -> None:
        """Start all, and wait until each has told that it is there, so that they begin to work at one time."""
        for post in self.posts:
            post.start(self._clock())
        until_s = self._clock() + READY_WITHIN_S
        while any(not child.report and child.is_alive for child in self.children) and self._clock() < until_s:
            time.sleep(0.01)
            self.listen()

    def listen(self) -> None:
        """Take what all have told."""
        for child in self.children:
            child.listen()

    def revive(self) -> None:
        """Start dead ones again when it is their time."""
        now_s = self._clock()
        for post in (post for post in self.posts if not post.child.is_alive):
            if post.due_s is None:
                self._say(f"The {post.child.name} worker (process {post.child.pid}) is dead: it is started again.")
                post.died(now_s)
            if post.due_s is not None and post.due_s <= now_s:
                post.start(now_s)
                self.restarts += 1

    def dead(self) -> int:
        """How many are dead now."""
        return sum(not child.is_alive for child in self.children)

    def close(self) -> None:
        """End all: they let go by themselves, or are killed a second later."""
        for child in self.children:
            child.hang_up()
        until_s = self._clock() + END_WITHIN_S
        for child in self.children:
            child.release(until_s)
