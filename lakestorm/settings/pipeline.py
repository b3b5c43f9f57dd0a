"""Settings of the pipeline behind the database: what of it is watched, and how often."""

from __future__ import annotations

from pydantic_settings import SettingsConfigDict

from lakestorm.settings.group import Group
from lakestorm.settings.words import setting


class PipelineSettings(Group):
    """The pipeline behind the database; an empty setting turns its part off."""

    model_config = SettingsConfigDict(env_prefix="")

    cdc_topic_prefix: str = setting(
        "", "Debezium's topic.prefix; with it the books are balanced to Kafka.", note="empty = off"
    )
    cdc_settle_s: float = setting(
        120.0, "How long after its end a run's changes may take to Kafka.", unit="seconds", ge=0, le=86_400
    )
    cdc_late_after_ms: int = setting(
        10_000,
        "A change that takes longer from its commit to Kafka is marked as late.",
        unit="milliseconds",
        note="0 = none is",
        ge=0,
        le=86_400_000,
    )
    connect_url: str = setting("", "Base address of Kafka Connect's REST API.", note="empty = off")
    connect_metrics_url: str = setting("", "Address where Connect's JMX exporter answers.", note="empty = off")
    connector_name: str = setting("", "The Debezium connector.", note="empty = off")
    replication_slot: str = setting("", "The connector's replication slot.", note="empty = off")
    consumer_groups: str = setting(
        "", "Consumer groups to watch: names or patterns as `flink-*`, comma between.", note="empty = off"
    )
    sysload_url: str = setting(
        "", "Address of a sys-load's own port, whose phases a run then marks on its time axis.", note="empty = off"
    )
    canary_every_ms: int = setting(
        0,
        "A marked order is sent through the pipeline this often.",
        unit="milliseconds",
        note="0 = off",
        ge=0,
        le=3_600_000,
    )
    canary_timeout_s: float = setting(
        30.0, "A marked order that takes longer has failed.", unit="seconds", gt=0, le=3600
    )
    catalogue_edit_every_ms: int = setting(
        1000,
        "Each catalogue user edits this often.",
        unit="milliseconds",
        note="0 = as fast as answers come",
        ge=0,
        le=3_600_000,
    )
    probe_every_s: float = setting(1.0, "Each probe is asked this often.", unit="seconds", gt=0, le=3600)
    drain_limit_s: float = setting(
        30.0,
        "How long probes and canary go on after the load until slot and consumers have caught up.",
        unit="seconds",
        ge=0,
        le=86_400,
    )
