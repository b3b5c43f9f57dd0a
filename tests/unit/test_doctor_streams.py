"""What the doctor makes of Connect's, Kafka's, the registry's and the store's facts."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.clients.connect import HALF_CHARS, ConnectorStatus, Part, reason_of
from lakestorm.clients.registry_facts import RegistryFacts, Subject, addresses_of
from lakestorm.doctor import connect, kafka, object_store, registry
from lakestorm.doctor.examination import SERVICES, services_from_text
from lakestorm.doctor.replication import Followed
from lakestorm.errors import UsageError
from lakestorm.model.login_schema import LOGIN
from lakestorm.settings import KafkaSettings, LoginSettings, MinioSettings, PipelineSettings, SchemaSettings, Settings
from tests.unit.made_platforms import CLUSTER, CONNECT, TOPIC, URL, faults

PIPELINE = {
    "connect_url": URL, "connector_name": "shop", "cdc_topic_prefix": "shop", "replication_slot": "debezium",
    "connect_metrics_url": "http://connect:9404/metrics",
}  # fmt: skip
TRACE = """org.apache.kafka.connect.errors.ConnectException: An exception occurred in the change event producer.
\tat io.debezium.pipeline.ErrorHandler.setProducerThrowable(ErrorHandler.java:67)
Caused by: io.debezium.DebeziumException: Creation of replication slot failed
\tat io.debezium.connector.postgresql.PostgresConnectorTask.start(PostgresConnectorTask.java:1)
Caused by: org.postgresql.util.PSQLException: ERROR: replication slot "debezium" is active for PID 77
\tat org.postgresql.core.v3.QueryExecutorImpl.receiveErrorResponse(QueryExecutorImpl.java:1)
\t... 9 more
"""
RESTART = f"curl -X POST '{URL}/connectors/shop/restart?includeTasks=true'"
RESUME = f"curl -X PUT '{URL}/connectors/shop/resume'"


def settings(**pipeline: Any) -> Settings:
    """Settings of a platform that is followed."""
    groups = {name: field.annotation() for name, field in Settings.model_fields.items()}  # type: ignore[misc]
    return Settings(**{**groups, "pipeline": PipelineSettings(**{**PIPELINE, **pipeline})})


def status(state: str, *tasks: Part, trace: str = "") -> connect.ConnectFacts:
    """The healthy Connect with its connector otherwise."""
    return dataclasses.replace(CONNECT, status=ConnectorStatus(Part(state, "a", trace), dict(enumerate(tasks))))


def config(**changes: str) -> connect.ConnectFacts:
    """The healthy Connect with its connector configured otherwise; `topic__prefix` stands for topic.prefix."""
    values = {key.replace("__", "."): value for key, value in changes.items()}
    return dataclasses.replace(CONNECT, config={**CONNECT.config, **values})


def test_a_healthy_connect_has_no_faults() -> None:
    """A connector that runs, and follows what the settings say, is well."""
    found = connect.checkup(CONNECT, settings(), {"users": "public"})
    assert faults(found.findings) == []
    assert len(found.findings) == 4


@pytest.mark.parametrize(
    ("facts", "level", "says", "mend"),
    [
        (status("FAILED", trace=TRACE), "wrong", 'connector shop failed: ERROR: replication slot "debezium"', RESTART),
        (status("RUNNING", Part("FAILED", "a", TRACE)), "wrong", "Task 0 of shop failed: ERROR: replication", RESTART),
        (status("RUNNING", Part("FAILED", "a")), "wrong", "it does not say why", RESTART),
        (status("RUNNING"), "wrong", "has no task", RESTART),
        (status("PAUSED", Part("PAUSED", "a")), "wrong", "connector shop is PAUSED", RESUME),
        (status("STOPPED"), "wrong", "connector shop is STOPPED", RESUME),
        (status("UNASSIGNED"), "wrong", "no worker runs it", ""),
        (dataclasses.replace(CONNECT, status=None), "note", "a moment ago", ""),
        (
            dataclasses.replace(CONNECT, connectors=["a", "b"], status=None, config={}),
            "wrong",
            "There are: a, b.",
            f"curl -X PUT '{URL}/connectors/shop/config' -H 'Content-Type: application/json' -d @shop.json",
        ),
        (config(topic__prefix="other"), "wrong", "topic.prefix is other, but CDC_TOPIC", "CDC_TOPIC_PREFIX=other"),
        (config(slot__name="s"), "wrong", "slot.name is s", "REPLICATION_SLOT=s"),
        (config(database__dbname="x"), "wrong", "database.dbname is x, but POSTGRES_DB is oneshop", "POSTGRES_DB=x"),
        (
            config(table__include__list="public.users, public.i.*"),
            "wrong",
            "leaves out public.purchases: its table.include.list",
            "table.include.list=public.users,public.items,public.purchases",
        ),
        (
            config(table__include__list="", table__exclude__list="PUBLIC[.]users"),
            "wrong",
            "leaves out public.users: its table.exclude.list",
            "table.exclude.list=",
        ),
        (config(heartbeat__interval__ms="0"), "note", "heartbeat.interval.ms is 0", "heartbeat.interval.ms=5000"),
        (config(decimal__handling__mode="double"), "note", "not string", "decimal.handling.mode=string"),
        (config(transforms__u__type="io.debezium.transforms.ExtractNewRecordState"), "wrong", "envelope away", ""),
        (dataclasses.replace(CONNECT, metrics=False), "wrong", "shows no millisecondsbehindsource", ""),
        (dataclasses.replace(CONNECT, metrics="No answer."), "wrong", "No answer. Check CONNECT_METRICS_URL", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_connector(facts: connect.ConnectFacts, level: str, says: str, mend: str) -> None:
    """Each fault says what it is, in the connector's own words where it has some, and what mends it."""
    found = [f for f in faults(connect.checkup(facts, settings(), {}).findings) if says in f.says]
    assert [(finding.level, finding.mend) for finding in found] == [(level, mend)]


