"""The file that is written and read: found again after a kill, and never another's.

Its name has our prefix and the process's number, and its owner holds a lock on it (flock), which ends with the process
however that ends. So a file with our prefix that can be locked is one that was left behind.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
from typing import TYPE_CHECKING

from sysload.disk import PAGE_BYTES

if TYPE_CHECKING:
    from pathlib import Path

PREFIX, SUFFIX = "lakestorm-sysload-", ".scratch"
DIRECT = getattr(os, "O_DIRECT", 0)
NO_DIRECT = (errno.EINVAL, errno.EOPNOTSUPP)


def remove_stale(folder: Path) -> int:
    """Delete files that killed processes left in the folder; how many. Those of living ones stay, as do strangers."""
    return sum(was_stale(file) for file in folder.glob(f"{PREFIX}*{SUFFIX}"))


def was_stale(file: Path) -> bool:
    """Delete a file of ours if nobody holds its lock; whether it was so."""
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:  # just deleted by another start, another user's, or a link: not ours to delete
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


class Folder:
    """The folder for such files: made if it is not there, and gone again afterwards if it was made and is empty.

    Args:
        path: where.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self._made: list[Path] = []

    def check(self) -> None:
        """Raise OSError if it is no folder to write in, and none that could be made."""
        there = next(place for place in (self._path, *self._path.parents) if place.exists())
        if not there.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(there))
        if not os.access(there, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(there))

    def prepare(self) -> int:
        """Make it, and delete what killed processes left in it; how many files."""
        self._made = [place for place in (self._path, *self._path.parents) if not place.exists()]
        self._path.mkdir(parents=True, exist_ok=True)
        return remove_stale(self._path)

    def close(self) -> None:
        """Delete what a killed worker of ours left, then the folders that were made here and are empty."""
        remove_stale(self._path)
        for place in self._made:
            try:
                place.rmdir()
            except OSError:  # something of others is in it, or it is gone already
                return


class Scratch:
    """The file of this process.

    Args:
        folder: there already.

    Attributes:
        is_direct: past the page cache; else every write is synced, and reads drop the cache before.
        size: bytes that were written, all of which can be read.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"{PREFIX}{os.getpid()}{SUFFIX}"
        self.is_direct = bool(DIRECT) and takes_direct(folder)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | (DIRECT if self.is_direct else 0)
        self._file = os.open(self.path, flags, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.size = 0

    def write(self, buffer: mmap.mmap, count: int, place: int) -> int:
        """Write the buffer's first bytes there; bytes written."""
        with memoryview(buffer) as view:
            done = os.pwrite(self._file, view[:count], place)
        self.size = max(self.size, place + done // PAGE_BYTES * PAGE_BYTES)
        return done

    def read(self, buffer: mmap.mmap, count: int, place: int) -> int:
        """Read into the buffer from there; bytes read."""
        with memoryview(buffer) as view:
            return os.preadv(self._file, [view[:count]], place)

    def sync(self) -> None:
        """Without direct I/O: onto the disk, and out of the cache, so that reads come from the disk."""
        if not self.is_direct:
            os.fsync(self._file)
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(self._file, 0, 0, os.POSIX_FADV_DONTNEED)

    def shrink(self, size: int) -> None:
        """Give back what is beyond a size."""
        if size < self.size:
            os.ftruncate(self._file, size)
            self.size = size

    def free_bytes(self) -> int:
        """What the file system has left for us."""
        left = os.fstatvfs(self._file)
        return left.f_bavail * left.f_frsize

    def close(self) -> None:
        """Delete it."""
        self.path.unlink(missing_ok=True)
        os.close(self._file)


def takes_direct(folder: Path) -> bool:
    """Whether files there can be written past the cache: tried, as some file systems only say no to the write."""
    probe = folder / f"{PREFIX}{os.getpid()}-probe{SUFFIX}"
    with contextlib.ExitStack() as stack:
        try:
            stack.callback(probe.unlink, missing_ok=True)
            file = os.open(probe, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | DIRECT, 0o600)
            stack.callback(os.close, file)
            os.pwrite(file, mmap.mmap(-1, PAGE_BYTES), 0)
        except OSError as error:
            if error.errno in NO_DIRECT:
                return False
            if error.errno in (errno.ENOSPC, errno.EDQUOT):  # full: whether it would take them is seen later
                return False
            raise
    return True
