"""MinIO in the sandbox as a person meets it: commands, and what happens when things go wrong."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

import psutil
import pytest
from minio.error import S3Error

from lakestorm.sandbox.box import Sandbox
from lakestorm.sandbox.process_service import has_gone
from lakestorm.sandbox.services.minio import on_path
from tests.integration.object_tables import client_of
from tests.integration.sandbox_process import command, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

WITH = ("--with", "minio")


@pytest.fixture
def folder(tmp_path: Path, minio: dict[str, str]) -> Iterator[Path]:
    """A folder whose sandbox is taken down afterwards; the program is in the cache by then."""
    yield tmp_path
    Sandbox(tmp_path / ".sandbox", say=lambda _: None).down(erase=True)


def process_of(folder: Path) -> psutil.Process:
    """The server."""
    pid = Sandbox(folder / ".sandbox", say=lambda _: None).states()["minio"].pid
    assert pid is not None
    return psutil.Process(pid)


def put(env: Mapping[str, str], name: str, content: bytes) -> None:
    """Put an object into a bucket, which is made if need be."""
    client = client_of(env)
    if not client.bucket_exists(env["MINIO_BUCKET_NAME"]):
        client.make_bucket(env["MINIO_BUCKET_NAME"])
    client.put_object(env["MINIO_BUCKET_NAME"], name, io.BytesIO(content), len(content))


def get(env: Mapping[str, str], name: str) -> bytes:
    """An object's content."""
    answer = client_of(env).get_object(env["MINIO_BUCKET_NAME"], name)
    try:
        return bytes(answer.data)
    finally:
        answer.close()
        answer.release_conn()


def test_up_status_down_and_a_kill(folder: Path) -> None:
    """`up` prints settings that reach a server on loopback alone; data, port and keys outlive `down` and SIGKILL."""
    up = command("up", *WITH, cwd=folder)
    assert up.returncode == 0, up.stderr
    env = settings_of(up.stdout)
    assert sorted(env) == ["MINIO_ACCESS_KEY", "MINIO_BUCKET_NAME", "MINIO_SECRET_KEY", "MINIO_URL"]
    put(env, "a/b", b"content")
    process = process_of(folder)
    port = env["MINIO_URL"].rpartition(":")[2]
    assert f"minio: running (pid {process.pid}, port {port})" in command("status", cwd=folder).stdout
    assert {c.laddr.ip for c in process.net_connections() if c.status == "LISTEN"} <= {"127.0.0.1", "::1"}
    assert env["MINIO_SECRET_KEY"] not in " ".join(process.cmdline())
    assert os.getsid(process.pid) != os.getsid(0)
    assert (again := command("up", *WITH, cwd=folder)).stdout == up.stdout
    assert again.stderr == ""
    process.kill()
    assert has_gone(process)
    assert "minio: stale, it was killed" in command("status", cwd=folder).stdout
    assert command("up", *WITH, cwd=folder).stdout == up.stdout
    assert get(env, "a/b") == b"content"
    process = process_of(folder)
    assert command("down", cwd=folder).returncode == 0
    assert has_gone(process)
    assert command("env", cwd=folder).stdout == ""
    assert command("up", *WITH, cwd=folder).stdout == up.stdout
    assert get(env, "a/b") == b"content"
    assert command("down", "--erase", cwd=folder).returncode == 0
    assert [path.name for path in (folder / ".sandbox").iterdir()] == ["lock"]


def test_two_sandboxes_share_nothing(folder: Path, minio: dict[str, str]) -> None:
    """Each has keys of its own, which the other refuses."""
    env = settings_of(command("up", *WITH, cwd=folder).stdout)
    assert env["MINIO_URL"] != minio["MINIO_URL"]
    with pytest.raises(S3Error, match="InvalidAccessKeyId"):
        [*client_of({**env, "MINIO_URL": minio["MINIO_URL"]}).list_buckets()]


def test_one_on_path_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is installed is used as it is; a program of that name that is something else is not."""
    program = tmp_path / "minio"
    program.write_text("#!/bin/sh\necho something else 1.0\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert on_path() is None
    program.write_text("#!/bin/sh\necho minio version RELEASE.2025-01-01T00-00-00Z\n")
    assert on_path() == program
    program.unlink()
    assert on_path() is None