def test_values_that_the_worker_looks_up_are_not_judged() -> None:
    """A configuration that says ${env:…} tells nothing, so nothing is held against it."""
    facts = config(topic__prefix="${env:PREFIX}", database__dbname="${file:a:b}")
    assert faults(connect.checkup(facts, settings(), {}).findings) == []
    followed = connect.followed(config(database__user="${env:X}", publication__name="p"), settings())
    assert followed is not None
    assert (followed.reader, followed.publication) == ("", "p")


def test_tables_of_another_schema_are_looked_for_there() -> None:
    """The database says in which schema the tables are; a pattern that only Java reads fits none."""
    facts = config(table__include__list="(?<broken,shop.users,shop.items,shop.purchases")
    schemas = dict.fromkeys(("users", "items", "purchases"), "shop")
    assert faults(connect.checkup(facts, settings(), schemas).findings) == []


@pytest.mark.parametrize(
    ("facts", "given", "wanted"),
    [
        (None, {"connector_name": "", "cdc_topic_prefix": "", "replication_slot": ""}, None),
        (None, {}, Followed("oneshop", "debezium")),
        (CONNECT, {}, Followed("oneshop", "debezium", "dbz_publication", "dbz", RESTART)),
        (CONNECT, {"replication_slot": "s"}, Followed("oneshop", "s", "dbz_publication", "dbz", RESTART)),
        (config(slot__name="t"), {"replication_slot": ""}, Followed("oneshop", "t", "dbz_publication", "dbz", RESTART)),
        (status("PAUSED"), {}, Followed("oneshop", "debezium", "dbz_publication", "dbz", RESUME)),
    ],
)  # fmt: skip
def test_what_is_followed(facts: Any, given: dict[str, Any], wanted: Followed | None) -> None:
    """The connector's own word goes before Debezium's defaults; without any setting nothing is followed."""
    assert connect.followed(facts, settings(**given)) == wanted


@pytest.mark.parametrize(
    ("trace", "wanted"),
    [
        (TRACE, 'ERROR: replication slot "debezium" is active for PID 77'),
        ("a.b.DebeziumException: One\n\tat x\nCaused by: a.b.TimeoutException\n\tat y", "One"),
        ("java.lang.OutOfMemoryError: Java heap space\n\tat x", "Java heap space"),
        ("no trace at all\nmore", "no trace at all"),
        ("", ""),
        ("a.BException: " + "x" * 1000 + " Do this.", "x" * HALF_CHARS + " … " + "x" * (HALF_CHARS - 9) + " Do this."),
    ],
)
def test_a_failure_in_its_own_words(trace: str, wanted: str) -> None:
    """The innermost cause that says something is what went wrong; a long sentence keeps its beginning and its end."""
    assert reason_of(trace) == wanted


@given(st.text())
def test_a_reason_is_one_short_line(trace: str) -> None:
    """Whatever a trace holds, its reason fits a line of a message."""
    reason = reason_of(trace)
    assert len(reason) <= 2 * HALF_CHARS + 3
    assert "\n" not in reason


TOPICS = kafka.Topics(["login-events"], {"users": "shop.public.users", "items": "shop.public.items"})
CHANGES = dict.fromkeys(TOPICS.changes.values(), TOPIC)


