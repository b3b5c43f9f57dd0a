"""Settings of the containers, which docker compose reads and the images' entrypoint."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator
from pydantic_settings import SettingsConfigDict

from lakestorm.settings.group import Group
from lakestorm.settings.words import setting

NAMES = re.compile(r"[a-z][a-z0-9_]*(,[a-z][a-z0-9_]*)*")


def file_names(text: str) -> str:
    """The text, if it is names of files with commas between; ValueError on anything else, a path for one."""
    if not NAMES.fullmatch(text):
        raise ValueError(text)
    return text


class ContainerSettings(Group):
    """Containers, by docker compose."""

    model_config = SettingsConfigDict(env_prefix="")

    platform_network: str = setting(
        "", "Network of a platform that runs already, which the generators join.", note="empty = one of their own"
    )
    locust_scenarios: Annotated[str, AfterValidator(file_names)] = setting(
        "flashsale",
        "What users of locust-master and locust-worker do: files of locustfiles/ and loadshapes/. Without a shape among"
        " them the page has all of them to pick from.",
        note="names, comma between",
    )
    loadgen_cpus: float = setting(1.0, "CPU that the sys-load container may use.", unit="cores", gt=0, le=1024)
    loadgen_memory_mb: int = setting(
        512, "Memory that the sys-load container may use.", unit="megabytes", ge=64, le=1_000_000
    )
