"""Kafka Connect from Maven Central with the Debezium connector on the shop's tables, and the JMX exporter in it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from lakestorm.clients import connect
from lakestorm.errors import PlatformError, SandboxError, UnreachableError
from lakestorm.sandbox import debezium, downloads
from lakestorm.sandbox.java_service import JavaService
from lakestorm.sandbox.service import LOOPBACK, State, tail
from lakestorm.sandbox.services.kafka import LOGGING, Kafka
from lakestorm.sandbox.services.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

AGENT = "jmx_prometheus_javaagent"
READY_S = 90
ANSWER_S = 30
"""A new connector is tried by Connect before it answers, and the worker may be balancing."""
PAUSE_S = 0.1
WORKER = """
bootstrap.servers={brokers}
group.id=connect
listeners=http://{host}:{port}
rest.advertised.host.name={host}
plugin.path=plugins
plugin.discovery=service_load
key.converter=org.apache.kafka.connect.json.JsonConverter
key.converter.schemas.enable=false
value.converter=org.apache.kafka.connect.json.JsonConverter
value.converter.schemas.enable=false
config.storage.topic=connect-configs
config.storage.replication.factor=1
offset.storage.topic=connect-offsets
offset.storage.replication.factor=1
offset.storage.partitions=1
status.storage.topic=connect-status
status.storage.replication.factor=1
status.storage.partitions=1
offset.flush.interval.ms=1000
scheduled.rebalance.max.delay.ms=0
session.timeout.ms=6000
heartbeat.interval.ms=2000
producer.batch.size=262144
producer.linger.ms=5
producer.compression.type=lz4
config.providers=file
config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider
"""
"""Offsets are flushed each second: the slot is let go of no further than that, and after a kill what follows is sent
again. The session is short, because a killed worker's tasks wait for its end. Batches are what Debezium needs for bulk.
What is streamed is JSON without schemas."""
EXPORTER = r"""
includeObjectNames:
  - "debezium.postgres:*"
  - "kafka.connect:type=source-task-metrics,*"
  - "kafka.connect:type=connector-task-metrics,*"
  - "kafka.connect:type=task-error-metrics,*"
  - "kafka.connect:type=connect-worker-metrics"
rules:
  - pattern: 'debezium.(\w+)<type=connector-metrics, context=([^,]+), server=([^>,]+)><>(\w+)'
    name: debezium_metrics_$4
    labels: {plugin: "$1", context: "$2", name: "$3"}
  - pattern: 'kafka.connect<type=([^,]+), connector=([^,]+), task=([^>,]+)><>([\w-]+)'
    name: kafka_connect_$1_$4
    labels: {connector: "$2", task: "$3"}
  - pattern: 'kafka.connect<type=([^,>]+)><>([\w-]+)'
    name: kafka_connect_$1_$2
"""
"""Named as in Debezium's own example for the exporter, so that what reads these reads other platforms too."""


