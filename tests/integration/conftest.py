"""What integration tests share: a database that was seeded once, copies of it, and a whole pipeline behind one."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from lakestorm.sandbox.box import Sandbox
from lakestorm.settings import Settings
from sysload.watching import Watcher
from tests.integration.locust_process import rows
from tests.integration.object_tables import OwnMinio, with_own_bucket
from tests.integration.seed_process import SMALL, run_seed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.health_endpoints import StartWatcher


BUILT = {
    "test_compose",
    "test_doctor",
    "test_entrypoints",
    "test_operating",
    "test_sandbox_minio",
    "test_sysload_export",
    "test_sysload_record",
}
"""Files whose tests need a program that Go builds once: they come last, `make test` builds it meanwhile."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put them last; all else stays in its order."""
    items.sort(key=lambda item: item.path.stem in BUILT)


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


PIPELINE = ("postgres", "kafka", "registry", "connect")


@pytest.fixture(scope="session")
def pipeline_box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """PostgreSQL, Kafka, registry and Connect with its Debezium connector, for whoever must stop one of them.

    What a test stops it starts again (`up` by name: ports and data stay), since the session has this one only.
    """
    sandbox = Sandbox(tmp_path_factory.mktemp("pipeline"), say=lambda _: None)
    sandbox.up(PIPELINE)
    yield sandbox
    sandbox.down(erase=True)


@pytest.fixture(scope="session")
def pipeline(pipeline_box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings of a seeded shop whose changes stream to Kafka, one for the whole session."""
    env = {**pipeline_box.env(), **SMALL}
    done = run_seed("load", env=env, cwd=tmp_path_factory.mktemp("pipeline_seed"))
    assert done.code == 0, done.err
    return env


@pytest.fixture
def own_minio(tmp_path: Path) -> Iterator[OwnMinio]:
    """A whole server that the test may kill."""
    sandbox = Sandbox(tmp_path / "own-sandbox", say=lambda _: None)
    sandbox.up(["minio"])
    yield OwnMinio(sandbox, with_own_bucket(sandbox.env()))
    sandbox.down(erase=True)


@pytest.fixture
def start_watcher(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StartWatcher]:
    """Starts a watcher of addresses, with settings; asks ten times a second unless told otherwise."""
    monkeypatch.chdir(tmp_path)
    began: list[Watcher] = []

    def begin(*addresses: str, **settings: str) -> Watcher:
        mine = {"SYSLOAD_WATCH": ",".join(addresses), "SYSLOAD_WATCH_EVERY_S": "0.1", "SYSLOAD_WATCH_TIMEOUT_S": "0.5"}
        for name, value in {**mine, **settings}.items():
            monkeypatch.setenv(name, value)
        watcher = Watcher(Settings.load())
        began.append(watcher)
        watcher.start()
        return watcher

    yield begin
    for watcher in began:
        watcher.close()
