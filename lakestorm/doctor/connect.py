"""Kafka Connect and its Debezium connector: whether it runs, and whether it follows what the settings say it does."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from lakestorm.clients.connect import FAILED, RUNNING, Connect, RefusedError
from lakestorm.clients.exporter import samples
from lakestorm.clients.round_trip import round_trip_ms
from lakestorm.doctor.finding import Checkup, Finding, note, ok, wrong
from lakestorm.doctor.replication import PUBLISHED, USUAL_PUBLICATION, Followed
from lakestorm.errors import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lakestorm.clients.connect import ConnectorStatus, Part
    from lakestorm.settings import Settings

NOT_FOUND = 404
REFERENCE = "${"
"""A value that the worker looks up elsewhere: what it comes to is not told."""
UNWRAPPING = "ExtractNewRecordState"
LAG = "millisecondsbehindsource"
WAITING = ("UNASSIGNED", "RESTARTING")
RESTING = ("PAUSED", "STOPPED")
USUAL_SLOT = "debezium"
RESUME, RESTART = "resume", "restart?includeTasks=true"
"""Ends of addresses of Connect's REST API: for a connector that rests, and for one that failed."""


@dataclasses.dataclass(frozen=True, slots=True)
class ConnectFacts:
    """What Connect says.

    Attributes:
        connectors: names of all that it has.
        status: of ours; None if there is none of that name.
        config: of ours.
        metrics: whether the exporter shows Debezium's lag; a sentence where it does not answer, None if not asked.
    """

    version: str
    round_trip_ms: float
    connectors: Sequence[str]
    status: ConnectorStatus | None
    config: Mapping[str, str]
    metrics: bool | str | None


def ask(url: str, name: str, metrics_url: str) -> ConnectFacts:
    """Connect's facts; raises UnreachableError, and PlatformError if it refuses or is something else."""
    with Connect(url) as client:
        version, names = client.version(), client.connectors()
        status, config = None, {}
        if name in names:
            config = client.config(name)
            status = status_of(client, name)
        return ConnectFacts(version, round_trip_ms(client.version), names, status, config, metrics_of(metrics_url))


def status_of(client: Connect, name: str) -> ConnectorStatus | None:
    """How a connector is; None while it was registered a moment ago."""
    try:
        return client.status(name)
    except RefusedError as error:
        if error.status != NOT_FOUND:
            raise
        return None


def metrics_of(url: str) -> bool | str | None:
    """See ConnectFacts."""
    if not url:
        return None
    try:
        names = {sample.name.lower().replace("_", "") for sample in samples(url)}
    except UnreachableError as error:
        return str(error)
    return any(name.endswith(LAG) for name in names)


def followed(facts: ConnectFacts | None, settings: Settings) -> Followed | None:
    """What the connector follows, by its own word where it answers; None where the settings ask for nothing."""
    pipeline = settings.pipeline
    if not (pipeline.cdc_topic_prefix or pipeline.connector_name or pipeline.replication_slot):
        return None
    if facts is None or not facts.config:
        return Followed(settings.postgres.db, pipeline.replication_slot)
    config = facts.config
    return Followed(
        database=settings.postgres.db,
        slot=pipeline.replication_slot or known(config, "slot.name", USUAL_SLOT),
        publication=known(config, "publication.name", USUAL_PUBLICATION),
        reader=known(config, "database.user"),
        revive=reviving(facts.status, pipeline.connect_url, pipeline.connector_name),
    )


def reviving(status: ConnectorStatus | None, url: str, name: str) -> str:
    """A command that makes a connector run, by what keeps it from that."""
    rests = status is not None and status.connector.state in RESTING
    return command("PUT", url, name, RESUME) if rests else command("POST", url, name, RESTART)


def known(config: Mapping[str, str], key: str, default: str = "") -> str:
    """A value of a connector's configuration; empty if it is a reference."""
    value = config.get(key, default)
    return "" if value.startswith(REFERENCE) else value


def checkup(facts: ConnectFacts, settings: Settings, schemas: Mapping[str, str]) -> Checkup:
    """What the facts mean; `schemas` is {table: its schema}, as far as the database says."""
    pipeline = settings.pipeline
    findings = [*connector_findings(facts, pipeline.connect_url, pipeline.connector_name)]
    if facts.config:
        findings += [*difference_findings(facts.config, settings), *table_findings(facts.config, schemas)]
        findings += habit_findings(facts.config)
    findings += metrics_findings(facts.metrics, pipeline.connect_metrics_url)
    return Checkup("Connect", pipeline.connect_url, facts.version, facts.round_trip_ms, tuple(findings))


