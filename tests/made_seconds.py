"""Seconds of sys-load for tests, without a load: nearly every number is another, so that none stands in for another."""

from __future__ import annotations

from sysload.second import Achieved, Container, Host, Second, Stall, Targets, Watched

AT = 1_770_091_445
"""2026-02-03T04:04:05Z."""


def a_second(at: int = AT, *, watched: int = 1) -> Second:
    """One second, with something null in it and text that is not ASCII."""
    return Second(
        at=at,
        over_s=1.0,
        phase="Spitze äöü",
        targets=Targets(cpu_percent=40.5, memory_mb=300.0, disk_mbps=5.0),
        achieved=Achieved(
            cpu_percent=39.75, memory_mb=299.0, churn_mbps=1.5, disk_read_mbps=2.25, disk_write_mbps=2.75
        ),
        host=Host(
            cpu_percent=55.5, steal_percent=0.5, load_1=1.25, memory_available_mb=8000.0, memory_used_mb=4000.0,
            swap_used_mb=0.0, disk_read_mbps=3.0, disk_write_mbps=4.0, net_received_mbps=0.125, net_sent_mbps=0.25,
            disk_free_mb=50_000.0,
        ),
        container=Container(
            cores=2.0, cpu_percent=41.0, throttled_ms=None, memory_used_mb=512.0, memory_limit_mb=None
        ),
        stall=Stall(cpu_some=12.5, memory_some=0.0, memory_full=0.1, io_some=None, io_full=None),
        watched=tuple(a_watched(number) for number in range(watched)),
        restarts=1,
        workers_dead=0,
        shortfalls=("the disk is slow",),
    )  # fmt: skip


def a_watched(number: int) -> Watched:
    """One health check; every other one is down."""
    is_up = number % 2 == 0
    return Watched(
        target=f"http://127.0.0.1:{8000 + number}/healthz",
        state="up" if is_up else "down",
        latency_ms=1.5 if is_up else None,
        state_for_s=12.0,
        changes=number,
        is_flapping=not is_up,
        engine="",
        error="" if is_up else "Verbindung verweigert",
    )
