"""Settings of the shop: its data, its database, its shoppers, its sale."""

from __future__ import annotations

from typing import Literal

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from lakestorm.settings.group import Group
from lakestorm.settings.kinds import Mix, OptionalCount, OptionalSeconds  # noqa: TC001 - pydantic reads it
from lakestorm.settings.words import setting


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
