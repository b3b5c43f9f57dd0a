"""The pool: fair, never larger than it may be, and no connection is lost to a kill."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gevent
import psycopg2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.clients.pool import RETRY_CONNECT_S, Pool

if TYPE_CHECKING:
    from collections.abc import Iterator


class Connection:
    """Stands for a connection where no server is needed: open or closed, and when it became free."""

    def __init__(self) -> None:
        self.closed = 0
        self.free_at = -1.0

    def close(self) -> None:
        """As psycopg2's."""
        self.closed = 1


class Server:
    """Opens connections, and knows how many are open."""

    def __init__(self, opening_s: float = 0.0) -> None:
        self.made: list[Connection] = []
        self.most = 0
        self.refuses = False
        self.tries: list[float] = []
        self.now = 0.0
        self._opening_s = opening_s

    def open_one(self) -> Any:
        """A new connection, or the driver's refusal."""
        self.tries.append(self.now)
        gevent.sleep(self._opening_s)
        if self.refuses:
            raise psycopg2.OperationalError("the database system is starting up")
        self.made.append(Connection())
        self.most = max(self.most, self.open)
        return self.made[-1]

    @property
    def open(self) -> int:
        """Connections open now."""
        return sum(not connection.closed for connection in self.made)

    def clock(self) -> float:
        """Time that only passes when a test says so."""
        return self.now


def served(pool: Pool, name: int, order: list[int], hold_s: float = 0.0) -> None:
    """Take a connection, hold it, give it back; a killed holder drops it, as a request does."""
    backend = pool.take()
    order.append(name)
    try:
        gevent.sleep(hold_s)
    except BaseException:
        pool.drop(backend)
        raise
    pool.give(backend)


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    """A pool that forgets a waiter makes a test fail, not hang."""
    with gevent.Timeout(5):
        yield


def test_connections_are_used_again() -> None:
    """One after the other, requests share one connection: the most recently used is taken first."""
    server = Server()
    pool = Pool(server.open_one, 3)
    first = pool.take()
    second = pool.take()
    pool.give(first)
    pool.give(second)
    assert [pool.take(), pool.take()] == [second, first]
    assert len(server.made) == 2


def test_fill_opens_all() -> None:
    """`fill` opens as many as there may be, and they are idle; a refusal is the caller's to hear."""
    server = Server()
    pool = Pool(server.open_one, 3)
    pool.fill()
    assert server.open == 3
    assert len({id(pool.take()) for _ in range(3)}) == 3
    refusing = Server()
    refusing.refuses = True
    with pytest.raises(psycopg2.OperationalError):
        Pool(refusing.open_one, 3).fill()


def test_who_waits_first_is_served_first() -> None:
    """While all are taken, requests queue and are served in the order they came."""
    server = Server()
    pool = Pool(server.open_one, 2)
    order: list[int] = []
    gevent.joinall([gevent.spawn(served, pool, number, order, 0.001) for number in range(20)], raise_error=True)
    assert order == list(range(20))
    assert server.most == 2


def test_no_newcomer_jumps_the_queue() -> None:
    """A connection that comes back goes to who waits, though another asks at that very moment."""
    server = Server()
    pool = Pool(server.open_one, 1)
    backend = pool.take()
    order: list[int] = []
    waiter = gevent.spawn(served, pool, 1, order)
    gevent.sleep(0)
    pool.give(backend)
    newcomer = gevent.spawn(served, pool, 2, order)
    gevent.joinall([waiter, newcomer], raise_error=True)
    assert order == [1, 2]


def test_it_tells_how_long_a_connection_was_free() -> None:
    """`free_at` is when the connection was given back, or when it was opened."""
    server = Server()
    pool = Pool(server.open_one, 1, clock=server.clock)
    server.now = 7.0
    backend = pool.take()
    assert backend.free_at == 7.0
    server.now = 9.0
    pool.give(backend)
    server.now = 20.0
    assert pool.take().free_at == 9.0


def test_a_lost_connection_frees_its_place() -> None:
    """A connection that broke is not given to anybody: whoever waits opens another."""
    server = Server()
    pool = Pool(server.open_one, 1)
    backend = pool.take()
    order: list[int] = []
    waiter = gevent.spawn(served, pool, 1, order)
    gevent.sleep(0)
    backend.close()
    pool.give(backend)
    waiter.get()
    assert order == [1]
    assert (len(server.made), server.open) == (2, 1)


