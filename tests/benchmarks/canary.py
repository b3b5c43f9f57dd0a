"""Does the canary tell the truth? Each order against stamps of database and broker, a bare consumer, and a pause.

The topic's records are stamped by the broker when it appends them (LogAppendTime), so both sides can be asked how long
after that they had a record: the canary, and a consumer in a process of its own that does nothing else. From the
database's stamp of the commit until that consumer had the record is the whole way by others' word; what the canary says
beyond or below is its error. In the middle the connector's process is stopped for a while (SIGSTOP).
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import psutil
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType

from lakestorm.model.orders import CANARY_PROCESS, RunKey
from lakestorm.probes.stream import FINISH, START, LineReader, ReadingMessage, RequestMessage
from tests.benchmarks.harness import ROOT, Row
from tests.integration.change_topic import PURCHASES, changes
from tests.integration.locust_process import make_shop, rows
from tests.integration.probes_process import paused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    Series = npt.NDArray[np.float64]

SERVICES = ("postgres", "kafka", "connect")
EVERY_MS = 50
CALM_S, PAUSE_S, AFTER_S, READY_S = 12.0, 5.0, 3.0, 6.0
HELD_MS = 500.0
"""An order that takes longer was held up by the pause."""
SHARE, FLOOR_MS = 0.02, 1.0
"""What is allowed: the greater of the two, beyond what the process's own threads were late."""


class Said(NamedTuple):
    """What the canary says of one order: when it was due, by the monotonic clock; milliseconds of its hops."""

    due: float
    whole_ms: float
    seen_ms: float
    late_ms: float


class Stamps(NamedTuple):
    """What others say of it, seconds since 1970: stamped by the database, by the broker, read by a bare consumer."""

    committed_at: float
    appended_at: float
    read_at: float


@dataclasses.dataclass(frozen=True, slots=True)
class Flown:
    """All orders of a round; shape (orders,) each.

    Attributes:
        whole_ms: from the commit's sending until the canary had the record, as it says.
        true_ms: from the database's stamp until a bare consumer had it.
        seen_ms: from the broker's stamp until the canary had it.
        bare_ms: from the broker's stamp until the bare consumer had it.
        late_ms: how late the canary's schedule woke.
    """

    whole_ms: Series
    true_ms: Series
    seen_ms: Series
    bare_ms: Series
    late_ms: Series

    @property
    def error_ms(self) -> Series:
        """By how much the canary differs."""
        return np.abs(self.whole_ms - self.true_ms)

    def within(self) -> float:
        """Per cent of orders whose error is allowed: beyond the p99 of the process's own lateness."""
        own = np.percentile(self.late_ms, 99)
        return float(100 * np.mean(self.error_ms - own <= np.maximum(FLOOR_MS, SHARE * self.true_ms)))


