"""Every setting, typed, with unit, bounds and default; the only reader of the environment.

A setting is a field of a group below. Its name in the environment is the group's prefix and the field's name in
capitals: `PURCHASE_GEN_EVERY_MS` is `settings.purchase.gen_every_ms`. The environment wins over `.env`; a secret
may stand in a file named by `NAME_FILE`. Groups are loaded together, so that all mistakes are told at once.
"""

from __future__ import annotations

import difflib
import math
import os
import sys
import typing
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from dotenv import dotenv_values
from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from lakestorm.errors import SettingsError, exit_on_error
from lakestorm.setting_words import setting, text_of, wanted

if typing.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.fields import FieldInfo

PURCHASE_KINDS = ("buy", "view", "cancel")
"""What `PURCHASE_MIX` may name."""


def mix_of(*kinds: str) -> BeforeValidator:
    """Reads weights by kind from `buy:90,view:8,cancel:2`; ValueError on anything else."""

    def mix_from_text(text: object) -> object:
        if not isinstance(text, str):
            return text
        mix: dict[str, float] = {}
        for part in text.split(","):
            kind, colon, weight = part.strip().partition(":")
            if not colon or kind not in kinds or kind in mix:
                raise ValueError(part)
            mix[kind] = float(weight)
        if any(not 0 <= w < math.inf for w in mix.values()) or not sum(mix.values()):
            raise ValueError(text)
        return mix

    return BeforeValidator(mix_from_text)


def none_if_empty(value: object) -> object:
    """An empty setting is one that is not set."""
    return None if value == "" else value


type_optional = BeforeValidator(none_if_empty)
Mix = Annotated[dict[str, float], NoDecode, mix_of(*PURCHASE_KINDS)]
AnomalyMix = Annotated[dict[str, float], NoDecode, mix_of("impossible_travel", "unseen_country")]
HardMix = Annotated[dict[str, float], NoDecode, mix_of("flight", "vpn", "nat", "address", "pair")]
OptionalCount = Annotated[int | None, type_optional]
OptionalSeconds = Annotated[float | None, type_optional]


class Unreadable:
    """Stands where a secret's file could not be read: no setting takes it, so it is told with all other mistakes."""

    def __init__(self, problem: str) -> None:
        self.problem = problem


class SecretFiles(PydanticBaseSettingsSource):
    """Reads `NAME` from the file that `NAME_FILE` names, as container secrets come."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - as the base class has it
        """The file's text without its last line end, Unreadable, or None where `NAME_FILE` is not set."""
        name = env_name(self.settings_cls, field_name)
        path = environment().get(f"{name}_FILE")
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").rstrip("\r\n"), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            return Unreadable(f'{name}_FILE is "{path}": {unread(error)}'), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Values found in files, by field name."""
        found = ((name, self.get_field_value(f, name)[0]) for name, f in self.settings_cls.model_fields.items())
        return {name: value for name, value in found if value is not None}


class Group(BaseSettings):
    """Settings that share a prefix."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True, allow_inf_nan=False
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then secret files, then the environment, then `.env`."""
        return init_settings, SecretFiles(settings_cls), env_settings, dotenv_settings


class RunSettings(Group):
    """A run as a whole."""

    model_config = SettingsConfigDict(env_prefix="")

    random_seed: int = setting(1, "Seeds all data and choices; the same seed, the same data.", ge=0, lt=2**63)
    results_dir: Path = setting(Path("results"), "Where results folders are written.")
    results_keep: int = setting(20, "How many results folders are kept.", unit="folders", note="0 = all", ge=0)
    warmup_s: float = setting(0.0, "Requests intended before this are left out of thresholds.", unit="seconds", ge=0)
    thresholds_file: str = setting(
        "thresholds.toml",
        "What a run must hold (docs/thresholds.md); without this file a default rule.",
        note="empty = the default rule",
    )
    abort_grace_s: float = setting(
        10.0, "Thresholds with `abort:` are not looked at before this.", unit="seconds", note="from the start", ge=0
    )


class SeedSettings(Group):
    """How much the seed writes."""

    model_config = SettingsConfigDict(env_prefix="")

    users_seed_count: int = setting(10000, "Users in the shop.", unit="rows", ge=1, le=10**9)
    item_seed_count: int = setting(1000, "Items in the shop.", unit="rows", ge=1, le=10**8)
    seed_batch_rows: int = setting(10000, "Rows in one COPY.", unit="rows", ge=1, le=1_000_000)
    seed_processes: int = setting(0, "Processes that make rows.", note="0 = one a core", ge=0, le=256)
    seed_wait_s: float = setting(60.0, "How long to wait for a database that is not up yet.", unit="seconds", ge=0)
    seed_publication: str = setting("", "Publication to create for Debezium.", note="empty = none")


