"""The audit at a run's end, in a process of its own: reading millions of rows would stop this one's event loop."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from lakestorm.report.audit import READING

if TYPE_CHECKING:
    from pathlib import Path


def audit_in_own_process(folder: Path) -> dict[str, Any]:
    """The run's ledger, as `lakestorm audit` counts it; unknown, and why, if it could not be.

    What the audit tells of its progress is passed on to standard error.
    """
    command = [sys.executable, "-m", "lakestorm.cli", "audit", str(folder), "--quiet"]
    said = []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr or ():
            if line.startswith(READING):
                print(line, end="", file=sys.stderr, flush=True)
            else:
                said.append(line)
    path = folder / "ledger.json"
    if not path.exists():
        reason = " ".join("".join(said).split()) or f"the audit ended with {process.returncode}"
        return {"state": "unknown", "reasons": [f"The books could not be audited: {reason}"]}
    ledger: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return ledger