def run(env: Mapping[str, str], rounds: int) -> list[Row]:
    """Nine rows over all rounds; the load average is one of them, since a busy machine makes any thread late."""
    if not rows(env, "SELECT count(*) FROM users")[0][0]:
        make_shop(env, items=1, users=1)
    stamp_by_broker(env)
    flown = [fly(env) for _ in range(max(1, rounds // 2))]
    way, stamp, bare = "a commit's whole way", "from the broker's stamp until it is seen", "a bare consumer"
    others = "the database's stamp, and a bare consumer"
    return [
        Row(f"{way}, median", "ms", *by_both(flown, "whole_ms", "true_ms", 50), others, "≤ 1.02"),
        Row(f"{way}, p99", "ms", *by_both(flown, "whole_ms", "true_ms", 99), others, "≤ 1.02"),
        Row(f"the longest, over a pause of {PAUSE_S:g} s", "ms", *of_pauses(flown), others, "≤ 1.02"),
        Row(f"{stamp}, median", "ms", *by_both(flown, "seen_ms", "bare_ms", 50), bare, "≤ 1.2"),
        Row(f"{stamp}, p99", "ms", *by_both(flown, "seen_ms", "bare_ms", 99), bare),
        Row("error of a single order, median", "ms", [float(np.median(of.error_ms)) for of in flown], [], ""),
        Row("lateness of the canary's schedule, p99", "ms", [percentile(of.late_ms, 99) for of in flown], [], ""),
        Row(
            f"orders with an error of {SHARE:.0%} or {FLOOR_MS:g} ms beyond that lateness at most",
            "%", [of.within() for of in flown], [], "",
        ),
        Row("load average meanwhile", "threads", [os.getloadavg()[0]], [], ""),
    ]  # fmt: skip


def by_both(flown: list[Flown], ours: str, theirs: str, percent: float) -> tuple[list[float], list[float]]:
    """A percentile of two series of orders that no pause held up, by round."""
    calm = [(of, of.true_ms < HELD_MS) for of in flown]
    mine, others = ([percentile(getattr(of, name)[now], percent) for of, now in calm] for name in (ours, theirs))
    return mine, others


def of_pauses(flown: list[Flown]) -> tuple[list[float], list[float]]:
    """What the order that a pause held up longest took, as both sides have it, by round."""
    return [float(of.whole_ms.max()) for of in flown], [float(of.true_ms.max()) for of in flown]


def percentile(values: Series, percent: float) -> float:
    """One number."""
    return float(np.percentile(values, percent))


def stamp_by_broker(env: Mapping[str, str]) -> None:
    """Records are stamped when they are appended, by the broker's clock."""
    entry = ConfigEntry("message.timestamp.type", "LogAppendTime", incremental_operation=AlterConfigOpType.SET)
    topic = ConfigResource(ResourceType.TOPIC, PURCHASES, incremental_configs=[entry])
    client = AdminClient({"bootstrap.servers": env["KAFKA_BROKERS"]})
    for done in client.incremental_alter_configs([topic]).values():
        done.result(timeout=30)


def fly(env: Mapping[str, str]) -> Flown:
    """One round: calm, a pause, and calm again."""
    key = RunKey.new(int(time.time() * 1e3), secrets.randbits(16))
    settings = {**env, "CANARY_EVERY_MS": str(EVERY_MS)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bare = process(["tests.benchmarks.bare_consumer", env["KAFKA_BROKERS"], PURCHASES], folder / "bare", settings)
        canary = ["lakestorm.probes", "--run", key.hex, "--folder", name]
        with bare, process(canary, folder / "said", settings) as probes:
            assert probes.stdin is not None
            time.sleep(READY_S)
            probes.stdin.write(START + b"\n")
            time.sleep(CALM_S)
            with paused(connect_of(env)):
                time.sleep(PAUSE_S)
            time.sleep(AFTER_S)
            probes.stdin.write(FINISH + b"\n")
            probes.wait(timeout=60)  # its input stays open: the end of that would end it at once
            time.sleep(1)
        read = dict(line.split() for line in (folder / "bare").read_text().splitlines())
        orders = sorted(said_in((folder / "said").read_bytes()))
    return compared(orders, stamps_of(env, key, len(orders), read))


@contextlib.contextmanager
def process(module: list[str], output: Path, env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A module of ours that runs meanwhile, and writes into a file."""
    settings = {**os.environ, **env, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", *module]
    with (
        output.open("wb") as out,
        subprocess.Popen(
            command, env=settings, cwd=output.parent, stdin=subprocess.PIPE, stdout=out, bufsize=0
        ) as started,
    ):
        try:
            yield started
        finally:
            started.kill()


def said_in(output: bytes) -> Iterator[Said]:
    """What the probes' process says of its orders; raises RuntimeError if one did not come."""
    hops: dict[str, float] = {}
    for message in LineReader().feed(output):
        if isinstance(message, ReadingMessage) and message.probe == "canary" and message.value is not None:
            hops[message.name] = message.value
        if isinstance(message, RequestMessage):
            if message.outcome != "completed":
                raise RuntimeError(f"An order {message.outcome} ({message.code}): the pipeline does not work.")
            whole, seen, late = (hops[name] for name in ("sent_to_seen", "record_to_seen", "schedule_delay"))
            yield Said(message.offered, whole, seen, late)


def stamps_of(env: Mapping[str, str], key: RunKey, count: int, read: Mapping[str, str]) -> list[Stamps]:
    """By number, from the topic as a stranger reads it; raises KeyError if one of them is not there."""
    found = {(change["after"] or {}).get("order_ref"): change for change in changes(env, PURCHASES) if change}
    references = [key.reference(CANARY_PROCESS, number) for number in range(count)]
    return [
        Stamps(found[ref]["source"]["ts_us"] / 1e6, found[ref]["recorded_at"], float(read[ref])) for ref in references
    ]


def compared(said: list[Said], stamps: list[Stamps]) -> Flown:
    """Both sides by number: the n-th that was due is number n."""
    _, whole, seen, late = np.array(said).T
    committed, appended, read = np.array(stamps).T
    return Flown(whole, (read - committed) * 1e3, seen, (read - appended) * 1e3, late)


def connect_of(env: Mapping[str, str]) -> int:
    """The pid of the process that listens where Connect is."""
    here = urlsplit(env["CONNECT_URL"])
    listening = (s for s in psutil.net_connections("tcp") if s.status == psutil.CONN_LISTEN)
    return next(s.pid for s in listening if s.pid and s.laddr == (here.hostname, here.port))