class Connect(JavaService):
    """One worker of Kafka Connect, with one connector."""

    name = "connect"
    needs = ("postgres", "kafka")
    wanted = (
        f"io.debezium:debezium-connector-postgres:jar:{debezium.VERSION}",
        f"io.prometheus.jmx:{AGENT}:jar:1.0.1",
    )
    has_already = (
        "at.yawk.lz4", "com.github.luben", "jakarta.ws.rs", "org.apache.kafka", "org.slf4j", "org.xerial.snappy",
    )  # fmt: skip
    ports = ("port", "metrics_port")
    options = ("-Xmx512m", "-XX:TieredStopAtLevel=1")
    """Without the second compiler it starts at half the CPU time (4 s for 9), and streams some 6,000 changes a second
    from the first on; with it, 7,000, but only after the first 100,000."""

    def up(self) -> None:
        """See Service."""
        if self._has_moved():
            self.down()
        super().up()

    def state(self) -> State:
        """See Service; a worker whose Kafka or PostgreSQL has another port by now must start anew."""
        found = super().state()
        if found.word == "running" and self._has_moved():
            return State("stale", found.pid, found.port, "Kafka or PostgreSQL moved; `up` starts it again")
        return found

    def env(self) -> dict[str, str]:
        """See Service."""
        facts = self.home.recall()
        if "port" not in facts:
            return {}
        return {
            "CONNECT_URL": f"http://{LOOPBACK}:{facts['port']}",
            "CONNECT_METRICS_URL": f"http://{LOOPBACK}:{facts['metrics_port']}/metrics",
            "CONNECTOR_NAME": debezium.CONNECTOR,
            "CDC_TOPIC_PREFIX": debezium.PREFIX,
            "REPLICATION_SLOT": debezium.SLOT,
        }

    def _neighbours(self) -> dict[str, str]:
        """Settings that reach the services it stands between."""
        return {**Kafka(self.home.beside("kafka")).env(), **Postgres(self.home.beside("postgres")).env()}

    def _places(self) -> list[str]:
        """Where those are now."""
        found = self._neighbours()
        return [found.get(name, "") for name in ("KAFKA_BROKERS", "POSTGRES_PORT")]

    def _has_moved(self) -> bool:
        """Whether they are elsewhere than when it was started."""
        places = self._places()
        return bool(self.home.recall().get("places", places) != places)

    def _ready(self) -> list[Path]:
        """See ProcessService. The connector's files stand apart as a plug-in; Kafka's, and the agent, are its own."""
        plugin = self.home.data / "plugins" / "debezium"
        plugin.mkdir(parents=True, exist_ok=True)
        own = downloads.ready(self.name)
        (agent,) = (file for file in own if file.name.startswith(AGENT))
        for file in own:
            if file != agent:
                link(plugin / file.name, file)
        return [*downloads.ready(Kafka.name), agent]

    def _arguments(self, files: Sequence[Path]) -> list[str]:
        """See JavaService."""
        facts, found = self.home.recall(), self._neighbours()
        self.home.remember(**{**facts, "places": self._places()})
        link(self.home.data / "agent.jar", files[-1])
        self._write(
            "worker.properties", WORKER.format(host=LOOPBACK, port=facts["port"], brokers=found["KAFKA_BROKERS"])
        )
        self._write("log4j2.properties", LOGGING)
        self._write("exporter.yaml", EXPORTER)
        self._write(debezium.SECRETS, f"password={found['POSTGRES_PASSWORD']}\n")
        return [
            f"-javaagent:agent.jar={LOOPBACK}:{facts['metrics_port']}:exporter.yaml",
            "-Dlog4j2.configurationFile=log4j2.properties",
            "org.apache.kafka.connect.cli.ConnectDistributed",
            "worker.properties",
        ]

    def _write(self, name: str, text: str) -> None:
        """A file in its folder, for its owner alone."""
        with os.fdopen(os.open(self.home.data / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(text)

    def _client(self) -> connect.Connect:
        return connect.Connect(f"http://{LOOPBACK}:{self._port}", answer_s=ANSWER_S)

    def _answers(self) -> bool:
        """See ProcessService. It lists its connectors only once it has joined its group."""
        try:
            with self._client() as client:
                client.connectors()
        except (UnreachableError, PlatformError):
            return False  # it listens before it answers; the caller asks again, and knows when to give up
        return True

    def _finish(self) -> None:
        """Tables, publication and topics are made, the connector is registered, and waited for until it streams."""
        found = self._neighbours()
        debezium.make_tables(found, self.home.folder)
        debezium.make_topics(found["KAFKA_BROKERS"])
        until_s = time.monotonic() + READY_S
        with self._client() as client:
            while not debezium.registered(client, found):
                self._pause(until_s, "Connect does not take the connector")
            while not debezium.streams(client, self.env()["CONNECT_METRICS_URL"]):
                self._pause(until_s, "Connect does not stream changes")

    def _pause(self, until_s: float, complaint: str) -> None:
        """A moment before the next try; raises SandboxError when there is no time for one."""
        if time.monotonic() > until_s:
            raise SandboxError(f"{complaint} after {READY_S} s. The end of {self._log}:\n{tail(self._log)}")
        time.sleep(PAUSE_S)


def link(place: Path, file: Path) -> None:
    """A symbolic link to a file, whatever stood there before."""
    place.unlink(missing_ok=True)
    place.symlink_to(file)


SERVICE = Connect
