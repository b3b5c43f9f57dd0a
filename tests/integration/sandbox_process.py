"""`lakestorm sandbox …` as a person starts it, and what it prints."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.integration.locust_process import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def start(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """`lakestorm sandbox …` in a folder, not waited for."""
    line = [sys.executable, "-m", "lakestorm.cli", "sandbox", *arguments]
    everything = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
    return subprocess.Popen(line, cwd=cwd, env=everything, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def command(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """`lakestorm sandbox …` in a folder, to its end."""
    with start(*arguments, cwd=cwd, env=env) as process:
        out, err = process.communicate(timeout=180)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def settings_of(text: str) -> dict[str, str]:
    """KEY=VALUE lines."""
    return dict(line.split("=", 1) for line in text.splitlines())
