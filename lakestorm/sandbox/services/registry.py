"""A schema registry with Confluent's REST API: Apicurio Registry from Maven Central, with a file for its schemas."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any

from lakestorm.errors import SandboxError
from lakestorm.sandbox.java_service import JavaService
from lakestorm.sandbox.service import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

VERSION = "3.0.9"
API = "/apis/ccompat/v7"
"""Where Confluent's API begins."""
ANSWER_S = 5
COMPATIBILITY = "BACKWARD"
"""As Confluent's registry has it from the start; Apicurio's own start is NONE."""
PROPERTIES = {
    "quarkus.http.host": LOOPBACK,
    "quarkus.http.access-log.enabled": "false",
    "apicurio.storage.sql.kind": "h2",
    "apicurio.datasource.url": "jdbc:h2:file:./schemas;WRITE_DELAY=0",
    "apicurio.datasource.jdbc.initial-size": "2",
    "apicurio.datasource.jdbc.min-size": "2",
    "apicurio.datasource.jdbc.max-size": "20",
}
"""H2 answers up to half a second before it writes, unless the delay is 0: a schema whose id somebody has already would
be gone after a kill."""


class Registry(JavaService):
    """One registry, which keeps its schemas by itself and needs no Kafka."""

    name = "registry"
    wanted = (f"io.apicurio:apicurio-registry-app:tar.gz:all:{VERSION}",)
    options = ("-Xmx384m", "-XX:TieredStopAtLevel=1")

    def env(self) -> dict[str, str]:
        """See Service."""
        facts = self.home.recall()
        return {"SCHEMA_REGISTRY_URL": f"http://{LOOPBACK}:{facts['port']}{API}"} if "port" in facts else {}

    def _arguments(self, files: Sequence[Path]) -> list[str]:
        """See JavaService."""
        (folder,) = files
        options = [f"-D{name}={value}" for name, value in PROPERTIES.items()]
        options.append(f"-Dquarkus.http.port={self._port}")
        return [*options, "-jar", str(folder / f"apicurio-registry-app-{VERSION}-runner.jar")]

    def _answers(self) -> bool:
        """See JavaService."""
        try:
            self._ask("GET", "/subjects")
        except (OSError, http.client.HTTPException, SandboxError):
            return False  # it listens before it answers; the caller asks again, and knows when to give up
        return True

    def _finish(self) -> None:
        """Set the compatibility that all schemas start with, once: whoever changes it later has it so."""
        facts = self.home.recall()
        if "compatibility" not in facts:
            self._ask("PUT", "/config", {"compatibility": COMPATIBILITY})
            self.home.remember(**facts, compatibility=COMPATIBILITY)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request; raises SandboxError if it is refused. No proxy is asked on the way."""
        connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=ANSWER_S)
        try:
            connection.request(method, API + path, json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status != http.HTTPStatus.OK:
            raise SandboxError(f"The registry refuses {method} {path} ({answer.status}): {text}")
        return json.loads(text)


SERVICE = Registry
