"""The process that burns CPU: `python -m sysload.cpu_worker`, started by the supervisor.

Orders: share, shape, burst_s (as `Demand` has them), nice.
"""

from __future__ import annotations

import os
import time

from sysload.channel import Channel, ParentGoneError, be_first_to_go
from sysload.cpu import CYCLE_S, Controller, Demand

ROUNDS = 500
"""Of arithmetic between two looks at the clock, about 30 µs."""


def main() -> None:
    """Burn as ordered until the parent is gone."""
    channel = Channel()
    be_first_to_go()
    try:
        channel.report(is_ready=True)
        order = channel.first()
        os.nice(order.pop("nice"))
        burn_for(channel, Demand(**order))
    except ParentGoneError:
        return


def burn_for(channel: Channel, demand: Demand) -> None:
    """Cycle after cycle: burn, then sleep in the pipe until the cycle is over or another order comes."""
    controller = Controller(time.monotonic(), time.process_time())
    while True:
        now_s, used_s = time.monotonic(), time.process_time()
        burn(used_s + controller.burn_s(now_s, used_s, demand), now_s + CYCLE_S)
        is_at_rest = not demand.share
        rest_s = None if is_at_rest else max(0.0, now_s + CYCLE_S - time.monotonic())
        if order := channel.wait(rest_s):
            order.pop("nice")
            demand = Demand(**order)
        if is_at_rest:
            controller = Controller(time.monotonic(), time.process_time())


def burn(until_used_s: float, until_s: float) -> None:
    """Do arithmetic until that much CPU time is used, or the clock says that the cycle is over."""
    x = 1
    while time.process_time() < until_used_s and time.monotonic() < until_s:
        for _ in range(ROUNDS):
            x = (x * 0x5851F42D + 0x14057B7E) & 0xFFFFFFFF


if __name__ == "__main__":
    main()
