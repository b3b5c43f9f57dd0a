"""The disk's file: what a killed process left is found, and what is another's is not touched."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import time
from typing import TYPE_CHECKING

import pytest

from sysload.disk_worker import FULL_FOR_S, Mover
from sysload.scratch import Folder, Scratch, remove_stale

if TYPE_CHECKING:
    from pathlib import Path


def left(folder: Path, name: str) -> Path:
    """A file as a killed process leaves it."""
    file = folder / name
    file.write_bytes(b"x" * 4096)
    return file


def test_stale_files_are_deleted_and_no_others(tmp_path: Path) -> None:
    """Files of ours without an owner go; a living owner's, a stranger's, and what a link points to stay."""
    stale = left(tmp_path, "lakestorm-sysload-12345.scratch")
    alive = left(tmp_path, "lakestorm-sysload-1.scratch")
    stranger = left(tmp_path, "lakestorm-sysload-12345.txt")
    descriptor = os.open(alive, os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert remove_stale(tmp_path) == 1
    assert not stale.exists()
    assert alive.exists()
    assert stranger.exists()
    os.close(descriptor)
    assert remove_stale(tmp_path) == 1
    assert sorted(tmp_path.iterdir()) == [stranger]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Somebody's link with our name leads to no file being opened or deleted, nor is it in the way."""
    target = left(tmp_path, "precious")
    (tmp_path / "lakestorm-sysload-1.scratch").symlink_to(target)
    assert remove_stale(tmp_path) == 0
    assert target.exists()


def test_a_folder_that_was_made_is_gone_again(tmp_path: Path) -> None:
    """Folders made for it go with it, outer ones too; those that were there, and those with something in them, stay."""
    folder = Folder(tmp_path / "a" / "b")
    assert folder.prepare() == 0
    assert (tmp_path / "a" / "b").is_dir()
    folder.close()
    assert list(tmp_path.iterdir()) == []
    folder = Folder(tmp_path / "a" / "b")
    folder.prepare()
    left(tmp_path / "a", "anothers")
    folder.close()
    assert [file.name for file in (tmp_path / "a").iterdir()] == ["anothers"]
    Folder(tmp_path).close()
    assert tmp_path.is_dir()


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    """Before anything is made it is said that there is no folder to write in."""
    file = left(tmp_path, "file")
    with pytest.raises(NotADirectoryError):
        Folder(file / "below").check()
    Folder(tmp_path / "could" / "be" / "made").check()
    assert list(tmp_path.iterdir()) == [file]


def test_writing_and_reading(tmp_path: Path) -> None:
    """What was written is read again; the file shrinks on demand, and is gone when closed."""
    scratch = Scratch(tmp_path)
    buffer = mmap.mmap(-1, 8192)
    buffer[:] = os.urandom(8192)
    wanted = bytes(buffer)
    assert scratch.write(buffer, 8192, 4096) == 8192
    scratch.sync()
    assert scratch.size == 12288
    buffer[:] = bytes(8192)
    assert scratch.read(buffer, 8192, 4096) == 8192
    assert bytes(buffer) == wanted
    scratch.shrink(4096)
    assert (scratch.size, scratch.path.stat().st_size) == (4096, 4096)
    assert remove_stale(tmp_path) == 0
    scratch.close()
    assert list(tmp_path.iterdir()) == []


class FullDisk(Scratch):
    """A file on a disk that takes 512 KiB and is full then, as a quota makes it: the space looks free."""

    is_full = True

    def write(self, buffer: mmap.mmap, count: int, place: int) -> int:
        """Write, or fail as the kernel does."""
        if self.is_full and place + count > 524_288:
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
        return super().write(buffer, count, place)


def test_a_full_disk_is_left_alone_for_a_while(tmp_path: Path) -> None:
    """A write that finds no space is said and not tried again for a second; reads go on; then writes do."""
    scratch, order = FullDisk(tmp_path), {"mbps": 100, "read_share": 0.5, "file_mb": 8, "reserve_mb": 0}
    mover = Mover(scratch)
    mover.move(4e6, order, time.monotonic() + 5)
    assert mover.written_bytes == 524_288
    assert mover.read_bytes >= 262_144
    assert mover.reason == "the disk is full (Disk quota exceeded)"
    scratch.is_full = False
    assert mover.move(4e6, order, time.monotonic() + 5) <= 524_288
    assert mover.written_bytes == 524_288
    time.sleep(FULL_FOR_S)
    mover.move(4e6, order, time.monotonic() + 5)
    assert mover.written_bytes > 524_288
    assert mover.reason == ""
    scratch.close()
