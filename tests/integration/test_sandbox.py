"""The sandbox as a person meets it: commands, and what happens when things go wrong."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from lakestorm.errors import UsageError
from lakestorm.sandbox.box import Sandbox, names_from_text
from lakestorm.sandbox.home import Owner
from tests.integration.locust_process import ROOT, open_database, rows
from tests.integration.sandbox_process import command, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose sandbox is taken down afterwards, whatever the test did to it."""
    yield tmp_path
    Sandbox(tmp_path / ".sandbox", say=lambda _: None).down(erase=True)


def pid_of(folder: Path) -> int:
    """The server's pid."""
    pid = Sandbox(folder / ".sandbox", say=lambda _: None).states()["postgres"].pid
    assert pid is not None
    return pid


def test_up_status_env_down(folder: Path) -> None:
    """`up` prints settings and nothing else on standard output; they reach a database fit for CDC; `down` ends it."""
    up = command("up", cwd=folder)
    assert up.returncode == 0, up.stderr
    env = settings_of(up.stdout)
    assert sorted(env) == ["POSTGRES_DB", "POSTGRES_HOST", "POSTGRES_PASSWORD", "POSTGRES_PORT", "POSTGRES_USER"]
    assert env["POSTGRES_HOST"] == "127.0.0.1"
    assert rows(env, "SHOW wal_level") == [("logical",)]
    assert rows(env, "SHOW password_encryption") == [("scram-sha-256",)]
    assert int(rows(env, "SHOW max_connections")[0][0]) >= 200
    assert int(rows(env, "SHOW max_replication_slots")[0][0]) >= 10
    assert command("env", cwd=folder).stdout == up.stdout
    assert (
        f"postgres: running (pid {pid_of(folder)}, port {env['POSTGRES_PORT']})" in command("status", cwd=folder).stdout
    )
    process = psutil.Process(pid_of(folder))
    assert {c.laddr.ip for c in process.net_connections() if c.status == "LISTEN"} == {"127.0.0.1"}
    assert env["POSTGRES_PASSWORD"] not in " ".join(process.cmdline())
    assert command("down", cwd=folder).returncode == 0
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE  # gone, not yet reaped by init
    assert "postgres: stopped\n" in command("status", cwd=folder).stdout
    assert command("env", cwd=folder).stdout == ""


def test_a_wrong_password_is_refused(server: dict[str, str]) -> None:
    """Loopback is no licence: without the password nobody gets in."""
    with pytest.raises(Exception, match="password authentication failed"):
        open_database({**server, "POSTGRES_PASSWORD": "guess"})


def test_a_second_up_changes_nothing_and_data_stay(folder: Path) -> None:
    """The same server answers a second `up`; after `down` and `up` port, password and rows are the same."""
    first = command("up", cwd=folder)
    pid = pid_of(folder)
    assert command("up", cwd=folder).stdout == first.stdout
    assert pid_of(folder) == pid
    env = settings_of(first.stdout)
    rows(env, "CREATE TABLE kept (i int); INSERT INTO kept VALUES (7)")
    command("down", cwd=folder)
    assert command("up", cwd=folder).stdout == first.stdout
    assert rows(env, "SELECT i FROM kept") == [(7,)]


