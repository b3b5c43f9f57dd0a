"""`python -m sysload` and its record: a store that is killed, and a sys-load that is, against every second it told."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

from lakestorm.settings import child_environment
from sysload.segments import rows_from_bytes
from tests.integration.locust_process import ROOT
from tests.integration.object_tables import OwnMinio, seconds_in, with_own_bucket

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LINE = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)Z · ", re.MULTILINE)
NOBODY = "http://127.0.0.1:9"
WAIT_S = 60
"""A limit for what takes seconds on an idle machine."""


class Sysload:
    """A process without pressure that tells every second on standard error; `told` grows while it runs."""

    def __init__(self, env: Mapping[str, str], folder: Path, *, every_s: float = 1) -> None:
        ours = {"SYSLOAD_PORT": "0", "SYSLOAD_EXPORT_EVERY_S": str(every_s), "SYSLOAD_SPOOL_DIR": str(folder / "spool")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sysload", "--watch"],
            env=child_environment({**env, **ours, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}),
            cwd=folder,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.text = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stderr or ():
            self.text += line

    @property
    def told(self) -> list[int]:
        """The seconds that it told, as epoch seconds."""
        moments = (dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC) for text in LINE.findall(self.text))
        return [round(moment.timestamp()) for moment in moments]

    def wait_for(self, count: int) -> None:
        """Wait until it told so many seconds."""
        until_s = time.monotonic() + WAIT_S
        while len(self.told) < count:
            assert self.process.poll() is None, self.text
            assert time.monotonic() < until_s, self.text
            time.sleep(0.01)

    def end(self, how: signal.Signals) -> int:
        """Signal it; its exit code once it is gone and all it said is read."""
        self.process.send_signal(how)
        code = self.process.wait(WAIT_S)
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code


@contextlib.contextmanager
def sysload(env: Mapping[str, str], folder: Path, *, every_s: float = 1) -> Iterator[Sysload]:
    """A process that is gone afterwards."""
    made = Sysload(env, folder, every_s=every_s)
    try:
        yield made
    finally:
        if made.process.returncode is None:
            made.end(signal.SIGKILL)


def is_without_gap(seconds: list[int]) -> bool:
    """Whether each follows the one before."""
    return seconds == [*range(seconds[0], seconds[0] + len(seconds))]


def test_a_store_that_is_killed_for_a_while_has_every_second_once(own_minio: OwnMinio, tmp_path: Path) -> None:
    """MinIO is killed in the middle of a run and comes back: the objects hold each second that was told, once."""
    with sysload(own_minio.env, tmp_path) as process:
        process.wait_for(3)
        own_minio.kill()
        process.wait_for(7)
        own_minio.start()
        process.wait_for(12)
        assert process.end(signal.SIGTERM) == 0
    assert "Rows wait in the spool." in process.text
    assert "can be used again" in process.text
    assert "Traceback" not in process.text
    assert is_without_gap(process.told)
    assert seconds_in(own_minio.env, tmp_path) == dict.fromkeys(process.told, 1)
    assert [path.name for path in (tmp_path / "spool").glob("*.rows")] == []


def test_a_kill_loses_at_most_the_last_second(minio: dict[str, str], tmp_path: Path) -> None:
    """Killed three times with SIGKILL at different moments, all that it had told but the last second is stored once."""
    env = with_own_bucket(minio)
    may_lack: list[int] = []
    told: list[int] = []
    for pause_s in (0.0, 0.4, 0.0):
        with sysload(env if pause_s else {**env, "MINIO_URL": NOBODY}, tmp_path, every_s=3) as killed:
            killed.wait_for(3)
            time.sleep(pause_s)
            assert killed.end(signal.SIGKILL) == -signal.SIGKILL
        assert is_without_gap(killed.told)
        told += killed.told
        may_lack.append(killed.told[-1])
    with sysload(env, tmp_path) as last:
        last.wait_for(2)
        assert last.end(signal.SIGTERM) == 0
    told += last.told
    assert "rows of an earlier process are in the spool" in last.text
    found = seconds_in(env, tmp_path)
    assert {second: rows for second, rows in found.items() if rows > 1} == {}
    assert set(told) - set(found) <= set(may_lack)
    assert set(found) - set(told) <= {second + 1 for second in may_lack}  # stored, and killed before it was told


def test_a_signal_loses_nothing_though_nobody_takes_it(minio: dict[str, str], tmp_path: Path) -> None:
    """SIGTERM while MinIO is away: it ends soon, says how many rows stay, and the spool holds each second it told."""
    with sysload({**minio, "MINIO_URL": NOBODY}, tmp_path) as process:
        process.wait_for(3)
        assert process.end(signal.SIGTERM) == 0
    told = process.told
    assert f"{len(told)} rows could not be exported yet and stay in the spool" in process.text
    paths = sorted((tmp_path / "spool").glob("*.rows"), key=lambda path: path.stem.rpartition("-")[2])
    rows = [row["at"] for path in paths for row in rows_from_bytes(path.read_bytes())[0]]
    assert rows == told
    assert is_without_gap(told)


def test_wrong_keys_end_it_at_once(minio: dict[str, str], tmp_path: Path) -> None:
    """A store that refuses the keys is a wrong setting: one sentence, exit code 5, no secret."""
    env = {**minio, "MINIO_SECRET_KEY": "guessed-secret", "SYSLOAD_PORT": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "sysload", "--duration", "5"],
        env=child_environment({**env, "PYTHONPATH": str(ROOT)}),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 5, done.stderr
    assert "does not take MINIO_ACCESS_KEY and MINIO_SECRET_KEY: SignatureDoesNotMatch" in done.stderr
    assert "guessed-secret" not in done.stderr
    assert "Traceback" not in done.stderr