@pytest.mark.parametrize(
    ("topics", "filled", "wanted"),
    [
        ({"shop.public.users": TOPIC, "shop.public.items": TOPIC}, {"users", "items"}, []),
        ({"shop.public.users": TOPIC}, {"users"}, [("note", "comes with the table's first row")]),
        ({"shop.public.users": TOPIC}, None, [("note", "comes with the table's first row")]),
        ({"shop.public.users": TOPIC}, {"items"}, [("wrong", "though the table items holds rows")]),
        (
            {"shop.public.users": dataclasses.replace(TOPIC, leaderless=2), "shop.public.items": TOPIC},
            None,
            [("wrong", "2 of 3 partitions of shop.public.users have no leader")],
        ),
        (
            {"shop.public.users": dataclasses.replace(TOPIC, behind=1), "shop.public.items": TOPIC},
            None,
            [("note", "1 of 3 partitions of shop.public.users have a replica that is not in step")],
        ),
        (
            {"shop.public.users": dataclasses.replace(TOPIC, is_writable=False), "shop.public.items": TOPIC},
            None,
            [],
        ),
        (
            {**CHANGES, "login-events": dataclasses.replace(TOPIC, is_writable=False)},
            None,
            [("wrong", "login-events may not be written")],
        ),
    ],
)  # fmt: skip
def test_topics(topics: dict[str, Any], filled: set[str] | None, wanted: list[tuple[str, str]]) -> None:
    """A topic of changes is missed where its table has rows, and need not be writable; ours must be."""
    found = faults(kafka.checkup(dataclasses.replace(CLUSTER, topics=topics), KafkaSettings(), TOPICS, filled).findings)
    assert [finding.level for finding in found] == [level for level, _ in wanted]
    assert all(says in finding.says for finding, (_, says) in zip(found, wanted, strict=True))


def test_a_missing_topic_comes_with_the_command_that_makes_it() -> None:
    """The command names brokers and topic."""
    found = kafka.checkup(CLUSTER, KafkaSettings(), TOPICS, {"items"})
    (missing,) = faults(found.findings)
    assert missing.mend == "kafka-topics.sh --bootstrap-server kafka:9092 --create --topic shop.public.items"


@pytest.mark.parametrize(
    ("level", "subjects", "auto", "wanted"),
    [
        ("BACKWARD", {}, True, []),
        ("BACKWARD", {}, False, [("wrong", "There is no subject login-events-value"), ("wrong", "login-labels-value")]),
        ("NONE", {}, True, [("note", "Compatibility is NONE")]),
        ("FULL", {"login-events-value": Subject(3, "FULL", takes_ours=True)}, True, []),
        (
            "FULL",
            {"login-events-value": Subject(3, "FULL", takes_ours=False)},
            True,
            [("wrong", "login-events-value has version 3, and by its compatibility (FULL) our schema may not follow")],
        ),
    ],
)
def test_subjects(level: str, subjects: dict[str, Subject], *, auto: bool, wanted: list[tuple[str, str]]) -> None:
    """A subject that is missing is no fault where the load may register it; one that refuses our schema is."""
    facts = RegistryFacts("3.0.9", level, subjects, 2.0)
    found = faults(registry.checkup(facts, SchemaSettings(auto_register=auto), LoginSettings()).findings)
    assert [finding.level for finding in found] == [level for level, _ in wanted]
    assert all(says in finding.says for finding, (_, says) in zip(found, wanted, strict=True))


def test_a_schema_is_registered_by_the_command_as_it_stands() -> None:
    """The command that registers a subject carries our schema, quoted for a shell."""
    facts = RegistryFacts("", "BACKWARD", {}, 2.0)
    found = faults(registry.checkup(facts, SchemaSettings(auto_register=False), LoginSettings()).findings)
    assert all(str(field["name"]) in found[0].mend for field in LOGIN["fields"])
    assert re.search(r"-d '\{.*\}' http://schema-registry:8081/subjects/login-events-value/versions$", found[0].mend)


def test_where_a_registry_tells_its_version() -> None:
    """Confluent's stands below its base address; Apicurio's beside its other API."""
    assert addresses_of("http://a:1") == ["http://a:1/v1/metadata/version"]
    assert addresses_of("http://a:1/apis/ccompat/v7")[1] == "http://a:1/apis/registry/v3/system/info"


@pytest.mark.parametrize(("has_bucket", "levels"), [(True, []), (False, ["note"])])
def test_a_bucket(*, has_bucket: bool, levels: list[str]) -> None:
    """A bucket that is not there is only noted: whoever writes makes it."""
    found = object_store.checkup(object_store.StoreFacts(has_bucket, 1.0), MinioSettings())
    assert [finding.level for finding in faults(found.findings)] == levels


@pytest.mark.parametrize(
    ("text", "names"), [("all", SERVICES), ("kafka", ("kafka",)), (" postgres , connect,", ("postgres", "connect"))]
)
def test_names_of_services(text: str, names: tuple[str, ...]) -> None:
    """Names come with commas between; all is every one."""
    assert services_from_text(text) == names


@pytest.mark.parametrize("text", ["", ",", "kafka,zookeeper", "all,kafka", "Kafka"])
def test_names_that_are_none(text: str) -> None:
    """Any other name is refused with those that exist."""
    with pytest.raises(UsageError, match="postgres, kafka, registry, connect, minio"):
        services_from_text(text)
