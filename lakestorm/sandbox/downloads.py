"""Locked files are fetched once into the user's cache, and checked before each start; after that no network is needed.

The cache is laid out as a Maven repository, below `artefacts/` of the user's cache folder for lakestorm; an archive is
kept unpacked. A file is put there only whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import shutil
import sys
import threading
from concurrent import futures
from typing import TYPE_CHECKING

import platformdirs

from lakestorm.errors import SandboxError
from lakestorm.sandbox.artefacts import locked, sha256, unpack
from lakestorm.sandbox.download_progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from lakestorm.sandbox.artefacts import Artefact

PARALLEL = 8
HALF = "half"
"""What is being written stands here; leftovers of a killed process too, until the next one comes."""


def ready(service: str) -> list[Path]:
    """Where the files of a service are, whole; what is missing or damaged is downloaded.

    Raises:
        SandboxError: something is missing and cannot be had, or is not what was locked.
        OSError: the cache cannot be written.
    """
    root = platformdirs.user_cache_path("lakestorm") / "artefacts"
    wanted = locked(service)
    if missing := lacking(wanted, root):
        with alone(root):
            if missing := lacking(missing, root):
                fetch(service, missing, root)
    return [root / artefact.kept for artefact in wanted]


def lacking(artefacts: Sequence[Artefact], root: Path) -> list[Artefact]:
    """Those that are not whole in the cache."""
    return [artefact for artefact in artefacts if not artefact.is_whole(root)]


@contextlib.contextmanager
def alone(root: Path, doing: str = "downloading") -> Iterator[None]:
    """Nobody else writes into this cache meanwhile; the lock ends with its process, however that ends.

    Args:
        root: of the cache; made when it is needed.
        doing: what somebody else who is there is doing, for the sentence that says why we wait.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Another process is {doing}; waiting for it to end.", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(root / HALF, ignore_errors=True)
        yield


def fetch(service: str, artefacts: Sequence[Artefact], root: Path) -> None:
    """Download files, several at a time, and put each into the cache when it is whole; alone in the cache."""
    try:
        from lakestorm.sandbox import maven  # noqa: PLC0415 - what it needs is optional, and needed the first time only
    except ImportError as error:
        raise SandboxError("jgo is not installed: run `make setup`, or install lakestorm[sandbox].") from error
    stop = threading.Event()
    pool = futures.ThreadPoolExecutor(PARALLEL)
    try:
        with progress(service, sum(artefact.bytes for artefact in artefacts)) as advance:
            context = maven.context(root / HALF, stop_at(stop, advance))
            download = functools.partial(maven.download, context=context)
            jobs = [pool.submit(fetch_one, artefact, root, download) for artefact in artefacts]
            for done in futures.as_completed(jobs):
                done.result()
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
        shutil.rmtree(root / HALF, ignore_errors=True)


def stop_at(stop: threading.Event, advance: Callable[[int], None]) -> Callable[[int], None]:
    """`advance`, until stopped: from then on it raises, which ends the download that calls it."""

    def stoppable(count: int) -> None:
        if stop.is_set():
            raise futures.CancelledError
        advance(count)

    return stoppable


def fetch_one(artefact: Artefact, root: Path, download: Callable[[Artefact], Path]) -> None:
    """Download a file, check it, put it into the cache."""
    file = download(artefact)
    found = sha256(file)
    if found != artefact.sha256:
        raise SandboxError(
            f"{artefact.coordinate} came with SHA-256 {found}, but {artefact.sha256} was locked; it is not used."
            " Run the command again. If this stays, a proxy or mirror on the way has another file of that name."
        )
    if artefact.is_unpacked:
        unpack(file, folder := file.with_name("unpacked"))
        file = folder
    kept = root / artefact.kept
    if kept.is_dir():
        shutil.rmtree(kept)
    kept.parent.mkdir(parents=True, exist_ok=True)
    file.replace(kept)
