"""The generator watches itself: how late its event loop is, and how much CPU it takes."""

from __future__ import annotations

import array
import time
from typing import Any

import gevent
import numpy as np
import psutil

from lakestorm.record.histograms import Histogram

TICK_S = 0.010


class SelfWatch:
    """Two greenlets' worth of readings; `start` and `stop` them around a run."""

    def __init__(self) -> None:
        self._late = array.array("d")
        self._cpu: list[float] = []
        self._greenlets: list[gevent.Greenlet] = []
        self._began = self._lasted_s = 0.0
        self._cpu_began = self._cpu_s = 0.0

    def start(self) -> None:
        """Begin to tick."""
        self._began, self._cpu_began = time.perf_counter(), time.process_time()
        self._greenlets = [gevent.spawn(self._tick), gevent.spawn(self._watch_cpu)]

    def stop(self) -> None:
        """End both."""
        self._lasted_s, self._cpu_s = time.perf_counter() - self._began, time.process_time() - self._cpu_began
        gevent.killall(self._greenlets)

    def readings(self) -> dict[str, Any]:
        """`loop_lag_ms` (how much later than asked a 10 ms sleep ended), CPU from start to stop.

        `lasted_s` of the load, `cpu_s` used by this process meanwhile, `cpu_percent` of one core by seconds.
        """
        lag = Histogram()
        lag.add(np.frombuffer(self._late, dtype=np.float64).copy())
        return {
            "loop_lag_ms": lag.latency(),
            "lasted_s": self._lasted_s,
            "cpu_s": self._cpu_s,
            "cpu_percent": {"mean": float(np.mean(self._cpu)), "max": max(self._cpu)} if self._cpu else None,
        }

    def _tick(self) -> None:
        while True:
            before = time.perf_counter()
            gevent.sleep(TICK_S)
            self._late.append(max(0.0, time.perf_counter() - before - TICK_S))

    def _watch_cpu(self) -> None:
        process = psutil.Process()
        process.cpu_percent()
        while True:
            gevent.sleep(1.0)
            self._cpu.append(process.cpu_percent())
