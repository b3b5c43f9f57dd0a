"""Acknowledged logins a second of one process, and CPU a login: ours against a bare loop, Kafka's tool, a poll each."""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lakestorm.clients.producing import BATCH_BYTES, LINGER_MS
from lakestorm.sandbox import downloads
from lakestorm.sandbox.java_service import java
from tests.benchmarks.bare_producer import HEADERS, encoded
from tests.benchmarks.harness import ROOT, Row, alternate, timed
from tests.benchmarks.shop import VERDICTS

if TYPE_CHECKING:
    from collections.abc import Mapping

SECONDS, USERS = 6, 4
SERVICES = ("kafka", "registry")
RECORDS = 600_000
"""Of Kafka's tool, which counts records and not seconds: about ten seconds of them."""


def run(env: Mapping[str, str], rounds: int) -> list[Row]:
    """Four rows: events a second against each peer, and CPU an event."""
    sides = (lakestorm, partial(bare, "window"), kafka_tool_per_s, partial(bare, "blocking"))
    ours, window, tool, blocking = alternate(rounds, *(partial(side, env=fresh(env)) for side in sides))
    rate, cpu = ([found[what] for found in ours] for what in ("per_s", "cpu_us"))
    bare_rate, bare_cpu = ([found[what] for found in window] for what in ("per_s", "cpu_us"))
    what = "logins acknowledged, closed loop"
    return [
        Row(what, "per s", rate, bare_rate, "bare confluent-kafka + fastavro", "≥ 0.7"),
        Row(what, "per s", rate, tool, "kafka-producer-perf-test, records of equal size"),
        Row(what, "per s", rate, [found["per_s"] for found in blocking], "a poll for each record", "≥ 10"),
        Row("CPU of a login", "µs", cpu, bare_cpu, "bare confluent-kafka + fastavro"),
    ]


def fresh(env: Mapping[str, str]) -> dict[str, str]:
    """Settings of a closed loop without a history; topics are chosen for each round."""
    return {**env, "LOGIN_GEN_EVERY_MS": "0", "LOGIN_BACKFILL_DAYS": "0", "THRESHOLDS_FILE": ""}


def topics() -> dict[str, str]:
    """Topics that nobody has used."""
    name = f"bench-{secrets.token_hex(4)}"
    return {"LOGIN_TOPIC": name, "LOGIN_LABELS_TOPIC": f"{name}-labels"}


def lakestorm(env: Mapping[str, str]) -> dict[str, float]:
    """The logins under Locust: `per_s` and `cpu_us` an event, over the whole run."""
    command: list[str | Path] = [
        sys.executable, "-m", "locust", "-f", ROOT / "locustfiles" / "login.py", "--headless", "--only-summary",
        "-u", str(USERS), "-r", str(USERS), "-t", f"{SECONDS}s",
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        timed(command, {**env, **topics()}, Path(folder), accepted=VERDICTS)
        run = json.loads((Path(folder) / "results" / "latest" / "run.json").read_text())
    events = run["requests"]["KAFKA login.produce"]["total"]["completed"]
    instrument = run["instrument"]
    return {"per_s": events / instrument["lasted_s"], "cpu_us": instrument["cpu_s"] / events * 1e6}


def bare(how: str, env: Mapping[str, str]) -> dict[str, float]:
    """A bare loop: `per_s` and `cpu_us`."""
    command = [sys.executable, "-m", "tests.benchmarks.bare_producer", how, str(SECONDS)]
    found: dict[str, float] = json.loads(timed(command, {**env, **topics()}).output)
    return found


def kafka_tool_per_s(env: Mapping[str, str]) -> float:
    """Kafka's own measuring producer with our batches and pauses; it sends no headers, so its values are as long."""
    size = len(encoded(1)) + sum(len(name) + len(value or b"") for name, value in HEADERS)
    properties = [
        f"bootstrap.servers={env['KAFKA_BROKERS']}", "acks=all", f"linger.ms={LINGER_MS}", f"batch.size={BATCH_BYTES}",
    ]  # fmt: skip
    options = ["--topic", topics()["LOGIN_TOPIC"], "--num-records", str(RECORDS), "--record-size", str(size)]
    command = [java(), "-Xmx512m", "org.apache.kafka.tools.ProducerPerformance", *options, "--throughput", "-1"]
    classpath = os.pathsep.join(map(str, downloads.ready("kafka")))
    output = timed([*command, "--producer-props", *properties], {"CLASSPATH": classpath}).output
    told = re.findall(r"([\d.]+) records/sec", output)
    if not told:
        raise RuntimeError(f"Kafka's tool told no rate:\n{output}")
    return float(told[-1])
