"""The exporter against a real MinIO: what it stores, and what becomes of rows that it cannot store."""

from __future__ import annotations

import contextlib
import io
import json
import resource
import secrets
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Any, Self

import minio as minio_package
import pytest
from minio import MinioAdmin
from minio.credentials.providers import StaticProvider

from lakestorm.errors import PlatformError
from lakestorm.settings import MinioSettings, SysloadSettings
from sysload.export import Exporter
from sysload.segments import rows_from_bytes
from tests.integration.locust_process import ROOT
from tests.integration.object_tables import OwnMinio, client_of, object_names, seconds_in, table_in, with_own_bucket
from tests.made_seconds import AT, a_second

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

WAIT_S = 30
"""A limit for what takes a second or two on an idle machine."""


@pytest.fixture
def bucket(minio: dict[str, str]) -> dict[str, str]:
    """The shared server, and a bucket of the test's own that is not there yet."""
    return with_own_bucket(minio)


class Out(contextlib.AbstractContextManager["Out"]):
    """An exporter as the settings make it, closed at the end; `said` is what it told."""

    def __init__(self, env: Mapping[str, str], spool: Path, **settings: Any) -> None:
        self.said: list[str] = []
        values: dict[str, Any] = {name.removeprefix("MINIO_").lower(): value for name, value in env.items()}
        minio = MinioSettings(**values)
        sysload = SysloadSettings(**{"spool_dir": spool, "export_every_s": 2, **settings})
        made = Exporter.of(minio, sysload, self.said.append)
        assert made is not None
        self.exporter = made

    def __enter__(self) -> Self:
        self.exporter.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.exporter.close()

    def take(self, seconds: range) -> None:
        """Rows of these seconds."""
        for at in seconds:
            self.exporter.take(a_second(at))

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Wait for something to become so."""
        until_s = time.monotonic() + WAIT_S
        while not holds():
            assert time.monotonic() < until_s, self.exporter.state()
            time.sleep(0.02)

    def wait_for_rows(self, count: int) -> None:
        """Wait until so many rows are exported."""
        self.wait_until(lambda: self.exporter.state().rows >= count)


def test_rows_become_objects_in_order_and_the_rest_at_the_end(bucket: dict[str, str], tmp_path: Path) -> None:
    """The bucket is made, objects have their names, and every second stands in exactly one of them after `close`."""
    with Out(bucket, tmp_path / "spool") as out:
        out.take(range(AT, AT + 5))
        out.wait_for_rows(4)
        assert out.exporter.healthy()
        assert len(object_names(bucket)) == 2
    host = socket.gethostname()
    assert object_names(bucket) == [
        f"sysload/date=2026-02-03/hour=04/{host}-{AT + 2 * i}-{i:06}.parquet" for i in range(3)
    ]
    assert seconds_in(bucket, tmp_path) == dict.fromkeys(range(AT, AT + 5), 1)
    assert list((tmp_path / "spool").glob("*.rows")) == []
    assert out.said == []


def test_json_lines_on_request(bucket: dict[str, str], tmp_path: Path) -> None:
    """The same rows as text, in objects of that ending, with what is watched inside."""
    with Out(bucket, tmp_path / "spool", export_format="jsonl") as out:
        out.take(range(AT, AT + 3))
    assert seconds_in(bucket, tmp_path, "jsonl") == dict.fromkeys(range(AT, AT + 3), 1)
    assert all(row["watched"][0]["state"] == "up" for row in table_in(bucket, tmp_path, "jsonl"))


def test_a_server_killed_in_the_middle_costs_nothing(own_minio: OwnMinio, tmp_path: Path) -> None:
    """While MinIO is gone rows wait and health turns; when it is back they are exported, each once."""
    with Out(own_minio.env, tmp_path / "spool") as out:
        out.take(range(AT, AT + 40))
        out.wait_for_rows(2)  # in the middle of its work
        own_minio.kill()
        out.take(range(AT + 40, AT + 61))
        out.wait_until(lambda: bool(out.exporter.state().error))
        assert out.exporter.state().waiting.rows > 0
        own_minio.start()
        out.wait_for_rows(60)
        assert out.exporter.state().error == ""
    assert seconds_in(own_minio.env, tmp_path) == dict.fromkeys(range(AT, AT + 61), 1)
    assert "Rows wait in the spool." in out.said[0]
    assert "can be used again" in out.said[-1]


def test_a_server_that_is_not_there_yet(own_minio: OwnMinio, tmp_path: Path) -> None:
    """MinIO down at the start is no error: rows are spooled, past the end too, and go out first the next time."""
    own_minio.kill()
    with Out(own_minio.env, tmp_path / "spool") as out:
        out.take(range(AT, AT + 5))
        begun_s = time.monotonic()
    assert time.monotonic() - begun_s < 3
    assert "cannot be used" in out.said[0]
    assert out.said[-1] == "5 rows could not be exported yet and stay in the spool; the next start exports them."
    own_minio.start()
    with Out(own_minio.env, tmp_path / "spool") as again:
        again.take(range(AT + 100, AT + 102))
        again.wait_for_rows(7)
    assert again.said[0] == "5 rows of an earlier process are in the spool; they are exported first."
    wanted = {*range(AT, AT + 5), AT + 100, AT + 101}
    assert seconds_in(own_minio.env, tmp_path) == dict.fromkeys(wanted, 1)


def test_an_export_that_is_behind_is_not_healthy(bucket: dict[str, str], tmp_path: Path) -> None:
    """Health turns when a closed segment waits too long, and turns back when it has gone out."""
    moment = [0.0]
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        nobody = {**bucket, "MINIO_URL": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        out = Out(nobody, tmp_path / "spool")
        out.exporter._spool._clock = lambda: moment[0]
        with out:
            out.take(range(AT, AT + 2))
            out.wait_until(lambda: out.exporter.state().waiting.segments == 1)
            assert out.exporter.healthy()
            moment[0] = 14.5
            assert not out.exporter.healthy()
            assert out.exporter.state().is_behind


def test_a_store_that_hangs_does_not_hold_up_the_end(bucket: dict[str, str], tmp_path: Path) -> None:
    """A store that takes connections and says nothing: `take` and `close` go on, rows stay in the spool."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        out = Out(bucket, tmp_path / "spool")
        with out:
            hanging = Out({**bucket, "MINIO_URL": f"http://127.0.0.1:{silent.getsockname()[1]}"}, tmp_path / "other")
            out.exporter._store = hanging.exporter._store
            out.take(range(AT, AT + 10))
            out.wait_until(lambda: out.exporter.state().waiting.rows == 10)
            begun_s = time.monotonic()
        assert time.monotonic() - begun_s < 3
    assert any(sentence.startswith("10 rows could not be exported yet") for sentence in out.said)
    out.exporter._sender.join(WAIT_S)  # in a process of its own it would be gone by now
    with Out(bucket, tmp_path / "spool") as again:
        again.wait_for_rows(10)
    assert seconds_in(bucket, tmp_path) == dict.fromkeys(range(AT, AT + 10), 1)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"MINIO_ACCESS_KEY": "nobody"}, "InvalidAccessKeyId"),
        ({"MINIO_SECRET_KEY": "guessed"}, "SignatureDoesNotMatch"),
    ],
)
def test_wrong_keys_are_told_at_once(bucket: dict[str, str], tmp_path: Path, wrong: dict[str, str], code: str) -> None:
    """A store that does not take the keys ends the start with a sentence that names both settings, and no secret."""
    with pytest.raises(PlatformError, match=rf"does not take MINIO_ACCESS_KEY and MINIO_SECRET_KEY: {code}") as told:
        Out({**bucket, **wrong}, tmp_path / "spool").exporter.start()
    assert "guessed" not in str(told.value)
    with Out(bucket, tmp_path / "spool") as out:  # the folder was let go of
        assert out.exporter.healthy()