class PostgresSettings(Group):
    """The database that takes the purchases."""

    model_config = SettingsConfigDict(env_prefix="POSTGRES_")

    host: str = setting("postgres", "Host name or address.", min_length=1)
    port: int = setting(5432, "TCP port.", ge=1, le=65535)
    user: str = setting("postgresuser", "Role that owns the shop's tables.", min_length=1)
    password: SecretStr = setting(SecretStr("postgrespw"), "Its password, or POSTGRES_PASSWORD_FILE.")
    db: str = setting("oneshop", "Database.", min_length=1)
    pool_size: int = setting(20, "Connections of one process.", unit="connections", ge=1, le=5000)
    sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] = setting(
        "prefer", "As libpq's sslmode."
    )
    sslrootcert: str = setting("", "File with the certificate authority.", note="empty = libpq's default")
    connect_timeout_s: int = setting(5, "How long one connection may take.", unit="seconds", ge=1, le=600)
    statement_timeout_ms: int = setting(
        30000, "The server cancels a statement after this.", unit="milliseconds", note="0 = never", ge=0
    )


class PurchaseSettings(Group):
    """What one shopper does, and how often."""

    model_config = SettingsConfigDict(env_prefix="PURCHASE_")

    gen_every_ms: int = setting(
        100,
        "Each user starts one request this often.",
        unit="milliseconds",
        note="0 = as fast as answers come",
        ge=0,
        le=3_600_000,
    )
    arrivals: Literal["regular", "poisson"] = setting("regular", "Equal gaps with a random phase, or exponential ones.")
    mix: Mix = setting(
        {"buy": 90.0, "view": 8.0, "cancel": 2.0},
        "Weights of the requests.",
        note="kind:weight, comma, …; kinds are buy, view, cancel; weights ≥ 0, not all 0",
    )
    mode: Literal["statement", "transaction"] = setting(
        "statement", "One round trip and one line, or an interactive transaction with a basket of 1 to 3 lines."
    )
    lock_order: Literal["sorted", "random"] = setting("sorted", "Order in which a basket locks its items.")
    hot_share: float = setting(0.8, "Share of buys that go for the hot items.", ge=0, le=1)
    hot_items: int = setting(10, "How many items are hot.", unit="items", ge=1)
    hot_moves_every_s: float = setting(0.0, "The hot items change this often.", unit="seconds", note="0 = never", ge=0)
    zipf: float = setting(0.99, "Skew of all other choices.", note="0 = uniform", ge=0, le=5)
    late_after_ms: int = setting(
        1000, "A response above this is marked late.", unit="milliseconds", note="0 = none is", ge=0
    )
    skip_after_ms: int = setting(
        0, "A request this late is skipped instead of started.", unit="milliseconds", note="0 = never", ge=0
    )
    max_tries: int = setting(3, "Tries on serialization failure and deadlock.", unit="tries", ge=1, le=1000)


class FlashSaleSettings(Group):
    """The sale."""

    model_config = SettingsConfigDict(env_prefix="FLASHSALE_")

    stock: OptionalCount = setting(
        None, "Units of every item at the start.", unit="units", note="empty = the stock that is there", ge=0, le=10**9
    )
    opens_after_s: OptionalSeconds = setting(
        None, "Doors open this long after the start.", unit="seconds", note="empty = as the shape says, else 0", ge=0
    )
    restock_every_s: float = setting(
        0.0, "Hot items that are sold out get their stock back this often.", unit="seconds", note="0 = never", ge=0
    )
    users: int = setting(
        40, "Most users at one time, in the container and the demo (elsewhere -u).", unit="users", ge=1, le=1_000_000
    )
    shape: str = setting(
        "flash_sale_spike", "Load shape of loadshapes/ in the container and the demo (elsewhere -f).", min_length=1
    )
    run_time: float = setting(
        60.0, "How long the sale lasts, in the container and the demo (elsewhere -t).", unit="seconds", ge=1, le=604_800
    )


