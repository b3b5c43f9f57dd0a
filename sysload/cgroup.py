"""Where the control groups of a process stand in the file system, versions 1 and 2.

A process is in one group of each hierarchy (`/proc/self/cgroup`), and a hierarchy is mounted somewhere, whole or from
one group on down (`/proc/self/mountinfo`; in a container from its own group on). Limits of outer groups bind too: hence
every folder from the process's own group up to the mount.

Source: cgroups(7), proc_pid_mountinfo(5); Linux, Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

UNIFIED = ""
"""The name that version 2 has among the controllers of version 1."""


@dataclasses.dataclass(frozen=True, slots=True)
class Mount:
    """A mounted hierarchy.

    Args:
        root: the group that is at the top of it.
        folder: where it is mounted.
        controllers: of version 1; `UNIFIED` for version 2.
    """

    root: PurePosixPath
    folder: PurePosixPath
    controllers: frozenset[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Groups:
    """Folders of the groups that a process is in.

    Args:
        folders: {controller or `UNIFIED`: folders, own group first, then outwards}.
    """

    folders: dict[str, tuple[Path, ...]]

    def texts(self, controller: str, name: str) -> list[str]:
        """What each group's file of that name holds, own group first; those without it left out."""
        found = (text_of(folder / name) for folder in self.folders.get(controller, ()))
        return [text for text in found if text is not None]

    def rows(self, controller: str, *names: str) -> list[tuple[str, ...]]:
        """What each group's files of those names hold together, own group first; groups that lack one left out."""
        found = (tuple(text_of(folder / name) for name in names) for folder in self.folders.get(controller, ()))
        return [tuple(text for text in row if text is not None) for row in found if None not in row]

    def text(self, controller: str, name: str) -> str | None:
        """What the own group's file holds, or the next outer one's; None if none has it."""
        return next(iter(self.texts(controller, name)), None)


def find_groups(root: Path = Path("/")) -> Groups:
    """The groups of this process; none where there are no control groups."""
    memberships = memberships_from(text_of(root / "proc/self/cgroup") or "")
    mounts = list(mounts_from(text_of(root / "proc/self/mountinfo") or ""))
    return Groups(
        {
            controller: folders_of(group, mount, root)
            for controller, group in memberships.items()
            for mount in mounts
            if controller in mount.controllers
        }
    )


def memberships_from(text: str) -> dict[str, PurePosixPath]:
    """{controller or `UNIFIED`: group} of `/proc/self/cgroup`, whose lines are `4:cpu,cpuacct:/group`."""
    found: dict[str, PurePosixPath] = {}
    for line in text.splitlines():
        _, controllers, group = line.split(":", 2)
        found |= {controller: PurePosixPath(group) for controller in controllers.split(",")}
    return found


def mounts_from(text: str) -> Iterable[Mount]:
    """The hierarchies among the mounts of `/proc/self/mountinfo`."""
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        root, folder = (PurePosixPath(unescaped(word)) for word in before.split()[3:5])
        if kind == "cgroup2":
            yield Mount(root, folder, frozenset([UNIFIED]))
        elif kind == "cgroup":
            yield Mount(root, folder, frozenset(options.split(",")))


def unescaped(word: str) -> str:
    r"""A word of mountinfo, where blanks stand as `\040`."""
    return word.replace(r"\040", " ").replace(r"\134", "\\")


def folders_of(group: PurePosixPath, mount: Mount, root: Path) -> tuple[Path, ...]:
    """Folders of a group and of all outer ones that the mount shows, own group first."""
    top = root / mount.folder.relative_to("/")
    parts: Sequence[str] = ()
    if group.is_relative_to(mount.root) and ".." not in group.parts:
        parts = group.relative_to(mount.root).parts
    steps = [top.joinpath(*parts[:count]) for count in range(len(parts), -1, -1)]
    # A group that the mount does not show (as in a container that shares the host's group names): its top is ours.
    return tuple(step for step in steps if step.is_dir())


def text_of(file: Path) -> str | None:
    """What a file of the kernel holds, without its line end; None if this kernel or container does not have it."""
    try:
        return file.read_text(encoding="utf-8").rstrip("\n")
    except OSError:
        return None