def admin_of(env: Mapping[str, str]) -> MinioAdmin:
    """Who may do everything on the server."""
    return MinioAdmin(
        endpoint=env["MINIO_URL"].removeprefix("http://"),
        credentials=StaticProvider(env["MINIO_ACCESS_KEY"], env["MINIO_SECRET_KEY"]),
        secure=False,
    )


def restricted(env: Mapping[str, str], policy: Mapping[str, Any]) -> dict[str, str]:
    """A new user of the server who may do what the policy says, and nothing else."""
    name, secret = f"user-{secrets.token_hex(4)}", secrets.token_urlsafe(16)
    admin = admin_of(env)
    admin.user_add(name, secret)
    admin.policy_add(name, policy=dict(policy))
    admin.attach_policy([name], user=name)
    return {**env, "MINIO_ACCESS_KEY": name, "MINIO_SECRET_KEY": secret}


def own_policy(env: Mapping[str, str]) -> dict[str, Any]:
    """deploy/minio-policy.json, for the test's bucket."""
    text = (ROOT / "deploy" / "minio-policy.json").read_text(encoding="utf-8")
    policy: dict[str, Any] = json.loads(text.replace(":::lakestorm", f":::{env['MINIO_BUCKET_NAME']}"))
    return policy


def test_the_documented_policy_is_enough_and_lets_nothing_else_be_done(bucket: dict[str, str], tmp_path: Path) -> None:
    """A user with the rights of deploy/minio-policy.json makes the bucket and exports; it may not read or delete."""
    user = restricted(bucket, own_policy(bucket))
    with Out(user, tmp_path / "spool") as out:
        out.take(range(AT, AT + 4))
        out.wait_for_rows(4)
    assert out.said == []
    assert seconds_in(bucket, tmp_path) == dict.fromkeys(range(AT, AT + 4), 1)
    client, name = client_of(user), object_names(bucket)[0]
    forbidden: list[Callable[[], object]] = [
        lambda: client.get_object(bucket["MINIO_BUCKET_NAME"], name),
        lambda: client.remove_object(bucket["MINIO_BUCKET_NAME"], name),
        lambda: [*client.list_objects(bucket["MINIO_BUCKET_NAME"])],
        lambda: client.make_bucket("another-bucket"),
        lambda: client.put_object(bucket["MINIO_BUCKET_NAME"], "elsewhere/x", io.BytesIO(b"x"), 1),
    ]
    for attempt in forbidden:
        with pytest.raises(minio_package.error.S3Error, match="AccessDenied"):
            attempt()


