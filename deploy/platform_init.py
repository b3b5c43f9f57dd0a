"""What the platform of the compose file needs once: tables, topics, connector, ClickHouse's tables, OpenSearch's index.

Each step may run again and finds what is there. The services are healthy before it starts, so it waits for the
connector alone.
"""  # noqa: INP001 - a script of the image, imported by nothing

from __future__ import annotations

import http.client
import json
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from lakestorm.clients.connect import Connect, RefusedError
from lakestorm.errors import PlatformError, UnreachableError, exit_on_error
from lakestorm.sandbox import debezium
from lakestorm.settings import Settings

PASSWORD = "${directory:/run/secrets:postgres_password}"  # noqa: S105 - where Connect finds it, not what it is
CLICKHOUSE, OPENSEARCH = "http://clickhouse:8123", "http://opensearch:9200"
"""Where the compose file has them."""
READY_S = 120
PAUSE_S = 0.5
ANSWER_S = 30
INDEX = {
    "mappings": {
        "properties": {
            "name": {"type": "text"},
            "category": {"type": "keyword"},
            "price": {"type": "scaled_float", "scaling_factor": 100},
            "inventory": {"type": "integer"},
        }
    }
}
EXISTS = "resource_already_exists_exception"


def statements(text: str, **values: str) -> list[str]:
    """The statements of an SQL file with values put in for `{name}`, none of them empty."""
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    return [part.strip() for part in "\n".join(lines).split(";") if part.strip()]


def ask(method: str, url: str, body: str, content: str = "text/plain") -> str:
    """One request's answer.

    Raises:
        UnreachableError: nothing answers.
        PlatformError: it refuses, in its own words.
    """
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_S)
    try:
        connection.request(method, parts.path or "/", body.encode(), {"Content-Type": content})
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        raise UnreachableError(f"{url} does not answer: {error}.") from error
    finally:
        connection.close()
    if not 200 <= answer.status < 300 and EXISTS not in text:  # noqa: PLR2004 - HTTP's range of success
        raise PlatformError(f"{url} refused with HTTP {answer.status}: {text.strip()[:400]}")
    return text


def connector(settings: Settings) -> dict[str, str]:
    """The sandbox's connector on this platform's database."""
    database = settings.postgres
    found = {
        "POSTGRES_HOST": database.host,
        "POSTGRES_PORT": str(database.port),
        "POSTGRES_USER": database.user,
        "POSTGRES_DB": database.db,
    }
    return {**debezium.config(found), "database.password": PASSWORD}


def register(client: Connect, config: dict[str, str]) -> None:
    """Give Connect the connector, and wait until it runs.

    Raises:
        PlatformError: it is refused, it failed, or it does not run in time.
    """
    until_s = time.monotonic() + READY_S
    while not is_running(client, config):
        if time.monotonic() > until_s:
            raise PlatformError(f"The connector {debezium.CONNECTOR} does not run after {READY_S} s.")
        time.sleep(PAUSE_S)


def is_running(client: Connect, config: dict[str, str]) -> bool:
    """Whether the connector has its configuration and runs; PlatformError with its own words if it failed."""
    try:
        if debezium.CONNECTOR not in client.connectors():
            client.configure(debezium.CONNECTOR, config)
        status = client.status(debezium.CONNECTOR)
    except RefusedError as error:
        if error.status not in debezium.NOT_YET:
            raise
        return False
    if status.reason:
        raise PlatformError(f"The connector {debezium.CONNECTOR} failed: {status.reason}")
    return status.is_running


def main() -> int:
    """All steps in order; returns the exit code."""
    settings = Settings.load()
    brokers = settings.kafka.brokers
    debezium.make_tables({}, Path.cwd())
    debezium.make_topics(brokers)
    with Connect(settings.pipeline.connect_url, answer_s=ANSWER_S) as client:
        register(client, connector(settings))
    print(f"The connector {debezium.CONNECTOR} runs.")
    topic = f"{debezium.PREFIX}.public.purchases"
    file = Path(__file__).with_name("platform") / "clickhouse.sql"
    for statement in statements(file.read_text(encoding="utf-8"), brokers=brokers, topic=topic):
        ask("POST", CLICKHOUSE, statement)
    print("ClickHouse reads purchases.")
    ask("PUT", f"{OPENSEARCH}/items", json.dumps(INDEX), "application/json")
    print("OpenSearch has its index.")
    return 0


if __name__ == "__main__":
    sys.exit(exit_on_error(main))
