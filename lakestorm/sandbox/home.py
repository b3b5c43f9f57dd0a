"""Where a service keeps its files, and whose they are."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakestorm.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Sequence

SYSTEM_DATA = Path("/var/lib/lakestorm")
"""Root's home is closed to others, so what another user must reach when root runs us stands here."""
STEPS_ASIDE = "nobody"
"""Who owns a service that refuses to run as root."""


@dataclasses.dataclass(frozen=True, slots=True)
class Owner:
    """The user that a service runs as; `uid` None is whoever runs us."""

    uid: int | None = None
    gid: int | None = None

    @classmethod
    def not_root(cls) -> Owner:
        """Ourselves, or a user without rights if we are root. Raises SandboxError if there is none."""
        if os.geteuid() != 0:
            return cls()
        try:
            entry = pwd.getpwnam(STEPS_ASIDE)
        except KeyError as error:
            raise SandboxError(
                f"This runs as root, which PostgreSQL refuses, and there is no user {STEPS_ASIDE} to step aside to."
                " Run it as an ordinary user."
            ) from error
        return cls(entry.pw_uid, entry.pw_gid)

    def run(self, command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
        """Run a command as this user, with its output captured; from `/`, since the user may not reach our folder."""
        ids: dict[str, Any] = {} if self.uid is None else {"user": self.uid, "group": self.gid, "extra_groups": []}
        return subprocess.run(
            command,
            cwd="/",
            text=True,
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
            **ids,
        )

    def give(self, path: Path) -> None:
        """Make a file or folder this user's."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def can_run(self, program: Path) -> bool:
        """Whether the user reaches a program: a checkout in a closed home is closed to it."""
        try:
            return self.run([program, "--version"]).returncode == 0
        except PermissionError:
            return False


@dataclasses.dataclass(frozen=True, slots=True)
class Home:
    """Two folders of one service in one sandbox.

    Attributes:
        folder: what we remember of it; ours alone, because it holds passwords.
        data: what the service itself writes; its owner's.
        shared: where programs are copied that the owner could not reach else.
        owner: who the service runs as.
    """

    folder: Path
    data: Path
    shared: Path
    owner: Owner

    @classmethod
    def of(cls, root: Path, service: str, owner: Owner) -> Home:
        """The folders of a service in the sandbox at `root`; nothing is made yet."""
        folder = root.absolute() / service
        if owner.uid is None:
            return cls(folder, folder / "data", root.absolute() / "programs", owner)
        mark = hashlib.blake2b(str(folder).encode(), digest_size=6).hexdigest()
        return cls(folder, SYSTEM_DATA / f"{service}-{mark}", SYSTEM_DATA / "programs", owner)

    def beside(self, service: str) -> Home:
        """Where another service of the same sandbox keeps what is remembered of it."""
        return dataclasses.replace(self, folder=self.folder.with_name(service))

    def make(self) -> None:
        """Make both folders; raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.data.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        self.data.mkdir(exist_ok=True, mode=0o700)
        self.owner.give(self.data)

    def erase(self) -> None:
        """Delete both folders with all that is in them."""
        for path in (self.data, self.folder):
            if path.exists():
                shutil.rmtree(path)

    def remember(self, **facts: Any) -> None:
        """Write down what must outlive us (ports, passwords), readable by us alone."""
        new = self.folder / "facts.json.new"
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump(facts, out)
        new.replace(self.folder / "facts.json")

    def recall(self) -> dict[str, Any]:
        """What was written down; empty if nothing was."""
        path = self.folder / "facts.json"
        if not path.exists():
            return {}
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return facts

    def reachable(self, programs: Path, probe: str) -> Path:
        """A folder with these programs that the owner can run: this one, or a copy of it.

        Args:
            programs: a folder of binaries and libraries.
            probe: a program in it that answers `--version`, relative to it.
        """
        if self.owner.can_run(programs / probe):
            return programs
        stat = (programs / probe).stat()
        mark = hashlib.blake2b(f"{programs} {stat.st_size} {stat.st_mtime_ns}".encode(), digest_size=6).hexdigest()
        copy = self.shared / f"{programs.name}-{mark}"
        if not copy.exists():
            self.shared.mkdir(parents=True, exist_ok=True, mode=0o755)
            half = copy.with_name(f"{copy.name}.{os.getpid()}")
            shutil.copytree(programs, half, symlinks=True)
            half.replace(copy)
        return copy
