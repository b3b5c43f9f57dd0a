"""The probes' process as a run starts it, with everything that it says; and processes that are stopped for a while."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Self

import psutil
from confluent_kafka import Consumer, TopicPartition

from lakestorm.probes.stream import LineReader, ReadingMessage
from lakestorm.settings import Settings
from tests.integration.locust_process import OURS, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import pytest

LIMIT_S = 40
RUN = "0192f3c0a1b2c3d"


class ProbesProcess:
    """`python -m lakestorm.probes`; ends with the `with` block."""

    def __init__(self, env: Mapping[str, str], cwd: Path) -> None:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lakestorm.probes", "--run", RUN, "--folder", str(cwd)],
            env={**clean, "PYTHONPATH": str(ROOT), **env},
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self.readings: list[ReadingMessage] = []
        self.broken = 0
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._listener.join(LIMIT_S)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def since(self, moment: float) -> list[ReadingMessage]:
        """Readings whose answer came after a moment of the clock."""
        return [reading for reading in list(self.readings) if reading.at > moment]

    def wait_for(self, holds: Callable[[list[ReadingMessage]], bool], moment: float = 0.0) -> list[ReadingMessage]:
        """Wait until something holds for the readings since a moment; they."""
        until = time.monotonic() + LIMIT_S
        while not holds(self.since(moment)):
            if time.monotonic() > until or self.process.poll() is not None:
                raise AssertionError(f"this did not come: {self.since(moment)[-40:]}")
            time.sleep(0.05)
        return self.since(moment)

    def _listen(self) -> None:
        reader = LineReader()
        assert self.process.stdout is not None
        while data := self.process.stdout.read(65_536):
            self.readings += [m for m in reader.feed(data) if isinstance(m, ReadingMessage)]
            self.broken = reader.broken


def has_values(*probes: str) -> Callable[[list[ReadingMessage]], bool]:
    """Whether every one of these probes gave a number."""
    return lambda readings: set(probes) <= {r.probe for r in readings if r.value is not None}


def has_errors(*probes: str) -> Callable[[list[ReadingMessage]], bool]:
    """Whether every one of these probes had an error."""
    return lambda readings: set(probes) <= {r.probe for r in readings if r.error}


@contextlib.contextmanager
def paused(pid: int) -> Iterator[None]:
    """A process and its children stopped by SIGSTOP, and let go on."""
    main = psutil.Process(pid)
    family = [main, *main.children(recursive=True)]
    for one in family:
        one.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.send_signal(signal.SIGCONT)


def settings_of(env: Mapping[str, str], patch: pytest.MonkeyPatch) -> Settings:
    """Settings as a process with this environment would load them."""
    for name in [name for name in os.environ if name.startswith(OURS)]:
        patch.delenv(name)
    for name, value in env.items():
        patch.setenv(name, value)
    return Settings.load()


def commit(env: Mapping[str, str], group: str, offsets: Mapping[tuple[str, int], int]) -> None:
    """Park a consumer group, which nobody is in, at offsets by (topic, partition)."""
    consumer = Consumer({"bootstrap.servers": env["KAFKA_BROKERS"], "group.id": group, "enable.auto.commit": False})
    places = [TopicPartition(topic, partition, offset) for (topic, partition), offset in offsets.items()]
    consumer.commit(offsets=places, asynchronous=False)
    consumer.close()
