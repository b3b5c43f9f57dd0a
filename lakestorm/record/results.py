"""A results folder while a run writes it: safe against a kill at any moment."""

from __future__ import annotations

import contextlib
import errno
import re
import shutil
from typing import TYPE_CHECKING

from lakestorm.errors import SettingsError
from lakestorm.record.histograms import Encoder, interval_line, log_header
from lakestorm.record.manifest import Run, run_to_json, write_text
from lakestorm.record.readings import HEADER
from lakestorm.record.timeline import Timeline, timeline_csv

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from typing import TextIO

    from lakestorm.record.histograms import Batch
    from lakestorm.record.readings import Reading

RUN_FOLDER = re.compile(r"\d{8}T\d{6}Z-.+")


@contextlib.contextmanager
def new_folder(results: Path, name: str, keep: int) -> Iterator[Path]:
    """Make `results/<name>/` (with -2, -3 … if it exists) for the run that begins in the block.

    Once the block has ended well, `latest` points to it and all but the `keep` newest are deleted. A run that is
    refused in the block leaves nothing: neither a folder nor another `latest`.

    Raises:
        SettingsError: the folder cannot be written.
    """
    with told_as_setting(results):
        refuse_latest(results / "latest")
        folder = make_unique(results, name)
        (folder / "histograms").mkdir()
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder)
        if not any(results.iterdir()):
            results.rmdir()
        raise
    with told_as_setting(results):
        point_latest(results, folder)
        prune(results, keep, folder)


@contextlib.contextmanager
def told_as_setting(results: Path) -> Iterator[None]:
    """Turns OSError in the block into SettingsError."""
    try:
        yield
    except OSError as error:
        reason = f'RESULTS_DIR is "{results}": {error.strerror}. A folder that can be written is wanted.'
        raise SettingsError([reason]) from error


def refuse_latest(link: Path) -> None:
    """Raise IsADirectoryError now, rather than when the run has begun, where a folder stands in the link's place."""
    if link.is_dir() and not link.is_symlink():
        raise IsADirectoryError(errno.EISDIR, f"{link.name} is a folder, and should be a link")


def make_unique(results: Path, name: str) -> Path:
    """A new folder with this name or the next free number behind it."""
    for number in range(1, 10_000):
        folder = results / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            if not folder.exists():  # a broken link on the way there
                raise
            continue
        return folder
    raise SettingsError([f'RESULTS_DIR is "{results}": it holds 9,999 runs of this very second.'])


def point_latest(results: Path, folder: Path) -> None:
    """Replace the link `results/latest` at once."""
    new = results / f".latest-{folder.name}"
    new.unlink(missing_ok=True)
    new.symlink_to(folder.name)
    new.replace(results / "latest")


def prune(results: Path, keep: int, newest: Path) -> None:
    """Delete the oldest run folders beyond `keep`; 0 keeps all. Nothing but run folders is ever touched.

    `newest` counts and stays, whatever its name says: clocks go back, and folders come from other machines.
    """
    runs = sorted(p for p in results.iterdir() if RUN_FOLDER.fullmatch(p.name) and p.is_dir() and not p.is_symlink())
    older = [folder for folder in runs if folder != newest]
    for folder in older[: max(0, len(older) + 1 - keep)] if keep else []:
        with contextlib.suppress(FileNotFoundError):  # another run that begins just now deletes it too
            shutil.rmtree(folder)


class ResultsWriter:
    """Appends to the files of one folder while the run goes on.

    Args:
        folder: an existing results folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started_at = 0.0
        self._encoder = Encoder()
        self._logs: dict[str, TextIO] = {}
        self._seconds = 0
        self._probes = (folder / "probes.csv").open("w", encoding="utf-8")
        self._probes.write(HEADER)

    def start(self, started_at: float) -> None:
        """Second 0 is at `started_at`, in seconds since 1970."""
        self._started_at = started_at

    def write_run(self, run: Run) -> None:
        """Replace run.json."""
        write_text(self.folder / "run.json", run_to_json(run))

    def log_second(self, name: str, kind: str, second: int, durations: Batch) -> None:
        """Append one second of durations to `histograms/<type>.<name>.<kind>.hlog`."""
        log = self._log(f"{name.replace(' ', '.', 1)}.{kind}")
        log.write(interval_line(self._encoder, float(second), 1.0, durations))

    def append_reading(self, reading: Reading) -> None:
        """Append a line to probes.csv."""
        self._probes.write(reading.line())

    def append_seconds(self, timelines: Mapping[str, Timeline], before: int) -> None:
        """Append the seconds that have passed to timeline.csv; `finish` writes them again with late changes."""
        if before > self._seconds:
            with (self.folder / "timeline.csv").open("a", encoding="utf-8") as out:
                out.write(timeline_csv(timelines, self._seconds, before))
            self._seconds = before
        self.flush()

    def flush(self) -> None:
        """Hand what was written to the operating system, so that a kill loses nothing of it."""
        for file in (*self._logs.values(), self._probes):
            file.flush()

    def finish(self, timelines: Mapping[str, Timeline], errors: Iterable[tuple[int, str, str, int]]) -> None:
        """Write timeline.csv and errors.csv whole and close the logs."""
        write_text(self.folder / "timeline.csv", timeline_csv(timelines))
        lines = [f"{second},{name},{code},{count}\n" for second, name, code, count in sorted(errors)]
        write_text(self.folder / "errors.csv", "".join(["second,name,code,count\n", *lines]))
        self.close()

    def close(self) -> None:
        """Let go of all files."""
        for file in (*self._logs.values(), self._probes):
            file.close()

    def _log(self, stem: str) -> TextIO:
        if stem not in self._logs:
            log = (self.folder / "histograms" / f"{stem}.hlog").open("w", encoding="utf-8")
            log.write(log_header(self._started_at))
            self._logs[stem] = log
        return self._logs[stem]
