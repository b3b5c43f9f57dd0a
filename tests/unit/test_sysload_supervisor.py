"""When a dead worker is started again, with real processes that die at once."""

from __future__ import annotations

import itertools
import time

import pytest

from sysload.child import Child
from sysload.supervisor import Post, Supervisor


def test_who_dies_young_waits_longer_each_time() -> None:
    """The first time at once, then after 1, 2, 4 … 30 s; a long life makes good again."""
    post, now_s, waits = Post(Child("x", "x")), 100.0, []
    for _ in range(8):
        post.began_s = now_s
        post.died(now_s + 1)
        assert post.due_s is not None
        waits.append(post.due_s - now_s - 1)
        now_s += 40
    assert waits == [0, 1, 2, 4, 8, 16, 30, 30]
    post.began_s = now_s
    post.died(now_s + 3600)
    assert post.due_s == now_s + 3600


@pytest.mark.parametrize("module", ["sysload.cpu_worker", "sysload.memory_worker", "sysload.disk_worker"])
def test_a_worker_ends_when_nobody_orders_it(module: str) -> None:
    """A worker tells that it is there, and ends by itself when its orders end, even before the first."""
    child = Child("x", module)
    supervisor = Supervisor([child], say=lambda _: None)
    supervisor.start()
    assert child.report == {"is_ready": True}
    child.hang_up()
    until_s = time.monotonic() + 5
    while child.is_alive and time.monotonic() < until_s:
        time.sleep(0.01)
    assert not child.is_alive
    assert supervisor.dead() == 1
    supervisor.close()


def test_a_dead_worker_is_started_again_and_counted() -> None:
    """A worker that dies is told of once, runs again at the next look, and later deaths wait their time."""
    told: list[str] = []
    now_s = [0.0]
    child = Child("broken", "sysload.no_such_module")
    supervisor = Supervisor([child], told.append, clock=lambda: now_s[0])
    supervisor.start()
    pids = [child.pid]
    for at_s in (1.0, 1.5, 2.0, 2.9, 3.1):
        while child.is_alive:
            time.sleep(0.01)
        now_s[0] = at_s
        supervisor.revive()
        pids.append(child.pid)
    # It starts again at 1.0, dies young a second time (seen at 1.5, due at 2.5), and starts at 2.9.
    assert [pid != before for before, pid in itertools.pairwise(pids)] == [True, False, False, True, False]
    assert supervisor.restarts == 2
    assert told[0] == f"The broken worker (process {pids[0]}) is dead: it is started again."
    assert len(told) == 3
    supervisor.close()
