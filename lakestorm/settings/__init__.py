"""Every setting, typed, with unit, bounds and default.

A setting is a field of a group in one of the files here. Its name in the environment is the group's prefix and the
field's name in capitals: `PURCHASE_GEN_EVERY_MS` is `settings.purchase.gen_every_ms`. The environment wins over `.env`;
a secret may stand in a file named by `NAME_FILE`. Groups are loaded together, so that all mistakes are told at once.
"""

from __future__ import annotations

from lakestorm.settings.containers import ContainerSettings
from lakestorm.settings.environment import child_environment, environment, unread
from lakestorm.settings.everything import Settings, env_example, every_field, misspelt, problems_of, usual_values
from lakestorm.settings.group import Group, env_name
from lakestorm.settings.kinds import PURCHASE_KINDS
from lakestorm.settings.overrides import overridden
from lakestorm.settings.pipeline import PipelineSettings
from lakestorm.settings.run import ReplaySettings, RunSettings, WebSettings
from lakestorm.settings.shop import FlashSaleSettings, PostgresSettings, PurchaseSettings, SeedSettings
from lakestorm.settings.streams import KafkaSettings, LoginSettings, SchemaSettings
from lakestorm.settings.sysload import MinioSettings, SysloadSettings

__all__ = [
    "PURCHASE_KINDS",
    "ContainerSettings",
    "FlashSaleSettings",
    "Group",
    "KafkaSettings",
    "LoginSettings",
    "MinioSettings",
    "PipelineSettings",
    "PostgresSettings",
    "PurchaseSettings",
    "ReplaySettings",
    "RunSettings",
    "SchemaSettings",
    "SeedSettings",
    "Settings",
    "SysloadSettings",
    "WebSettings",
    "child_environment",
    "env_example",
    "env_name",
    "environment",
    "every_field",
    "misspelt",
    "overridden",
    "problems_of",
    "unread",
    "usual_values",
]
