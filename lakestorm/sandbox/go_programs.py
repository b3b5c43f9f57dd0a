"""Programs that exist as Go source only: built once into the user's cache, and checked before each start.

What is built is pinned: `go/<name>/go.mod` names the program's version and `go.sum` the checksum of every module that
goes into it, and Go refuses any other. A built program is put into the cache only whole, with its SHA-256 beside it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from lakestorm.errors import SandboxError
from lakestorm.sandbox.artefacts import sha256
from lakestorm.sandbox.build_progress import Progress
from lakestorm.sandbox.downloads import HALF, alone
from lakestorm.sandbox.go_toolchain import toolchain
from lakestorm.settings import child_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MODULES = Path(__file__).with_name("go")
"""A folder a program: a module of ours that needs nothing but the program."""
WORK = "go-work"
"""Go's own caches while it builds; they survive a kill, so the next build goes on where the last one was ended."""
SUM = "sha256"
SMALL = "-s -w"
"""For the linker: no tables for a debugger, which make a third of the file."""
WORDS_LINES = 6


@dataclasses.dataclass(frozen=True, slots=True)
class GoProgram:
    """A program to be built.

    Attributes:
        name: of the program, and of its folder below `go/`.
        package: the Go package whose `main` it is.
        variables: {Go variable: text} that the linker sets, as a program's own release does for its version.
    """

    name: str
    package: str
    variables: tuple[tuple[str, str], ...] = ()

    @property
    def module(self) -> Path:
        """The folder of its `go.mod` and `go.sum`."""
        return MODULES / self.name

    @property
    def needs_go(self) -> tuple[int, ...]:
        """The oldest Go that its modules are for, as (1, 25, 0)."""
        text = (self.module / "go.mod").read_text(encoding="utf-8")
        found = re.search(r"^go ([\d.]+)$", text, re.MULTILINE)
        if found is None:
            raise SandboxError(f"{self.module / 'go.mod'} does not say which Go it needs.")
        return tuple(int(part) for part in found[1].split("."))

    @property
    def linker_flags(self) -> str:
        """What the linker is told."""
        return " ".join([SMALL, *(f"-X {name}={value}" for name, value in self.variables)])

    @property
    def kept(self) -> str:
        """Its folder's name in the cache: another pin, or another kind of machine, is another folder."""
        files = [(self.module / name).read_bytes() for name in ("go.mod", "go.sum")]
        what = (self.package, self.linker_flags, platform.system(), platform.machine())
        mark = hashlib.blake2b(repr((files, what)).encode(), digest_size=6)
        return f"{self.name}-{mark.hexdigest()}"


def ready(program: GoProgram) -> Path:
    """Where the program is, whole; built if it is missing or damaged, which takes minutes once.

    Raises:
        SandboxError: it is missing and cannot be built.
        OSError: the cache cannot be written.
    """
    root = platformdirs.user_cache_path("lakestorm") / "programs"
    kept = root / program.kept
    if not is_whole(kept / program.name):
        with alone(root, f"building {program.name} or another program"):
            if not is_whole(kept / program.name):
                build(program, root)
    return kept / program.name


def is_whole(file: Path) -> bool:
    """Whether a program is there, byte for byte as it was built."""
    noted = file.with_name(SUM)
    return file.is_file() and noted.is_file() and noted.read_text(encoding="utf-8") == sha256(file)


def build(program: GoProgram, root: Path) -> None:
    """Build a program and put it into the cache; alone in the cache."""
    half = root / HALF / program.kept
    half.mkdir(parents=True)
    go = toolchain(program.needs_go, root)
    with Progress(program.name) as progress:
        progress.packages = count_packages(program, go, root, progress.heard)
        run_go(build_command(program, go, half / program.name), program, root, progress.heard)
    (half / SUM).write_text(sha256(half / program.name), encoding="utf-8")
    kept = root / program.kept
    if kept.exists():
        shutil.rmtree(kept)
    half.replace(kept)
    for rubbish in (root / WORK, root / HALF):
        shutil.rmtree(rubbish)


def count_packages(program: GoProgram, go: Path, root: Path, heard: Callable[[str], None]) -> int:
    """How many packages the program is made of; this downloads what is missing of them."""
    lines: list[str] = []
    run_go([str(go), "list", "-deps", program.package], program, root, heard, lines.append)
    return len(lines)


def build_command(program: GoProgram, go: Path, file: Path) -> list[str]:
    """`go build`, which names each package as it gets to it; no path of this machine stands in what comes out."""
    return [str(go), "build", "-v", "-trimpath", "-ldflags", program.linker_flags, "-o", str(file), program.package]


def run_go(
    command: Sequence[str],
    program: GoProgram,
    root: Path,
    heard: Callable[[str], None],
    printed: Callable[[str], object] = lambda _: None,
) -> None:
    """Run Go on a program's module to its end, and give away what it says line by line.

    Raises:
        SandboxError: it ended in an error; with its last words.
    """
    last: list[str] = []
    with subprocess.Popen(
        command,
        cwd=program.module,
        env=environment(root / WORK),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            for line in process.stdout or ():
                if " " in line:  # a sentence, not the name of a package
                    last = [*last[-WORDS_LINES + 1 :], line.rstrip()]
                heard(line.rstrip())
                if not line.startswith("go: "):
                    printed(line)
        except BaseException:
            process.terminate()  # Ctrl-C: Go has heard it too, and leaves its caches in order
            raise
    if process.returncode:
        raise SandboxError(
            f"{program.name} could not be built by Go; its last words:\n" + "\n".join(last) + "\n"
            "The first time needs the network (HTTPS_PROXY and Go's own GOPROXY are heeded), 3 GB of disk and 2 GB of"
            f" memory. Run it again to go on, or put a `{program.name}` on PATH, which is then taken."
        )


def environment(work: Path) -> dict[str, str]:
    """The user's environment, for proxies; but all that Go writes stays in our folder, and nothing changes the pins."""
    folders = {name: work / folder for name, folder in FOLDERS.items()}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    return child_environment({**FIXED, **{name: str(folder) for name, folder in folders.items()}})


FOLDERS = {"GOPATH": "path", "GOMODCACHE": "modules", "GOCACHE": "build", "GOTMPDIR": "tmp"}
FIXED = {
    "GOTOOLCHAIN": "local",
    "GOFLAGS": "-mod=readonly -modcacherw",
    "GOWORK": "off",
    "GOOS": "",
    "GOARCH": "",
    "CGO_ENABLED": "0",
    "GOGC": "300",
}
"""This very Go, no other that it would download; exactly our `go.mod`; files that can be deleted again; this machine;
no C compiler; and memory rather than time for the compiler's own rubbish."""
