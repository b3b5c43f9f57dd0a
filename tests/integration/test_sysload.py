"""sys-load as a user runs it, measured from outside: exact where the machine lets it, polite, and gone when it ends."""

from __future__ import annotations

import functools
import os
import re
import signal
import time
from typing import TYPE_CHECKING

import pytest

from sysload.__main__ import run
from tests.integration.pressed import Pressed, are_gone
from tests.process_tree import moved_mb

if TYPE_CHECKING:
    from pathlib import Path

ALL = {
    "SYSLOAD_CPU_PERCENT": "20",
    "SYSLOAD_MEMORY_MB": "50",
    "SYSLOAD_DISK_MBPS": "4",
    "SYSLOAD_DISK_FILE_MB": "8",
    "SYSLOAD_DISK_RESERVE_MB": "0",
}
POINTS = 8.0


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty working folder; what is said stands beside it."""
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


def fell_short(pressed: Pressed, kind: str) -> bool:
    """Whether it says so itself: what it owes where the machine is too busy."""
    return any(f" · {kind}: " in line for line in pressed.lines)


@pytest.mark.parametrize("shape", ["smooth", "bursty"])
def test_cpu_as_asked(place: Path, shape: str) -> None:
    """Over several seconds the whole process tree takes its share of all cores, or says that it could not."""
    settings = {"SYSLOAD_CPU_PERCENT": "30", "SYSLOAD_CPU_SHAPE": shape, "SYSLOAD_CPU_BURST_S": "1"}
    with Pressed("--watch", cwd=place, **settings) as pressed:
        pressed.until_seconds(1)
        got = 100 * pressed.tree.cores(4.0) / len(os.sched_getaffinity(0))
        assert got <= 30 + POINTS, pressed.said
        if got < 30 - POINTS:
            pressed.until(lambda: fell_short(pressed, "CPU"), "a sentence on CPU")


def holds(pressed: Pressed) -> bool:
    """Whether it holds what it shall, and rewrites it."""
    return bool(re.search(r"memory (\d+) of \1 MB \(written", pressed.said))


def test_memory_as_asked(tmp_path: Path) -> None:
    """A run that holds 101 MB has 100 MB more resident than one that holds 1 MB, and both rewrite what they hold."""
    sizes = []
    places = [tmp_path / name for name in ("a", "b")]
    for place in places:
        place.mkdir()
    churn = {"SYSLOAD_MEMORY_CHURN_MBPS": "20"}
    with (
        Pressed("--watch", cwd=places[0], SYSLOAD_MEMORY_MB="1", **churn) as one,
        Pressed("--watch", cwd=places[1], SYSLOAD_MEMORY_MB="101", **churn) as more,
    ):
        for pressed in (one, more):
            pressed.until(functools.partial(holds, pressed), "memory")
            sizes.append(pressed.tree.resident_mb())
        assert 95 <= sizes[1] - sizes[0] <= 105, sizes


def test_memory_comes_slowly(place: Path) -> None:
    """With a ramp of a minute a few seconds hold only a small part, and the target moves with the ramp."""
    with Pressed(
        "--duration", "4", "--watch", cwd=place, SYSLOAD_MEMORY_MB="300", SYSLOAD_MEMORY_RAMP_S="60"
    ) as pressed:
        assert pressed.ended() == 0
        targets = [int(found) for found in re.findall(r"memory \d+ of (\d+) MB", pressed.said)]
        assert targets == [5, 10, 15, 20]


def test_disk_as_asked(place: Path) -> None:
    """Reads and writes go through a bounded file at their rate, or it says that the disk takes no more."""
    settings = {"SYSLOAD_DISK_MBPS": "8", "SYSLOAD_DISK_FILE_MB": "8", "SYSLOAD_DISK_RESERVE_MB": "0"}
    with Pressed("--watch", cwd=place, **settings) as pressed:
        pressed.until_seconds(1)
        (worker,) = pressed.tree.running("disk_worker")
        (file,) = (place / ".sysload/disk").iterdir()
        before, began_s = moved_mb(worker.pid), time.monotonic()
        pressed.until_seconds(5)
        rate = (moved_mb(worker.pid) - before) / (time.monotonic() - began_s)
        assert rate <= 12, pressed.said
        assert rate >= 6 or fell_short(pressed, "Disk"), pressed.said
        assert file.stat().st_size <= 8_000_000
        assert re.search(r"disk read [1-9][\d.]* \+ written [1-9]", pressed.lines[-1]), pressed.said
        pressed.end(signal.SIGTERM)
    assert list(place.iterdir()) == []


def test_the_reserve_of_the_disk_stays_free(place: Path) -> None:
    """Where less is free than must stay so, nothing is written, and that is said."""
    settings = {"SYSLOAD_DISK_MBPS": "8", "SYSLOAD_DISK_RESERVE_MB": "1000000000"}
    with Pressed("--watch", cwd=place, **settings) as pressed:
        pressed.until(lambda: "1000000000 MB must stay so" in pressed.said, "a sentence")
        (file,) = (place / ".sysload/disk").iterdir()
        assert file.stat().st_size == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(place: Path, how: signal.Signals) -> None:
    """Within two seconds all processes are gone, the folder is as it was, and the exit code is 0."""
    with Pressed(cwd=place, **ALL) as pressed:
        pressed.until(lambda: pressed.tree.running("disk_worker") and list(place.rglob("*.scratch")), "its file")
        processes = list(pressed.tree.processes())
        assert len(processes) >= 4
        assert pressed.end(how) < 2
        assert pressed.process.returncode == 0
        assert are_gone(processes, within_s=0)
        assert list(place.iterdir()) == []
        assert "Traceback" not in pressed.said


def test_a_killed_parent_leaves_no_process(place: Path) -> None:
    """After a SIGKILL of the parent its workers end by themselves, and the disk's file goes with its worker."""
    with Pressed(cwd=place, **ALL) as pressed:
        pressed.until(lambda: list(place.rglob("*.scratch")), "its file")
        processes = list(pressed.tree.processes())
        pressed.end(signal.SIGKILL)
        assert are_gone(processes, within_s=10)
        assert list(place.rglob("*.scratch")) == []


