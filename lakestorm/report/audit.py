"""The audit of a run from its results folder and the systems it loaded: `ledger.json`. It can be done at any time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lakestorm.errors import ResultsError
from lakestorm.record.manifest import write_text
from lakestorm.report import login_audit, order_audit
from lakestorm.verdict.ledger import merged

if TYPE_CHECKING:
    from pathlib import Path

    from lakestorm.settings import Settings


def audit(folder: Path, settings: Settings) -> dict[str, Any]:
    """Count all books of which the folder has evidence, write ledger.json, return it.

    Raises:
        ResultsError: the folder has no evidence.
        UnreachableError: a system does not answer.
        PlatformError: a system answers, but does not give what is needed.
    """
    ledgers = []
    if (folder / order_audit.EVIDENCE).exists():
        ledgers.append(order_audit.audit_orders(folder, settings.postgres))
    if (folder / login_audit.EVIDENCE).exists():
        ledgers.append(login_audit.audit_logins(folder, settings))
    if not ledgers:
        raise ResultsError(f"{folder} holds no orders to audit, and no logins: name a results folder.")
    ledger = merged(ledgers)
    write_text(folder / "ledger.json", json.dumps(ledger, indent=1) + "\n")
    return ledger