def test_a_dropped_connection_is_closed() -> None:
    """A killed request's connection is closed, since nobody knows what it is doing; its place is free."""
    server = Server()
    pool = Pool(server.open_one, 1)
    backend = pool.take()
    pool.drop(backend)
    assert backend.closed
    assert pool.take() is not backend
    assert server.most == 1


def test_a_refusal_is_told_and_not_repeated_at_once() -> None:
    """When the server refuses, everybody hears it, and nobody tries again for a while: it may be starting."""
    server = Server()
    server.refuses = True
    pool = Pool(server.open_one, 2)
    order: list[int] = []
    requests = [gevent.spawn(served, pool, number, order) for number in range(6)]
    gevent.joinall(requests, timeout=RETRY_CONNECT_S / 5)
    assert len(server.tries) == 2
    server.refuses = False
    gevent.joinall(requests)
    failed = [isinstance(request.exception, psycopg2.OperationalError) for request in requests]
    assert failed == [True, True, False, False, False, False]
    assert sorted(order) == [2, 3, 4, 5]


@pytest.mark.parametrize("moment", ["waiting", "handed a connection", "handed a place", "opening"])
def test_a_kill_costs_nobody_else_anything(moment: str) -> None:
    """Whoever is killed on the way to a connection leaves it, or its place, to the next in the queue."""
    server = Server(opening_s=0.01)
    pool = Pool(server.open_one, 1)
    order: list[int] = []
    if moment == "opening":
        victim = gevent.spawn(served, pool, 1, order)
        gevent.sleep(0.001)
    else:
        backend = pool.take()
        victim = gevent.spawn(served, pool, 1, order)
    next_one = gevent.spawn(served, pool, 2, order)
    gevent.sleep(0)
    victim.kill(block=False)
    if moment == "handed a connection":
        pool.give(backend)
    elif moment == "handed a place":
        pool.drop(backend)
    victim.join()
    if moment == "waiting":
        pool.give(backend)
    next_one.get()
    assert order == [2]
    assert server.open == server.most == 1
    assert len(pool._waiters) == 0


def test_after_closing_nothing_stays_open() -> None:
    """`close` closes what is idle; what is still taken is closed when it comes back."""
    server = Server()
    pool = Pool(server.open_one, 2)
    taken, idle = pool.take(), pool.take()
    pool.give(idle)
    pool.close()
    assert server.open == 1
    pool.give(taken)
    assert server.open == 0


actions = st.lists(
    st.tuples(st.sampled_from(["kill", "break", "refuse", "accept"]), st.integers(0, 29), st.integers(0, 8)),
    max_size=12,
)


@given(size=st.integers(1, 4), what_happens=actions)
def test_whatever_happens_everybody_is_served_or_told(size: int, what_happens: list[tuple[str, int, int]]) -> None:
    """Kills, lost connections and refusals in any order: never more than `size` open, nobody forgotten, none leaked."""
    server = Server(opening_s=0.0005)
    pool = Pool(server.open_one, size, clock=server.clock)
    order: list[int] = []
    requests = [gevent.spawn(served, pool, number, order, 0.0005 * (number % 3)) for number in range(30)]
    for action, number, steps in what_happens:
        for _ in range(steps):
            server.now += 1.0
            gevent.sleep(0)
        if action == "kill":
            requests[number].kill(block=False)
        elif action == "break" and server.made:
            server.made[number % len(server.made)].close()
        else:
            server.refuses = action == "refuse"
    server.refuses = False
    server.now += 10.0
    assert len(gevent.joinall(requests, timeout=4)) == 30, "somebody waits for ever"
    assert server.most <= size
    refused = [request for request in requests if request.exception is not None]
    assert all(isinstance(request.exception, psycopg2.OperationalError) for request in refused)
    killed = {number for action, number, _ in what_happens if action == "kill"}
    told = {number for number, request in enumerate(requests) if request.exception is not None}
    assert set(order) | killed | told == set(range(30))
    assert len(pool._waiters) == 0
    assert server.open == len(pool._idle) == pool._open