def test_two_ups_at_once_make_one_server(folder: Path) -> None:
    """Two commands started together wait for each other."""
    line = [sys.executable, "-m", "lakestorm.cli", "sandbox", "up"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    both = [subprocess.Popen(line, cwd=folder, env=env, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert outputs[0] == outputs[1] != ""


def test_two_checkouts_live_beside_each_other(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A second folder has a server of its own, on another port; taking one down leaves the other."""
    other = tmp_path_factory.mktemp("other")
    first, second = (settings_of(command("up", cwd=where).stdout) for where in (folder, other))
    assert first["POSTGRES_PORT"] != second["POSTGRES_PORT"]
    assert command("down", "--erase", cwd=other).returncode == 0
    assert rows(first, "SELECT 1") == [(1,)]


def test_a_killed_server_is_stale_and_comes_back(folder: Path) -> None:
    """After SIGKILL `status` says so, and `up` starts the same data again."""
    env = settings_of(command("up", cwd=folder).stdout)
    rows(env, "CREATE TABLE kept (i int)")
    server = psutil.Process(pid_of(folder))
    family = [server, *server.children(recursive=True)]
    for process in family:
        process.kill()
    psutil.wait_procs(family)
    assert "stale" in command("status", cwd=folder).stdout
    assert settings_of(command("up", cwd=folder).stdout) == env
    assert rows(env, "SELECT * FROM kept") == []


def test_a_stale_pid_that_is_another_process_by_now(folder: Path) -> None:
    """The pid that a dead server left may be somebody else's: that process is neither trusted nor touched."""
    env = settings_of(command("up", cwd=folder).stdout)
    command("down", cwd=folder)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"]) as bystander:
        service = Sandbox(folder / ".sandbox", say=lambda _: None).services["postgres"]
        (service.home.data / "cluster" / "postmaster.pid").write_text(f"{bystander.pid}\n")
        assert "stale" in command("status", cwd=folder).stdout
        assert settings_of(command("up", cwd=folder).stdout) == env
        command("down", cwd=folder)
        assert bystander.poll() is None
        bystander.kill()


def test_a_taken_port_is_left_to_its_owner(folder: Path) -> None:
    """If somebody listens on our port meanwhile, `up` takes another and prints it."""
    env = settings_of(command("up", cwd=folder).stdout)
    command("down", cwd=folder)
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", int(env["POSTGRES_PORT"])))
        squatter.listen()
        again = settings_of(command("up", cwd=folder).stdout)
    assert again["POSTGRES_PORT"] != env["POSTGRES_PORT"]
    assert rows(again, "SELECT 1") == [(1,)]


@pytest.mark.parametrize("wait_s", [0.45, 0.7, 1.0])
def test_an_interrupt_leaves_nothing_running(folder: Path, wait_s: float) -> None:
    """Ctrl-C in the middle of the first `up` ends in 130 without a traceback and without a server; `up` then works."""
    line = [sys.executable, "-m", "lakestorm.cli", "sandbox", "up"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(line, cwd=folder, env=env, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as up:
        time.sleep(wait_s)
        up.send_signal(signal.SIGINT)
        _, errors = up.communicate(timeout=60)
    if up.returncode != 0:  # else it had come to its end before
        assert up.returncode == 130 or "KeyboardInterrupt" in errors, errors
        assert "postgres: stopped" in command("status", cwd=folder).stdout
    again = command("up", cwd=folder)
    assert again.returncode == 0, again.stderr
    assert rows(settings_of(again.stdout), "SELECT 1") == [(1,)]


def test_a_deleted_folder_is_a_fresh_start(folder: Path) -> None:
    """Whoever deletes .sandbox/ has forgotten the password: `up` begins anew instead of failing for ever."""
    first = settings_of(command("up", cwd=folder).stdout)
    subprocess.run(["rm", "-rf", folder / ".sandbox"], check=True)
    second = settings_of(command("up", cwd=folder).stdout)
    assert second["POSTGRES_PASSWORD"] != first["POSTGRES_PASSWORD"]
    assert rows(second, "SELECT 1") == [(1,)]


def test_a_full_disk_is_told_and_leaves_nothing_half_made(folder: Path) -> None:
    """On a disk too small for a database `up` says that there is no space; with space again it works."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    home = Sandbox(folder / ".sandbox", say=lambda _: None).services["postgres"].home
    home.make()
    size = f"size=12m,mode=700,uid={home.owner.uid},gid={home.owner.gid}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", home.data], check=True)
    try:
        full = command("up", cwd=folder)
        assert full.returncode == 1
        assert "No space left on device" in full.stderr
        assert "Traceback" not in full.stderr
        assert "postgres: stopped\n" in command("status", cwd=folder).stdout
        assert list(home.data.iterdir()) == []
    finally:
        subprocess.run(["umount", home.data], check=True)
    assert command("up", cwd=folder).returncode == 0


def test_programs_in_a_closed_home_are_copied_where_their_user_reaches_them(tmp_path: Path) -> None:
    """Root's checkout may be closed to the user that the server runs as: it gets a copy, made once."""
    owner = Owner.not_root()
    home = Sandbox(tmp_path / "box", say=lambda _: None).services["postgres"].home
    closed = tmp_path / "closed" / "programs"
    closed.mkdir(parents=True)
    program = closed / "hello"
    program.write_text("#!/bin/sh\necho 1.0\n")
    program.chmod(0o755)
    assert owner.can_run(program) is (owner.uid is None)
    found = home.reachable(closed, "hello")
    assert owner.can_run(found / "hello")
    assert home.reachable(closed, "hello") == found
    if owner.uid is not None:
        subprocess.run(["rm", "-rf", found], check=True)


@pytest.mark.parametrize("text", ["", "postgress", "postgres,nothing", ","])
def test_names_that_are_none_are_refused(text: str) -> None:
    """`--with` takes names of services, and says which there are."""
    with pytest.raises(UsageError, match="postgres"):
        names_from_text(text)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """`--dir` below a file ends in a sentence, not a traceback."""
    (tmp_path / "file").write_text("")
    done = command("up", "--dir", str(tmp_path / "file" / "box"), cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert str(tmp_path / "file" / "box") in done.stderr
