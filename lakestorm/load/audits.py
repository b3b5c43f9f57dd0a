"""The audit at a run's end, in a process of its own: reading millions of rows would stop this one's event loop."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def audit_in_own_process(folder: Path) -> dict[str, Any]:
    """The run's ledger, as `lakestorm audit` counts it; unknown, and why, if it could not be."""
    command = [sys.executable, "-m", "lakestorm.cli", "audit", str(folder), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    path = folder / "ledger.json"
    if not path.exists():
        reason = " ".join(done.stderr.split()) or f"the audit ended with {done.returncode}"
        return {"state": "unknown", "reasons": [f"The books could not be audited: {reason}"]}
    ledger: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return ledger
