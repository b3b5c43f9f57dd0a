"""Settings of what is streamed: brokers, schema registry, logins."""

from __future__ import annotations

from typing import Literal

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from lakestorm.settings.group import Group
from lakestorm.settings.kinds import AnomalyMix, Credentials, HardMix  # noqa: TC001 - pydantic reads it
from lakestorm.settings.words import setting


class KafkaSettings(Group):
    """The brokers."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_")

    brokers: str = setting("kafka:9092", "Bootstrap brokers, comma between.", min_length=1)
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = setting(
        "PLAINTEXT", "As librdkafka's security.protocol."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = setting(
        "PLAIN", "With SASL: how the password is proved."
    )
    sasl_username: str = setting("", "With SASL: the user.", note="empty = none")
    sasl_password: SecretStr = setting(SecretStr(""), "With SASL: the password, or KAFKA_SASL_PASSWORD_FILE.")
    ssl_ca_location: str = setting("", "File with the certificate authority.", note="empty = the system's")
    acks: Literal["all", "1", "0"] = setting(
        "all", "Who must have a record before it counts as acknowledged; less than all may lose records."
    )


class SchemaSettings(Group):
    """The schema registry."""

    model_config = SettingsConfigDict(env_prefix="SCHEMA_")

    registry_url: str = setting("http://schema-registry:8081", "Base address of its Confluent REST API.", min_length=1)
    registry_basic_auth: Credentials = setting(
        SecretStr(""), "Who we are to it, or SCHEMA_REGISTRY_BASIC_AUTH_FILE.", note="user:password; empty = none"
    )
    registry_ssl_ca_location: str = setting(
        "", "File with the certificate authority of an https address.", note="empty = the system's"
    )
    auto_register: bool = setting(True, "Whether a schema that is not there is registered.")


class LoginSettings(Group):
    """Logins."""

    model_config = SettingsConfigDict(env_prefix="LOGIN_")

    gen_every_ms: int = setting(
        100,
        "Each user produces one login this often.",
        unit="milliseconds",
        note="0 = as fast as the brokers acknowledge",
        ge=0,
        le=3_600_000,
    )
    topic: str = setting("login-events", "Where logins go.", min_length=1)
    labels_topic: str = setting("login-labels", "Where the truth about anomalies goes.", min_length=1)
    accounts: int = setting(1000, "Accounts that log in.", unit="accounts", ge=1, le=10_000_000)
    anomaly_ratio: float = setting(0.01, "Share of live logins that the rule calls anomalies.", ge=0, le=0.5)
    anomaly_mix: AnomalyMix = setting(
        {"impossible_travel": 60.0, "unseen_country": 40.0},
        "Weights of the anomalies.",
        note="kind:weight, comma, …; kinds are impossible_travel, unseen_country; weights ≥ 0, not all 0",
    )
    hard_ratio: float = setting(0.05, "Share of live logins that are honest and look wrong.", ge=0, le=0.5)
    hard_mix: HardMix = setting(
        {"flight": 10.0, "vpn": 30.0, "nat": 30.0, "address": 20.0, "pair": 10.0},
        "Weights of the hard cases.",
        note="kind:weight, comma, …; kinds are flight, vpn, nat, address, pair; weights ≥ 0, not all 0",
    )
    domestic: bool = setting(False, "Whether impossible journeys may stay within one country.")
    backfill_days: int = setting(14, "Days of history written first.", unit="days", note="0 = none", ge=0, le=3650)
    time_scale: float = setting(1.0, "Event seconds a second; above 1 the run needs an end (-t).", ge=1, le=1_000_000)
    late_ratio: float = setting(0.0, "Share of live logins produced behind their event time.", ge=0, le=0.3)
    late_by_s: float = setting(
        60.0,
        "How far behind it they are, at least; at most twice as far.",
        unit="seconds of event time",
        ge=1,
        le=86_400,
    )
    duplicate_ratio: float = setting(0.0, "Share of live logins produced twice.", ge=0, le=0.3)
    poison_ratio: float = setting(0.0, "Broken records beside the live logins, as a share of them.", ge=0, le=0.3)
    in_flight: int = setting(
        10_000, "Records of one process that may wait for their acknowledgement.", unit="records", ge=1, le=1_000_000
    )
    users: int = setting(
        20, "Most users at one time, in the container and the demo (elsewhere -u).", unit="users", ge=1, le=1_000_000
    )
    shape: str = setting(
        "steady", "Load shape of loadshapes/ in the container and the demo (elsewhere -f).", min_length=1
    )
    run_time: float = setting(
        60.0, "How long it lasts, in the container and the demo (elsewhere -t).", unit="seconds", ge=1, le=604_800
    )