def connector_findings(facts: ConnectFacts, url: str, name: str) -> Iterator[Finding]:
    """Whether our connector is there, and runs with its tasks."""
    there = ", ".join(facts.connectors) or "none"
    if not name:
        yield note(f"CONNECTOR_NAME is empty, so no connector is looked at. There are: {there}.")
    elif name not in facts.connectors:
        yield wrong(
            f"There is no connector {name}. There are: {there}. Set CONNECTOR_NAME, or register it.",
            command("PUT", url, name, "config") + f" -H 'Content-Type: application/json' -d @{name}.json",
        )
    elif facts.status is None:
        yield note(f"The connector {name} was registered a moment ago; ask again.")
    else:
        yield from state_findings(f"The connector {name}", facts.status.connector, url, name)
        for number, task in facts.status.tasks.items():
            yield from state_findings(f"Task {number} of {name}", task, url, name)
        if not facts.status.tasks and facts.status.connector.state == RUNNING:
            yield wrong(f"The connector {name} has no task.", command("POST", url, name, RESTART))


def state_findings(what: str, part: Part, url: str, name: str) -> Iterator[Finding]:
    """A connector or a task."""
    if part.state == RUNNING:
        yield ok(f"{what} runs at {part.worker}.")
    elif part.state == FAILED:
        yield wrong(f"{what} failed: {part.reason or 'it does not say why'}", command("POST", url, name, RESTART))
    elif part.state in WAITING:
        yield wrong(
            f"{what} is {part.state}: no worker runs it now. Ask again in some seconds, then see Connect's log."
        )
    else:
        yield wrong(f"{what} is {part.state}.", command("PUT", url, name, RESUME))


def difference_findings(config: Mapping[str, str], settings: Settings) -> Iterator[Finding]:
    """Where the connector and our settings do not speak of the same thing."""
    pipeline = settings.pipeline
    ours = {
        "topic.prefix": ("CDC_TOPIC_PREFIX", pipeline.cdc_topic_prefix),
        "slot.name": ("REPLICATION_SLOT", pipeline.replication_slot),
        "database.dbname": ("POSTGRES_DB", settings.postgres.db),
    }
    usual = {"slot.name": USUAL_SLOT}
    for key, (name, value) in ours.items():
        theirs = known(config, key, usual.get(key, ""))
        if value and theirs and value != theirs:
            yield wrong(f"The connector's {key} is {theirs}, but {name} is {value}.", f"{name}={theirs}")


def table_findings(config: Mapping[str, str], schemas: Mapping[str, str]) -> Iterator[Finding]:
    """Whether it follows our tables; its lists are of patterns, each for the whole of schema.table."""
    places = [f"{schemas.get(table, 'public')}.{table}" for table in PUBLISHED]
    included, excluded = config.get("table.include.list", ""), config.get("table.exclude.list", "")
    left_out = [
        place
        for place in places
        if (included and not is_listed(place, included)) or (excluded and is_listed(place, excluded))
    ]
    if left_out:
        key = "table.include.list" if included else "table.exclude.list"
        yield wrong(
            f"The connector leaves out {', '.join(left_out)}: its {key} is {included or excluded}.",
            f"table.include.list={','.join(places)}" if included else "table.exclude.list=",
        )
    else:
        yield ok(f"The connector follows {', '.join(places)}.")


def is_listed(place: str, patterns: str) -> bool:
    """Whether one of the patterns fits; Debezium does not mind case. A pattern that only Java reads fits nothing."""
    for pattern in patterns.split(","):
        try:
            if re.fullmatch(pattern.strip(), place, re.IGNORECASE):
                return True
        except re.error:
            continue
    return False


def habit_findings(config: Mapping[str, str]) -> Iterator[Finding]:
    """Settings of Debezium's that make a run's numbers wrong or a disk full."""
    if config.get("heartbeat.interval.ms", "0") == "0":
        yield note(
            "heartbeat.interval.ms is 0: while only other tables or databases change, the slot is not let go of.",
            "heartbeat.interval.ms=5000",
        )
    if config.get("decimal.handling.mode", "precise") != "string":
        yield note(
            "decimal.handling.mode is not string: prices come as Base64, or rounded.", "decimal.handling.mode=string"
        )
    if any(UNWRAPPING in value for key, value in config.items() if key.startswith("transforms.")):
        yield wrong(
            f"A transform ({UNWRAPPING}) takes the envelope away: neither canary nor ledger can read op and source."
            " Unwrap in the sink instead.",
        )


def metrics_findings(found: bool | str | None, url: str) -> Iterator[Finding]:  # noqa: FBT001 - of three kinds
    """Whether the JMX exporter shows what the probes read."""
    if isinstance(found, str):
        yield wrong(f"{found} Check CONNECT_METRICS_URL, or leave it empty.")
    elif found is False:
        yield wrong(f"{url} shows no {LAG} of Debezium: the JMX exporter's rules leave it out, or no task runs.")
    elif found:
        yield ok(f"{url} shows Debezium's metrics.")


def command(method: str, url: str, name: str, verb: str) -> str:
    """A command line that asks Connect for something."""
    return f"curl -X {method} '{url.rstrip('/')}/connectors/{name}/{verb}'"
