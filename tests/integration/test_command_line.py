"""The command line as a process: what Ctrl-C does to it, whatever it is at."""

from __future__ import annotations

import subprocess
import sys
from signal import SIGINT
from typing import TYPE_CHECKING

import pytest

from tests.integration.locust_process import ROOT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("module", ["argparse", "lakestorm.settings.group", "numpy", "locust.stats"])
def test_ctrl_c_during_imports(tmp_path: Path, module: str) -> None:
    """Whichever module was imported last, the command ends with 130 and says so, without Python's traceback."""
    line = [sys.executable, "-X", "importtime", "-m", "lakestorm.cli", "shapes"]  # it names each import on stderr
    with subprocess.Popen(
        line, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        imported = next(told for told in process.stderr if told.rpartition("|")[2].strip() == module)
        process.send_signal(SIGINT)
        said = [told for told in process.stderr if not told.startswith("import time:")]
    assert (process.returncode, said) == (130, ["Interrupted.\n"]), imported