def test_each_right_of_the_policy_is_needed(bucket: dict[str, str], tmp_path: Path) -> None:
    """Without the right to put, rows wait and the refusal is said; without the right to make the bucket the same."""
    for number in range(2):
        policy = own_policy(bucket)
        del policy["Statement"][number]
        with Out(restricted(bucket, policy), tmp_path / f"spool-{number}") as out:
            out.take(range(AT, AT + 2))
            out.wait_until(lambda out=out: bool(out.exporter.state().error))  # type: ignore[misc]
            assert "refuses: AccessDenied" in out.exporter.state().error
        assert out.said[-1].startswith("2 rows could not be exported yet")


def test_a_store_that_is_full(bucket: dict[str, str], tmp_path: Path) -> None:
    """A bucket at its quota takes nothing: said with the store's own word, rows wait, and each goes out once after."""
    admin, name = admin_of(bucket), bucket["MINIO_BUCKET_NAME"]
    with Out(bucket, tmp_path / "spool") as out:
        out.take(range(AT, AT + 4))
        out.wait_for_rows(4)
        admin.bucket_quota_set(name, 1)
        out.take(range(AT + 4, AT + 10))
        out.wait_until(lambda: bool(out.exporter.state().error))
        assert "refuses: XMinioAdminBucketQuotaExceeded" in out.exporter.state().error
        assert out.exporter.state().waiting.rows == 6
        admin.bucket_quota_clear(name)
        out.wait_for_rows(10)
    assert "Rows wait in the spool." in out.said[0]
    assert "can be used again" in out.said[-1]
    assert seconds_in(bucket, tmp_path) == dict.fromkeys(range(AT, AT + 10), 1)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[tuple[Callable[[], object], Callable[[], object]]]:
    """A file system of 256 kB; gives what fills it, and what makes room again."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], check=True, capture_output=True)
    filler = folder / "filler"

    def fill() -> None:
        with contextlib.suppress(OSError), filler.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    try:
        yield fill, filler.unlink
    finally:
        subprocess.run(["umount", folder], check=True)


@contextlib.contextmanager
def small_files(folder: Path) -> Iterator[tuple[Callable[[], object], Callable[[], object]]]:
    """A folder, and a limit of the kernel's on how long this process's files may become; Python ignores its signal."""
    folder.mkdir()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))

    try:
        yield lambda: limit(20_000), lambda: limit(soft)
    finally:
        limit(soft)


def may_mount(folder: Path) -> bool:
    """Whether we are allowed to: root may, but not in every container."""
    try:
        with small_disk(folder):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@pytest.mark.parametrize(
    ("kind", "reason"),
    [(small_disk, "No space left on device"), (small_files, "File too large")],
    ids=["disk", "limit"],
)
def test_a_disk_that_takes_no_more_costs_no_row(bucket: dict[str, str], tmp_path: Path, kind: Any, reason: str) -> None:
    """ENOSPC (EFBIG) in the middle of a segment: said once, rows wait in memory, each is exported once in the end."""
    if kind is small_disk and not may_mount(tmp_path / "probe"):
        kind, reason = small_files, "File too large"
    folder = tmp_path / "small"
    with kind(folder) as (fill, make_room), Out(bucket, folder / "spool", export_every_s=100) as out:
        out.take(range(AT, AT + 10))
        out.wait_until(lambda: out.exporter.state().waiting.rows == 10)
        fill()
        out.take(range(AT + 10, AT + 90))
        out.wait_until(lambda: out.exporter.state().waiting.rows == 90)
        assert out.exporter.state().waiting.error == reason
        assert out.exporter.healthy()
        on_disk, _ = rows_from_bytes(next((folder / "spool").glob("*.rows")).read_bytes())
        assert 10 <= len(on_disk) < 90
        make_room()
        out.take(range(AT + 90, AT + 91))
        out.wait_until(lambda: not out.exporter.state().waiting.error)
        fill()
        out.take(range(AT + 91, AT + 100))
        out.wait_for_rows(100)
    assert [sentence.partition("spool")[2] for sentence in out.said][:2] == [
        f": {reason}. Rows wait in memory, where a kill would lose them.",
        " takes rows again; none was lost for that.",
    ]
    assert seconds_in(bucket, tmp_path) == dict.fromkeys(range(AT, AT + 100), 1)
