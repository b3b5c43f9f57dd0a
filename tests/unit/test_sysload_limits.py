"""What a container may use, read from trees of files as kernels and container engines make them."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from sysload import usage
from sysload.cgroup import UNIFIED, find_groups, mounts_from
from sysload.limits import Limits, cpus_from, find_limits
from sysload.second import Stall

GIB = 1 << 30
MACHINE = 16 * GIB
FOUR = {0, 1, 2, 3}

V2 = "25 1 0:22 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = (
    "30 1 0:25 {top} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "31 1 0:26 {top} /sys/fs/cgroup/memory rw master:3 - cgroup cgroup rw,memory\n"
    "32 1 0:27 {top} /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
)
UNLIMITED_V1 = "9223372036854771712"


def tree(root: Path, membership: str, mounts: str, files: dict[str, str]) -> Path:
    """A root folder with /proc/self and the files of control groups."""
    for name, text in {"proc/self/cgroup": membership, "proc/self/mountinfo": mounts, **files}.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n" if text and not text.endswith("\n") else text)
    return root


def v2(root: Path, group: str = "/", **files: str) -> Path:
    """Version 2, by names of files below the mount."""
    found = {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    return tree(root, f"0::{group}", V2, found)


def limits_of(root: Path, affinity: set[int] | None = None) -> Limits:
    """Of the process in that tree."""
    return find_limits(find_groups(root), affinity or FOUR, MACHINE)


@pytest.mark.parametrize(
    ("text", "cores"),
    [("max 100000", 4), ("50000 100000", 0.5), ("100000 100000", 1), ("150000 50000", 3), ("900000 100000", 4)],
)
def test_the_quota_of_version_2(tmp_path: Path, text: str, cores: float) -> None:
    """`cpu.max` of the own group, as a container sees it; never more than the CPUs that are there."""
    assert limits_of(v2(tmp_path, **{"cpu.max": text})).cores == cores


@pytest.mark.parametrize(
    ("quota", "period", "cores"),
    [("-1", "100000", 4), ("50000", "100000", 0.5), ("100000", "100000", 1), ("25000", "50000", 0.5)],
)
def test_the_quota_of_version_1(tmp_path: Path, quota: str, period: str, cores: float) -> None:
    """`cpu.cfs_quota_us` in a container whose mounts begin at its own group, named as on the host."""
    cpu = "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_"
    root = tree(
        tmp_path,
        "4:cpu,cpuacct:/docker/abc\n3:memory:/docker/abc\n",
        V1.format(top="/docker/abc"),
        {f"{cpu}quota_us": quota, f"{cpu}period_us": period},
    )
    assert limits_of(root).cores == cores


def test_outer_groups_bind_too(tmp_path: Path) -> None:
    """On a host the least limit of the own group and all around it counts."""
    files = {
        "cpu.max": "300000 100000",
        "a.slice/cpu.max": "150000 100000",
        "a.slice/b.service/cpu.max": "200000 100000",
        "memory.max": "max",
        "a.slice/memory.max": str(2 * GIB),
        "a.slice/b.service/memory.max": str(3 * GIB),
        "a.slice/b.service/memory.high": "max",
    }
    found = limits_of(v2(tmp_path, "/a.slice/b.service", **files))
    assert (found.cores, found.memory_bytes, found.has_memory_limit) == (1.5, 2 * GIB, True)
    assert found.cores_by == "the CPU quota of its control group"
    assert found.memory_by == "the memory limit of its control group"


def test_memory_high_is_a_limit(tmp_path: Path) -> None:
    """Above `memory.high` a group is held up, so it counts as the limit."""
    assert limits_of(v2(tmp_path, **{"memory.max": str(4 * GIB), "memory.high": str(GIB)})).memory_bytes == GIB


@pytest.mark.parametrize(("text", "memory"), [(UNLIMITED_V1, MACHINE), (str(GIB), GIB), (str(99 * GIB), MACHINE)])
def test_memory_of_version_1(tmp_path: Path, text: str, memory: int) -> None:
    """What version 1 says without a limit, a limit, and one beyond the machine."""
    files = {"sys/fs/cgroup/memory/memory.limit_in_bytes": text}
    found = limits_of(tree(tmp_path, "3:memory:/\n", V1.format(top="/"), files))
    assert (found.has_memory_limit, found.memory_bytes) == (memory < MACHINE, memory)


@pytest.mark.parametrize(
    ("cpuset", "affinity", "cpus"),
    [
        ("0-3", {0, 1, 2, 3}, 4),
        ("0", {0, 1, 2, 3}, 1),
        ("1,3", {0, 1, 2, 3}, 2),
        ("0-3", {2}, 1),  # taskset
        ("", {0, 1}, 2),
        ("7", {0, 1}, 2),  # they share none: the mask is what the scheduler obeys
    ],
)
def test_cpus(tmp_path: Path, cpuset: str, affinity: set[int], cpus: int) -> None:
    """The CPUs that both the cpuset and the mask allow."""
    found = limits_of(v2(tmp_path, **{"cpuset.cpus.effective": cpuset}), affinity)
    assert (found.cpus, found.cores) == (cpus, cpus)


def test_the_cpuset_of_version_1(tmp_path: Path) -> None:
    """`cpuset.cpus` of a version 1 hierarchy."""
    files = {"sys/fs/cgroup/cpuset/cpuset.cpus": "0-1"}
    assert limits_of(tree(tmp_path, "2:cpuset:/\n", V1.format(top="/"), files)).cpus == 2


@pytest.mark.parametrize(
    ("cores", "cpus", "workers"), [(0.5, 4, 1), (1, 4, 1), (1.5, 4, 2), (4, 4, 4), (4, 2, 2), (0.01, 1, 1)]
)
def test_how_many_workers(cores: float, cpus: int, workers: int) -> None:
    """As many processes as it takes to use all of it, and no more than CPUs."""
    assert Limits(cores, cpus, "", 1, "", has_memory_limit=False).workers == workers


def test_without_control_groups(tmp_path: Path) -> None:
    """Where /proc tells of none, cores and memory of the machine count."""
    found = limits_of(tmp_path)
    assert (found.cores, found.memory_bytes, found.has_memory_limit) == (4, MACHINE, False)
    assert (found.cores_by, found.memory_by) == ("the CPUs it may run on", "the machine's memory")


def test_a_group_outside_of_the_mount(tmp_path: Path) -> None:
    """In a container that sees its group as `/../../x`, the top of the mount is its own group."""
    assert limits_of(v2(tmp_path, "/../../x", **{"cpu.max": "50000 100000"})).cores == 0.5


def test_mounts_are_read_with_their_options() -> None:
    """Optional fields before the dash, several controllers, blanks in a path, and other file systems."""
    text = V2 + V1.format(top=r"/a\040b") + "40 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
    found = list(mounts_from(text))
    assert [mount.controllers for mount in found[:2]] == [{UNIFIED}, {"rw", "cpu", "cpuacct"}]
    assert [mount.root for mount in found[1:]] == [PurePosixPath("/a b")] * 3


@pytest.mark.parametrize(("text", "cpus"), [("", set()), ("0", {0}), ("0-2,7", {0, 1, 2, 7}), ("4,6-6", {4, 6})])
def test_lists_of_cpus(text: str, cpus: set[int]) -> None:
    """Numbers and ranges."""
    assert cpus_from(text) == cpus


def test_memory_that_is_left(tmp_path: Path) -> None:
    """The narrowest group's limit less what is charged to it, its idle page cache not counted; else the machine's."""
    files = {
        "memory.max": str(8 * GIB),
        "memory.current": str(6 * GIB),  # neighbours in the outer group
        "memory.stat": "anon 5\ninactive_file 0\n",
        "own/memory.max": str(4 * GIB),
        "own/memory.current": str(3 * GIB),
        "own/memory.stat": f"anon 5\ninactive_file {GIB // 2}\n",
    }
    groups = find_groups(v2(tmp_path, "/own", **files))
    assert usage.memory_left_bytes(groups, 20 * GIB) == GIB + GIB // 2
    assert usage.memory_left_bytes(groups, GIB // 2) == GIB // 2
    assert usage.memory_used_bytes(groups) == 3 * GIB
    (tmp_path / "sys/fs/cgroup/memory.current").write_text(str(8 * GIB))
    assert usage.memory_left_bytes(groups, 20 * GIB) == 0


def test_cpu_time_and_throttling(tmp_path: Path) -> None:
    """Version 2 counts in microseconds, version 1 in nanoseconds."""
    second = find_groups(v2(tmp_path / "2", **{"cpu.stat": "usage_usec 1500000\nthrottled_usec 250000\n"}))
    assert (usage.cpu_seconds(second), usage.throttled_seconds(second)) == (1.5, 0.25)
    cpu = "sys/fs/cgroup/cpu,cpuacct/"
    files = {f"{cpu}cpuacct.usage": "1500000000", f"{cpu}cpu.stat": "nr_throttled 3\nthrottled_time 250000000\n"}
    first = find_groups(tree(tmp_path / "1", "4:cpu,cpuacct:/\n", V1.format(top="/"), files))
    assert (usage.cpu_seconds(first), usage.throttled_seconds(first)) == (1.5, 0.25)


def test_pressure_of_the_group_or_the_machine(tmp_path: Path) -> None:
    """The group's own pressure where it is told, else the machine's, else none."""
    line = "avg60=1.00 avg300=1.00 total=9"
    root = v2(tmp_path, **{"memory.pressure": f"some avg10=12.50 {line}\nfull avg10=3.00 {line}\n"})
    file = root / "proc/pressure/cpu"
    file.parent.mkdir()
    file.write_text(f"some avg10=50.00 {line}\n")
    found = usage.stall(find_groups(root), root)
    assert found == Stall(cpu_some=50.0, memory_some=12.5, memory_full=3.0, io_some=None, io_full=None)
