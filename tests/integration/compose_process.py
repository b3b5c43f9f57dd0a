"""The real docker compose on our file: the one on PATH, or one that is built once by Go; no engine is needed."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

from lakestorm.sandbox import go_programs
from tests.integration.locust_process import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

VERSION = "v5.6.0"
PACKAGE = "github.com/docker/compose/v5"
PROGRAM = go_programs.GoProgram("docker-compose", f"{PACKAGE}/cmd", ((f"{PACKAGE}/internal.Version", VERSION),))
FILE = ROOT / "docker-compose.yml"
TIME_LIMIT_S = 60


def command() -> list[str]:
    """How compose is called here: docker's plug-in, the program itself, or one that is built now (minutes, once)."""
    for line in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(line[0]) and is_current(line):
            return line
    return [str(go_programs.ready(PROGRAM))]


def is_current(line: list[str]) -> bool:
    """Whether it is compose, and not the first one, which was written in Python and knows another format."""
    done = subprocess.run([*line, "version", "--short"], capture_output=True, text=True, check=False)
    major = done.stdout.strip().removeprefix("v").partition(".")[0]
    return done.returncode == 0 and major.isdecimal() and int(major) >= 2


@dataclasses.dataclass(frozen=True)
class Compose:
    """Compose on our file, in a folder whose `.env` is a test's own.

    Args:
        line: how it is called.
        folder: where `.env` and `secrets/` are looked for.
    """

    line: list[str]
    folder: Path

    def run(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """One command to its end. Nothing of the caller's environment reaches it but what a program needs."""
        least = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
        return subprocess.run(
            [*self.line, "--project-directory", str(self.folder), "-f", str(FILE), *arguments],
            cwd=self.folder,
            env={**least, **(env or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=TIME_LIMIT_S,
        )

    def config(self, *profiles: str, env: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The whole model with every variable put in, as an engine would be given it."""
        options = [option for profile in profiles for option in ("--profile", profile)]
        done = self.run(*options, "config", "--format", "json", env=env)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found