def test_the_next_start_removes_what_a_kill_left(place: Path) -> None:
    """Where all processes are killed at once the file stays; the next start finds it, deletes it, and says so."""
    with Pressed(cwd=place, **ALL) as pressed:
        pressed.until(lambda: list(place.rglob("*.scratch")), "its file")
        processes = list(pressed.tree.processes())
        for process in processes:
            process.suspend()
        for process in processes:
            process.kill()
        pressed.ended()
        assert are_gone(processes, within_s=10)
        (stale,) = place.rglob("*.scratch")
    with Pressed("--duration", "1", cwd=place) as pressed:
        assert pressed.ended() == 0
        assert "Files that a killed sys-load left in .sysload/disk were deleted: 1." in pressed.said
        assert not stale.exists()


def test_dead_workers_are_started_again(place: Path) -> None:
    """Workers that are killed are there again a second later; they are counted, said, and the load goes on."""
    kinds = ("cpu_worker", "memory_worker", "disk_worker")
    with Pressed("--watch", cwd=place, **ALL) as pressed:
        pressed.until_seconds(1)
        victims = [pressed.tree.running(kind)[0] for kind in kinds]
        for victim in victims:
            victim.kill()
        pressed.until(lambda: "· 3 restarts" in pressed.said, "three restarts")
        for victim in victims:
            assert f"worker (process {victim.pid}) is dead: it is started again." in pressed.said
        pressed.until(lambda: all(pressed.tree.running(kind) for kind in kinds), "new workers")
        pressed.until(lambda: "memory 50 of 50 MB" in pressed.lines[-1], "memory")
        pressed.until(lambda: "disk read 0.0" not in pressed.lines[-1], "disk")
        pressed.end(signal.SIGTERM)
    assert list(place.iterdir()) == []


def test_a_duration_has_as_many_rows(place: Path) -> None:
    """`--duration 4` ends by itself after four rows of four seconds in a row, through the phases of a file."""
    (place / "phases.csv").write_text("second,cpu,memory,disk,phase\n0,5,0,0,calm\n2,10,0,0,storm\n")
    with Pressed("--duration", "4", "--watch", cwd=place, SYSLOAD_PHASES="phases.csv") as pressed:
        assert pressed.ended() == 0
        rows = [line.split(" · ")[:3] for line in pressed.lines]
    assert [phase for _, phase, _ in rows] == ["calm", "calm", "storm", "storm"]
    assert [cpu.split(" of ")[1] for *_, cpu in rows] == ["5.0 %", "5.0 %", "10.0 %", "10.0 %"]
    seconds = [int(at[17:19]) for at, *_ in rows]
    assert [(second - seconds[0]) % 60 for second in seconds] == [0, 1, 2, 3]


WRONG = {
    "SYSLOAD_CPU_PERCENT": ("200", 'SYSLOAD_CPU_PERCENT is "200": a number of percent ≥ 0, ≤ 100'),
    "SYSLOAD_MEMORY_MB": ("10000000", 'SYSLOAD_MEMORY_MB is "10000000": at most '),
    "SYSLOAD_WATCH": ("gopher://db:70", "gopher"),
    "SYSLOAD_PHASES": ("nowhere.csv", 'SYSLOAD_PHASES is "nowhere.csv": one of black_friday'),
    "SYSLOAD_DISK_DIR": ("file/disk", 'SYSLOAD_DISK_DIR is "file/disk": Not a directory'),
}


@pytest.mark.parametrize("name", ["SYSLOAD_CPU_PERCENT", "SYSLOAD_MEMORY_MB", "SYSLOAD_WATCH"])
def test_a_wrong_setting_is_one_sentence(place: Path, name: str) -> None:
    """A wrong setting ends it with 5 and one sentence that names it, before any load, leaving nothing."""
    (place / "file").touch()
    value, words = WRONG[name]
    with Pressed(cwd=place, **{"SYSLOAD_DISK_MBPS": "1", name: value}) as pressed:
        assert pressed.ended() == 5
        (line,) = pressed.said.splitlines()
        assert words in line
        assert name in line
        assert list(place.iterdir()) == [place / "file"]


def test_wrong_settings_are_told_at_once(place: Path) -> None:
    """What only the machine can refuse comes together, a sentence each."""
    (place / "file").touch()
    wrong = {name: value for name, (value, _) in WRONG.items() if name != "SYSLOAD_CPU_PERCENT"}
    del wrong["SYSLOAD_MEMORY_MB"]  # of a plan that cannot be read nothing is known
    with Pressed(cwd=place, SYSLOAD_DISK_MBPS="1", **wrong) as pressed:
        assert pressed.ended() == 5
        assert len(pressed.said.splitlines()) == len(wrong)


@pytest.mark.parametrize("arguments", [["--duration", "0"], ["--duration", "soon"], ["--duration", "inf"], ["now"]])
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A command line that makes no sense ends it with 2."""
    with pytest.raises(SystemExit) as caught:
        run(arguments)
    assert caught.value.code == 2
    assert "usage: python -m sysload" in capsys.readouterr().err
