"""Apache Kafka from Maven Central: one node that is broker and controller (KRaft), formatted by its own tool.

Properties in the file `extra.properties` of the service's folder are read after ours at each start, and win: a listener
with TLS or SASL beside the plain one, say.
"""

from __future__ import annotations

import secrets
import shutil
import subprocess
from typing import TYPE_CHECKING

import confluent_kafka
from confluent_kafka.admin import AdminClient

from lakestorm.errors import SandboxError
from lakestorm.sandbox.java_service import ENVIRONMENT, OPTIONS, JavaService, java
from lakestorm.sandbox.service import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

VERSION = "4.3.1"
NODE = 1
ANSWER_S = 2
CONFIG = """
process.roles=broker,controller
node.id={node}
controller.quorum.voters={node}@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=8388608
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""
"""One node, so nothing is replicated. The session is short, because after a kill Kafka waits for the dead one's to end.
What is not named here is as Kafka has it: an unknown topic is made when somebody writes to it."""
LOGGING = """
rootLogger.level=INFO
rootLogger.appenderRef.console.ref=console
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{ISO8601} %p %m (%c{1})%n
logger.config.name=org.apache.kafka.common.config
logger.config.level=WARN
"""


class Kafka(JavaService):
    """One broker."""

    name = "kafka"
    wanted = (
        f"org.apache.kafka:kafka_2.13:jar:{VERSION}",
        f"org.apache.kafka:kafka-tools:jar:{VERSION}",
        "org.apache.logging.log4j:log4j-slf4j-impl:jar:2.25.4",
    )
    ports = ("port", "controller_port")
    options = ("-Xmx512m",)

    def env(self) -> dict[str, str]:
        """See Service."""
        facts = self.home.recall()
        return {"KAFKA_BROKERS": f"{LOOPBACK}:{facts['port']}"} if "port" in facts else {}

    @property
    def _storage(self) -> Path:
        return self.home.data / "storage"

    def _arguments(self, files: Sequence[Path]) -> list[str]:
        """See JavaService."""
        logging = self.home.data / "log4j2.properties"
        logging.write_text(LOGGING, encoding="utf-8")
        if not self._storage.exists():
            self._format(files)
        self._write_config("server.properties", self._storage)
        return [f"-Dlog4j2.configurationFile={logging.name}", "kafka.Kafka", "server.properties"]

    def _write_config(self, name: str, storage: Path) -> None:
        """Write Kafka's settings with data in this folder; the `extra` file comes last, so that it wins.

        Kafka runs in our folder, so no path of the machine stands in there: a comma or an umlaut would be misread.
        """
        ports = {port: self.home.recall()[port] for port in self.ports}
        text = CONFIG.format(node=NODE, host=LOOPBACK, folder=storage.name, **ports)
        extra = self.home.folder / "extra.properties"
        if extra.exists():
            text += extra.read_text(encoding="utf-8")
        (self.home.data / name).write_text(text, encoding="utf-8")

    def _format(self, files: Sequence[Path]) -> None:
        """Format storage aside, then put it in place: an interrupted or failed tool leaves nothing half-made."""
        half = self.home.data / "storage.new"
        shutil.rmtree(half, ignore_errors=True)
        self._write_config("format.properties", half)
        cluster = secrets.token_urlsafe(16).replace("-", "a")  # Kafka's form of an id; its tool would see an option
        done = subprocess.run(
            [java(), *OPTIONS, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", "format.properties"],
            cwd=self.home.data,
            env={**ENVIRONMENT, "CLASSPATH": ":".join(map(str, files))},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SandboxError(f"Kafka's storage could not be formatted: {done.stderr or done.stdout}")
        half.replace(self._storage)

    def _answers(self) -> bool:
        """Whether it is our broker that answers, and every partition has a leader again."""
        client = AdminClient({"bootstrap.servers": f"{LOOPBACK}:{self._port}", "log_level": 0})
        try:
            cluster = client.list_topics(timeout=ANSWER_S)
        except confluent_kafka.KafkaException:
            return False  # it listens before it answers; the caller asks again, and knows when to give up
        if cluster.cluster_id != self._cluster_id():
            raise SandboxError(
                f"The broker on port {self._port} is of cluster {cluster.cluster_id}, which is not ours."
            )
        partitions = (p for topic in cluster.topics.values() for p in topic.partitions.values())
        return NODE in cluster.brokers and all(partition.leader == NODE for partition in partitions)

    def _cluster_id(self) -> str:
        return properties((self._storage / "meta.properties").read_text(encoding="utf-8"))["cluster.id"]


def properties(text: str) -> Mapping[str, str]:
    """{name: value} of Java's properties, as Kafka writes them."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))


SERVICE = Kafka
