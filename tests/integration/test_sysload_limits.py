"""sys-load under real limits: CPU quotas, a memory limit that a neighbour eats up, a disk that is full.

Control groups and mounts are the machine's to give. Where they cannot be made, the nearest that can is asserted.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sysload.cgroup import find_groups
from tests.integration.pressed import Pressed, quoted, script

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = f"lakestorm-test-{os.getpid()}"
POINTS = 8.0


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty working folder."""
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


@contextlib.contextmanager
def own_group(controller: str, **files: str) -> Iterator[Path | None]:
    """A control group with these values, below the one of this process; None where that is not allowed."""
    folders = find_groups().folders
    parents = folders.get(controller) or folders.get("") or ()
    with contextlib.ExitStack() as stack:
        group = None
        try:
            group = parents[0] / NAME
            group.mkdir()
            stack.callback(remove, group)
            for name, value in files.items():
                if controller in folders or not name.startswith((f"{controller}.cfs", f"{controller}.limit_in")):
                    (group / name).write_text(value, encoding="ascii")
        except (OSError, IndexError):
            group = None
        yield group


def remove(group: Path) -> None:
    """Remove it, once the last process in it has ended, and fails if that does not."""
    until_s = time.monotonic() + 10
    while (group / "cgroup.procs").read_text(encoding="ascii") and time.monotonic() < until_s:
        time.sleep(0.05)
    group.rmdir()


def quota(cores: float) -> dict[str, str]:
    """Files that allow so many cores, as the controller's version names them."""
    if "cpu" in find_groups().folders:
        return {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": f"{cores * 100_000:.0f}"}
    return {"cpu.max": f"{cores * 100_000:.0f} 100000"}


def entering(group: Path) -> str:
    """A script that joins the group."""
    return script(f"echo $$ > {quoted(group / 'cgroup.procs')}")


@pytest.mark.parametrize("cores", [1.0, 0.5])
def test_a_quota_is_what_the_share_is_of(place: Path, cores: float) -> None:
    """Where a group may use one core or half of it, 60 % is 60 % of that; where none can be made, of one CPU."""
    with own_group("cpu", **quota(cores)) as group:
        cpu = min(os.sched_getaffinity(0))
        through = entering(group) if group else script(f"taskset -p -c {cpu} $$ > {quoted(place.parent / 'taskset')}")
        usable = cores if group else 1.0
        why = "the CPU quota of its control group" if group else "the CPUs it may run on"
        with Pressed("--watch", cwd=place, through=through, SYSLOAD_CPU_PERCENT="60") as pressed:
            pressed.until_seconds(1)
            assert f"At most 60 % of {usable:g} cores ({why})" in pressed.said
            got = 100 * pressed.tree.cores(4.0) / usable
            assert got <= 60 + POINTS, pressed.said
            if got < 60 - POINTS:
                pressed.until(lambda: " · CPU: " in pressed.said, "a sentence on CPU")


NEIGHBOUR = """
import mmap, sys, time
held = []
for _ in range(12):
    held.append(mmap.mmap(-1, 10_000_000, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
    held[-1].write(b"x" * 10_000_000)
    time.sleep(0.5)
print("done", flush=True)
time.sleep(30)
"""


def test_memory_is_given_to_a_neighbour(place: Path) -> None:
    """Where a neighbour in the same group takes memory, as much is let go of before the limit kills anybody, and said.

    Where no group can be made: what would pass the machine's end less the reserve is refused.
    """
    limit = 500_000_000
    files = {"memory.limit_in_bytes": str(limit)} if "memory" in find_groups().folders else {"memory.max": str(limit)}
    with own_group("memory", **files) as group:
        if group is None:
            with Pressed(cwd=place, SYSLOAD_MEMORY_MB="100%") as pressed:
                assert pressed.ended() == 5
            return
        settings = {"SYSLOAD_MEMORY_MB": "250", "SYSLOAD_MEMORY_RESERVE_MB": "120"}
        with Pressed("--watch", cwd=place, through=entering(group), **settings) as pressed:
            pressed.until(lambda: "memory 250 of 250 MB" in pressed.said, "all of it")
            assert "(the memory limit of its control group)" in pressed.said
            command = ["sh", "-c", entering(group), "sh", sys.executable, "-c", NEIGHBOUR]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as neighbour:
                try:
                    assert neighbour.stdout is not None
                    assert neighbour.stdout.readline() == b"done\n"
                    pressed.until(lambda: "held: no more is left below the limit" in pressed.lines[-1], "a sentence")
                finally:
                    neighbour.kill()
            pressed.until(lambda: "memory 250 of 250 MB" in pressed.lines[-1], "all of it again")
            assert "restarts" not in pressed.said, "it was killed"


def mounting(folder: Path) -> str:
    """A script that mounts 24 MB over a folder: as root, else in a user namespace; empty where neither is allowed."""
    mount = f"mount -t tmpfs -o size=24m lakestorm {quoted(folder)}"
    for prefix in (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"]):
        with contextlib.suppress(FileNotFoundError):
            tried = subprocess.run([*prefix, "sh", "-c", mount], capture_output=True, check=False)
            if not tried.returncode:
                inner = quoted(script(mount))
                return f'exec {" ".join(prefix)} sh -c {inner} sh "$@"'
    return ""


def test_a_full_disk_is_lived_with(place: Path, tmp_path: Path) -> None:
    """On a disk that others fill to the last byte it keeps to the space it has, reads and writes on, and none dies.

    Where nothing can be mounted: a reserve that is not there lets it write nothing.
    """
    small = tmp_path / "small"
    small.mkdir()
    through = mounting(small)
    settings = {"SYSLOAD_DISK_DIR": str(small / "disk"), "SYSLOAD_DISK_MBPS": "30", "SYSLOAD_DISK_FILE_MB": "20"}
    settings["SYSLOAD_DISK_RESERVE_MB"] = "0" if through else "1000000000"
    with Pressed("--watch", cwd=place, through=through, **settings) as pressed:
        if not through:
            pressed.until(lambda: "must stay so" in pressed.said, "a sentence")
            return
        pressed.until(lambda: "disk read 1" in pressed.said, "reads")
        (worker,) = pressed.tree.running("disk_worker")
        inside = Path(f"/proc/{worker.pid}/root{small}")  # as its own mounts have it
        with contextlib.suppress(OSError), (inside / "filler").open("wb") as filler:
            while True:
                filler.write(bytes(65_536))
                filler.flush()
        pressed.until_seconds(len(pressed.lines) + 3)
        assert re.search(r"disk read [1-9][\d.]* \+ written [1-9]", pressed.lines[-1]), pressed.said
        assert "restarts" not in pressed.said
        assert worker.is_running()
        (inside / "filler").unlink()
