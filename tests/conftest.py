"""What all tests share: skips can be forbidden, and real services of the sandbox are there for whoever asks."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import signal
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from lakestorm.sandbox.box import Sandbox
from tests.integration.locust_process import open_database

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--forbid-skips`: a test that did not run is a test that failed, as CI needs it."""
    parser.addoption("--forbid-skips", action="store_true", help="fail if any test was skipped or expected to fail")


def pytest_configure() -> None:
    """Let Ctrl-C mean what it means at a terminal: a script's background job ignores it, and so would all we start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn skips into a failure of the whole run where they are forbidden."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    unrun = [kind for kind in ("skipped", "xfailed", "xpassed") if reporter and reporter.stats.get(kind)]
    if unrun and session.config.getoption("--forbid-skips"):
        print(f"\nTests were {' and '.join(unrun)}; --forbid-skips makes that a failure.", file=sys.stderr)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def execute(env: Mapping[str, str], statement: str) -> None:
    """One statement that cannot run inside a transaction."""
    connection = open_database(env)
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Settings of one real PostgreSQL for the whole session."""
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"), say=lambda _: None)
    sandbox.up(["postgres"])
    yield sandbox.env()
    sandbox.down(erase=True)


def one_service(name: str, folder: Path) -> Iterator[dict[str, str]]:
    """Settings of one real service, which runs until the next is asked for."""
    sandbox = Sandbox(folder, say=lambda _: None)
    sandbox.up([name])
    yield sandbox.env()
    sandbox.down(erase=True)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Settings of one real Kafka for the whole session; tests take topics of their own."""
    yield from one_service("kafka", tmp_path_factory.mktemp("kafka"))


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Settings of one real schema registry for the whole session; tests take subjects of their own."""
    yield from one_service("registry", tmp_path_factory.mktemp("registry"))


@pytest.fixture(scope="session")
def minio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Settings of one real MinIO for the whole session; tests take buckets of their own."""
    yield from one_service("minio", tmp_path_factory.mktemp("minio"))


@pytest.fixture
def database(server: dict[str, str]) -> Iterator[dict[str, str]]:
    """Settings of an empty database of the test's own."""
    name = f"test_{secrets.token_hex(6)}"
    execute(server, f"CREATE DATABASE {name}")
    yield {**server, "POSTGRES_DB": name}
    execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@dataclasses.dataclass
class OwnPostgres:
    """A server of the test's own, to be killed."""

    sandbox: Sandbox
    env: dict[str, str]

    def kill(self) -> None:
        """SIGKILL the server and every process of it, as a power cut would."""
        pid = self.sandbox.states()["postgres"].pid
        assert pid is not None
        main = psutil.Process(pid)
        processes = [main, *main.children(recursive=True)]
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):  # children end by themselves once the first is gone
                process.kill()
        psutil.wait_procs(processes)

    def start(self) -> None:
        """Start it again, on the same port."""
        self.sandbox.up(["postgres"])
        assert self.sandbox.env()["POSTGRES_PORT"] == self.env["POSTGRES_PORT"]


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[OwnPostgres]:
    """A whole server that the test may kill."""
    sandbox = Sandbox(tmp_path / "own-sandbox", say=lambda _: None)
    sandbox.up(["postgres"])
    yield OwnPostgres(sandbox, sandbox.env())
    sandbox.down(erase=True)