class ReplaySettings(Group):
    """The load shape that replays a recording."""

    model_config = SettingsConfigDict(env_prefix="REPLAY_")

    file: str = setting(
        "", "CSV file of second,users that loadshapes/replay.py replays.", note="empty = the example beside it"
    )


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
    registry_basic_auth: SecretStr = setting(
        SecretStr(""), "user:password, or SCHEMA_REGISTRY_BASIC_AUTH_FILE.", note="empty = none"
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


class WebSettings(Group):
    """Locust's web page."""

    model_config = SettingsConfigDict(env_prefix="WEB_")

    bind: str = setting("127.0.0.1", "Address the web page listens on.", min_length=1)


class Settings(BaseModel):
    """All groups, loaded once at the edge and passed down as values."""

    model_config = ConfigDict(frozen=True)

    run: RunSettings
    seed: SeedSettings
    postgres: PostgresSettings
    purchase: PurchaseSettings
    flashsale: FlashSaleSettings
    kafka: KafkaSettings
    registry: SchemaSettings
    login: LoginSettings
    replay: ReplaySettings
    web: WebSettings

    GUARDED_PREFIXES: ClassVar = ("PURCHASE_", "FLASHSALE_", "LOGIN_")
    """An unknown name with one of these is a typing mistake; other prefixes belong to the platform's `.env` too."""

    @classmethod
    def load(cls) -> Self:
        """Read `.env` and the environment; raises SettingsError with every mistake in them."""
        problems = list(misspelt(environment()))
        groups: dict[str, Group] = {}
        for name, field in cls.model_fields.items():
            try:
                groups[name] = field.annotation()  # type: ignore[misc]
            except ValidationError as error:
                problems += problems_of(field.annotation, error)  # type: ignore[arg-type]
        if problems:
            raise SettingsError(problems)
        return cls(**groups)  # type: ignore[arg-type]

    def public(self) -> dict[str, Any]:
        """{environment name: value} of every setting, secrets as `**********`; what results may show."""
        return {
            env_name(type(group), name): text_of(getattr(group, name))
            for _, group in self
            for name in type(group).model_fields
        }


def environment() -> Mapping[str, str]:
    """`.env` of the working folder, overridden by the environment; raises SettingsError if it cannot be read."""
    try:
        return {**{k: v or "" for k, v in dotenv_values(".env").items()}, **os.environ}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f".env: {unread(error)}"]) from error


def unread(error: OSError | UnicodeDecodeError) -> str:
    """Why a file could not be read, and what is wanted; what stands in it is not told."""
    reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
    return f"{reason}. A readable file of UTF-8 text is wanted."


def child_environment(values: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that we start: ours, and these values, which no `.env` or secret file overrides."""
    files = {f"{name}_FILE": "" for name in values if not name.endswith("_FILE")}
    return {**os.environ, **files, **values}


def env_name(group: type[BaseSettings], field: str) -> str:
    """The field's name in the environment."""
    return f"{group.model_config.get('env_prefix', '')}{field}".upper()


def every_field() -> Iterator[tuple[type[Group], str, FieldInfo]]:
    """(group, field name, field) of every setting, in the order of `.env.example`."""
    for outer in Settings.model_fields.values():
        group: type[Group] = outer.annotation  # type: ignore[assignment]
        for name, field in group.model_fields.items():
            yield group, name, field


def misspelt(env: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each name that only looks like one of ours."""
    known = [env_name(group, name) for group, name, _ in every_field()]
    known += [f"{name}_FILE" for name in known]
    for name in sorted(env):
        if name.startswith(Settings.GUARDED_PREFIXES) and name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f" Did you mean {near[0]}?" if near else " See .env.example."
            yield f"{name} is not a setting.{hint}"


def problems_of(group: type[Group], error: ValidationError) -> Iterator[str]:
    """A sentence for each value that pydantic refused."""
    for detail in error.errors(include_url=False):
        if isinstance(detail["input"], Unreadable):
            yield detail["input"].problem
            continue
        field = str(detail["loc"][0])
        name = env_name(group, field.removeprefix(group.model_config.get("env_prefix", "").lower()))
        info = next(f for g, n, f in every_field() if env_name(g, n) == name)
        value = "(hidden)" if info.annotation is SecretStr else f'"{text_of(detail["input"])}"'
        yield f"{name} is {value}: {wanted(info)} is wanted. Set it in .env or the environment."


def env_example() -> str:
    """The text of `.env.example`: every setting with what it is for, what it takes, and its default."""
    lines = ["# Settings of lakestorm. Copy to .env and change what you need; the environment wins over .env."]
    lines += ["# Any NAME may be given as NAME_FILE, a file that holds the value. Written by `make env`."]
    seen: set[type[Group]] = set()
    for group, name, field in every_field():
        if group not in seen:
            seen.add(group)
            lines += ["", f"# --- {str(group.__doc__).rstrip('.')} ---"]
        default = field.default
        shown = default.get_secret_value() if isinstance(default, SecretStr) else text_of(default)
        lines += [f"# {field.description} Takes {wanted(field)}.", f"{env_name(group, name)}={shown}"]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Print `.env.example` (`python -m lakestorm.settings`)."""
    print(env_example(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(exit_on_error(main))
