"""The schema registry as logins need it: subjects, and whether our schemas may stand under them."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from lakestorm.clients.registry_facts import registry_facts
from lakestorm.doctor.finding import Checkup, Finding, note, ok, wrong
from lakestorm.model.login_schema import LABEL, LOGIN, subject

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lakestorm.clients.registry_facts import RegistryFacts, Subject
    from lakestorm.settings import LoginSettings, SchemaSettings

UNGUARDED = "NONE"
JSON = "-H 'Content-Type: application/vnd.schemaregistry.v1+json'"


def wanted_schemas(login: LoginSettings) -> dict[str, Mapping[str, Any]]:
    """{subject: our schema} of what a run with logins writes."""
    return {subject(login.topic): LOGIN, subject(login.labels_topic): LABEL}


def ask(settings: SchemaSettings, login: LoginSettings) -> RegistryFacts:
    """The registry's facts; raises UnreachableError and PlatformError."""
    return registry_facts(settings, wanted_schemas(login))


def checkup(facts: RegistryFacts, settings: SchemaSettings, login: LoginSettings) -> Checkup:
    """What the facts mean."""
    findings = list(level_findings(facts, settings))
    for name, schema in wanted_schemas(login).items():
        findings.append(subject_finding(settings, name, schema, facts.subjects.get(name)))
    return Checkup("Registry", settings.registry_url, facts.version, facts.round_trip_ms, tuple(findings))


def level_findings(facts: RegistryFacts, settings: SchemaSettings) -> Iterator[Finding]:
    """Whether readers are protected from schemas that they cannot read."""
    if facts.level == UNGUARDED:
        command = (
            f"""curl -X PUT {JSON} -d '{{"compatibility": "BACKWARD"}}' {settings.registry_url.rstrip("/")}/config"""
        )
        yield note("Compatibility is NONE: any schema is taken, whatever its readers can read.", command)
    else:
        yield ok(f"Compatibility is {facts.level}.")


def subject_finding(settings: SchemaSettings, name: str, schema: Mapping[str, Any], found: Subject | None) -> Finding:
    """One subject."""
    if found is None and settings.auto_register:
        return ok(f"The subject {name} is not there yet; a run with logins registers it.")
    if found is None:
        body = shlex.quote(json.dumps({"schema": json.dumps(schema)}))
        return wrong(
            f"There is no subject {name}, and SCHEMA_AUTO_REGISTER is off.",
            f"curl -X POST {JSON} -d {body} {settings.registry_url.rstrip('/')}/subjects/{name}/versions",
        )
    if not found.takes_ours:
        return wrong(
            f"The subject {name} has version {found.version}, and by its compatibility ({found.level}) our schema may"
            " not follow: give the load topics of its own.",
            "LOGIN_TOPIC=lakestorm-logins LOGIN_LABELS_TOPIC=lakestorm-labels",
        )
    return ok(f"The subject {name} has version {found.version} ({found.level}), and takes our schema.")
