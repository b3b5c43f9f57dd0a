"""The files that Java services are made of, each pinned by its checksum; nothing else is ever run.

`artefacts.lock.toml` names every file of every service; `scripts/lock_artefacts.py` makes it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import tarfile
import tomllib
from pathlib import Path

LOCK_FILE = Path(__file__).with_name("artefacts.lock.toml")
UNPACKED = {"tar.gz"}
"""Types of files that are of use unpacked only."""


@dataclasses.dataclass(frozen=True, slots=True)
class Artefact:
    """One file, as Maven names it, and what it must hold.

    Attributes:
        coordinate: `group:artifact:type:version`, or `group:artifact:type:classifier:version`.
        bytes: its length.
        sha256: of the file.
        contents_sha256: of what is in it, where it is kept unpacked; as `contents_sha256` has it.
    """

    coordinate: str
    bytes: int
    sha256: str
    contents_sha256: str = ""

    @property
    def group(self) -> str:
        """The group, with dots."""
        return self.coordinate.split(":")[0]

    @property
    def name(self) -> str:
        """The artifact's name within its group."""
        return self.coordinate.split(":")[1]

    @property
    def type(self) -> str:
        """What its file name ends with, without the dot."""
        return self.coordinate.split(":")[2]

    @property
    def classifier(self) -> str:
        """Which of several files of the same name and type; most have none."""
        return ":".join(self.coordinate.split(":")[3:-1])

    @property
    def version(self) -> str:
        """The version."""
        return self.coordinate.split(":")[-1]

    @property
    def is_unpacked(self) -> bool:
        """Whether it is kept as a folder."""
        return self.type in UNPACKED

    @property
    def file(self) -> Path:
        """The file's place below the root of a repository."""
        classifier = f"-{self.classifier}" if self.classifier else ""
        folder = Path(*self.group.split("."), self.name, self.version)
        return folder / f"{self.name}-{self.version}{classifier}.{self.type}"

    @property
    def kept(self) -> Path:
        """Where it is kept, below the root of the cache: the file, or the folder of what was in it."""
        return self.file.with_name(self.file.name.removesuffix(f".{self.type}")) if self.is_unpacked else self.file

    def is_whole(self, root: Path) -> bool:
        """Whether it is in the cache at `root`, byte for byte as it was locked."""
        kept = root / self.kept
        if self.is_unpacked:
            return kept.is_dir() and contents_sha256(kept) == self.contents_sha256
        return kept.is_file() and sha256(kept) == self.sha256


def locked(service: str) -> tuple[Artefact, ...]:
    """All files of a service, from the lock file."""
    tables = tomllib.loads(LOCK_FILE.read_text(encoding="utf-8"))
    return tuple(Artefact(**row) for row in tables[service])


def sha256(file: Path) -> str:
    """A file's SHA-256 as hexadecimal digits."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def contents_sha256(folder: Path) -> str:
    """The SHA-256 of a list of all files below a folder: each one's own sum and its place, sorted by place."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = (f"{sha256(file)}  {file.relative_to(folder).as_posix()}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive whose checksum is known into a folder; makes the folder."""
    with tarfile.open(archive) as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        tar.extractall(folder)  # noqa: S202 - it is what was locked
