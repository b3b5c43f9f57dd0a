"""What unit tests share: how thorough hypothesis is, and an environment without anybody's settings."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import hypothesis
import locust  # noqa: F401 - it patches the standard library, and must come before whoever has taken parts of that
import pytest

from lakestorm.settings import env_name, every_field

if TYPE_CHECKING:
    from pathlib import Path

hypothesis.settings.register_profile("unit", deadline=None, max_examples=30, database=None)
hypothesis.settings.load_profile("unit")


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty working folder and an environment in which no setting of ours is set; gives the folder."""
    monkeypatch.chdir(tmp_path)
    names = {env_name(group, name) for group, name, _ in every_field()}
    for name in list(os.environ):
        if name.removesuffix("_FILE") in names or name in names or name.startswith(("PURCHASE_", "FLASHSALE_")):
            monkeypatch.delenv(name)
    return tmp_path
