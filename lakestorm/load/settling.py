"""What became of orders whose answer was not read: looked up once the server process that had them is gone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import gevent
import psycopg2

from lakestorm.clients.lookup import lines_in_table, living_backends

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lakestorm.clients.postgres import Backend
    from lakestorm.load.transactions import Doubt

POLL_S = 0.1


def settle(
    doubts: Sequence[Doubt], open_one: Callable[[], Backend], reference: Callable[[int], str], wait_s: float
) -> list[Doubt]:
    """Count every doubtful request as recovered or failed; those whose server process outlives `wait_s` come back.

    Args:
        doubts: what to settle.
        open_one: opens a connection; tried again until `wait_s` is over.
        reference: the order reference of a line number.
        wait_s: seconds to wait for the server and its processes.

    Returns:
        what could not be settled: counted as failed, and still in doubt.
    """
    until = time.perf_counter() + wait_s
    backend = _connect(open_one, until) if doubts else None
    if backend is None:
        for doubt in doubts:
            _fail(doubt)
        return list(doubts)
    alive = _wait_until_gone(backend, doubts, until)
    numbers = {reference(n): n for doubt in doubts for n in doubt.intent.lines}
    found = {numbers[ref]: status for ref, status in lines_in_table(backend, list(numbers)).items()}
    backend.close()
    for doubt in doubts:
        _decide(doubt, found)
    return [doubt for doubt in doubts if doubt.backend in alive]


def _connect(open_one: Callable[[], Backend], until: float) -> Backend | None:
    while True:
        try:
            return open_one()
        except psycopg2.OperationalError:
            if time.perf_counter() > until:
                return None
            gevent.sleep(POLL_S)


def _wait_until_gone(backend: Backend, doubts: Sequence[Doubt], until: float) -> set[object]:
    """Server processes that still live when the waiting ends."""
    ours = {doubt.backend for doubt in doubts}
    while alive := ours & living_backends(backend):
        if time.perf_counter() > until:
            break
        gevent.sleep(POLL_S)
    return set(alive)


def _decide(doubt: Doubt, found: dict[int, str]) -> None:
    intent = doubt.intent
    states = {found.get(n) for n in intent.lines}
    done = states == {"cancelled"} if intent.cancels else None not in states
    if done:
        intent.meter.recovered(intent.at, intent.previous_end, doubt.free, doubt.started, doubt.ended)
    else:
        _fail(doubt)


def _fail(doubt: Doubt) -> None:
    i = doubt.intent
    i.meter.failed(doubt.code, i.at, i.previous_end, doubt.free, doubt.started, doubt.ended, doubt.retried)
