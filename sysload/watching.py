"""Watches the health checks: asks each on its own schedule, and keeps what they and the container engine say."""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import TYPE_CHECKING

from sysload.checks import checks_of
from sysload.engine import Engine, EngineError, contradicts
from sysload.health import Health, Latencies, Quantiles
from sysload.polling import Poller
from sysload.second import Watched

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakestorm.settings import Settings
    from sysload.checks import Check
    from sysload.health import Pressure, Transition

ENGINE_EVERY_S = 2.0
CLOSE_S = 0.5
"""How long an asking may go on after `close`; then it is left to end with the process."""
STUCK_S = 10.0


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """One check: what the pressure did to it, and whether the container engine saw the same.

    Args:
        target: as in `Watched`.
        before: latencies before any pressure.
        under: latencies under it.
        engine_contradicted_s: for how long the engine said up while we saw down, or the reverse.
        transitions: the last changes, the oldest first, at most 1000; `at_s` is seconds of the UTC epoch.
    """

    target: str
    before: Quantiles
    under: Quantiles
    engine_contradicted_s: float
    transitions: tuple[Transition, ...]


class Watch:
    """All that is known of one check; guarded by the watcher's lock."""

    def __init__(self, check: Check) -> None:
        self.check = check
        self.health = Health()
        self.latencies = Latencies()
        self.engine_words = ""
        self.engine_contradicted_s = 0.0
        self.asking_since_s: float | None = None


class Watcher:
    """A thread for each check, one for the engine. Usable once: `start`, then `states` at any time, then `close`.

    Args:
        settings: `SYSLOAD_WATCH` and those it leans on.

    Raises:
        SettingsError: what is to be watched cannot be understood, or the engine's socket is none.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.sysload
        self._poller = Poller(settings)
        self._watches = [Watch(check) for check in checks_of(settings)]
        wants_engine = self._settings.engine_socket and self._watches
        self._engine = Engine(self._settings.engine_socket) if wants_engine else None
        self._engine_problem = ""
        self._pressure: Pressure = "before"
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def baseline_s(self) -> float:
        """How long the pressure should wait after `start`, so that there is something to compare with."""
        return self._settings.watch_baseline_s if self._watches else 0.0

    def start(self) -> None:
        """Begin to ask; the checks take turns, so that they do not all ask at the same instant."""
        gap_s = self._settings.watch_every_s / max(1, len(self._watches))
        for turn, watch in enumerate(self._watches):
            self._spawn(f"watch {watch.check.name}", self._watch, watch, turn * gap_s)
        if self._engine is not None:
            self._spawn("engine", self._watch_engine)

    def _spawn(self, name: str, run: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=run, args=arguments, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def set_pressure(self, *, is_on: bool) -> None:
        """Say whether there is pressure now; what was asked before the first time there was is the baseline."""
        with self._lock:
            if is_on:
                self._pressure = "under"
            elif self._pressure == "under":
                self._pressure = "between"

    def states(self) -> tuple[Watched, ...]:
        """Each check as it is now, in the order of the setting."""
        now_s = time.monotonic()
        with self._lock:
            return tuple(watched(watch, now_s) for watch in self._watches)

    def comparisons(self) -> tuple[Comparison, ...]:
        """Each check before and under pressure, in the order of the setting."""
        to_epoch_s = time.time() - time.monotonic()
        with self._lock:
            return tuple(comparison(watch, to_epoch_s) for watch in self._watches)

    def problems(self) -> list[str]:
        """A sentence for each of its own threads that is dead or stuck; empty before `start` and after `close`."""
        if self._ended.is_set():
            return []
        now_s, limit_s = time.monotonic(), self._settings.watch_timeout_s + STUCK_S
        dead = [f"The thread {thread.name} is dead." for thread in self._threads if not thread.is_alive()]
        with self._lock:
            waits = [
                (watch, now_s - watch.asking_since_s) for watch in self._watches if watch.asking_since_s is not None
            ]
        stuck = [f"{w.check.name} has been asked for {s:.0f} s." for w, s in waits if s > limit_s]
        return dead + stuck

    @property
    def engine_problem(self) -> str:
        """Why the container engine is not heard at this moment, a sentence; empty if it is, or is not asked."""
        with self._lock:
            return self._engine_problem

    def close(self) -> None:
        """Stop asking; waits half a second at most for what is under way."""
        self._ended.set()
        until_s = time.monotonic() + CLOSE_S
        for thread in self._threads:
            thread.join(max(0.0, until_s - time.monotonic()))

    def _watch(self, watch: Watch, first_after_s: float) -> None:
        due_s = time.monotonic() + first_after_s
        while not self._ended.wait(max(0.0, due_s - time.monotonic())):
            self._ask(watch)
            due_s = next_due(due_s, self._settings.watch_every_s, time.monotonic())

    def _ask(self, watch: Watch) -> None:
        with self._lock:
            pressure, watch.asking_since_s = self._pressure, time.monotonic()
        answer = self._poller.ask(watch.check)
        with self._lock:
            watch.health.add(answer)
            watch.asking_since_s = None
            if pressure == self._pressure:  # what was asked while it changed is of neither kind
                watch.latencies.add(answer.latency_s, pressure)

    def _watch_engine(self) -> None:
        before_s = time.monotonic()
        while not self._ended.wait(max(0.0, before_s + ENGINE_EVERY_S - time.monotonic())):
            now_s = time.monotonic()
            self._ask_engine(now_s - before_s)
            before_s = now_s

    def _ask_engine(self, since_last_s: float) -> None:
        words: dict[str, str] = {}
        problem = ""
        try:
            words = self._engine.words_for([w.check for w in self._watches]) if self._engine else {}
        except EngineError as error:
            problem = str(error)
        with self._lock:
            self._engine_problem = problem
            for watch in self._watches:
                watch.engine_words = words.get(watch.check.name, "")
                if watch.engine_words and contradicts(watch.health.state, watch.engine_words):
                    watch.engine_contradicted_s += since_last_s


def next_due(due_s: float, every_s: float, now_s: float) -> float:
    """The next time on the schedule that is not past; times that a slow answer took are left out, not caught up."""
    return due_s + every_s * max(1, -((due_s - now_s) // every_s))


def watched(watch: Watch, now_s: float) -> Watched:
    """A check as a row has it."""
    health = watch.health
    latency_s = health.last.latency_s if health.last and health.last.is_up else None
    return Watched(
        target=watch.check.name,
        state=health.state,
        latency_ms=None if latency_s is None else latency_s * 1000,
        state_for_s=max(0.0, now_s - health.since_s) if health.last else 0.0,
        changes=health.changes,
        is_flapping=health.is_flapping,
        engine=watch.engine_words,
        error=health.last.error if health.last else "",
    )


def comparison(watch: Watch, to_epoch_s: float) -> Comparison:
    """A check before and under pressure; its transitions on the UTC epoch."""
    return Comparison(
        target=watch.check.name,
        before=watch.latencies.before,
        under=watch.latencies.under,
        engine_contradicted_s=watch.engine_contradicted_s,
        transitions=tuple(dataclasses.replace(t, at_s=t.at_s + to_epoch_s) for t in watch.health.transitions),
    )
