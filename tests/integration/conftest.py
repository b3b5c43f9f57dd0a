"""What integration tests share: a database that was seeded once, and copies of it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from tests.integration.locust_process import rows
from tests.integration.seed_process import SMALL, run_seed

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def seeded(server: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A database that was seeded once, to be copied."""
    name = f"seeded_{secrets.token_hex(6)}"
    rows(server, f"CREATE DATABASE {name}")
    env = {**server, **SMALL, "POSTGRES_DB": name}
    done = run_seed(env=env, cwd=tmp_path_factory.mktemp("seeded"))
    assert done.code == 0, done.err
    yield env
    rows(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def shop(server: dict[str, str], seeded: dict[str, str]) -> Iterator[dict[str, str]]:
    """A seeded database of the test's own."""
    name = f"shop_{secrets.token_hex(6)}"
    rows(server, f"CREATE DATABASE {name} TEMPLATE {seeded['POSTGRES_DB']}")
    yield {**seeded, "POSTGRES_DB": name}
    rows(server, f"DROP DATABASE {name} WITH (FORCE)")
