"""The audit of a run from its results folder and the systems it loaded: `ledger.json`. It can be done at any time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lakestorm.errors import ResultsError
from lakestorm.record.manifest import write_text
from lakestorm.report import change_audit, login_audit, order_audit
from lakestorm.verdict.ledger import merged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lakestorm.settings import Settings

SIDES = {change_audit.EVIDENCE: change_audit.audit_changes}
"""Systems behind the database, by the file without which a run did not look at one. Another one is another line."""
READING = "Reading the topic back"
"""What an audit is long at."""


def audit(folder: Path, settings: Settings, read: Callable[[int, int], None]) -> dict[str, Any]:
    """Count all books of which the folder has evidence, write ledger.json, return it.

    Args:
        folder: the run's.
        settings: of the systems.
        read: is told how many of how many records of a topic were read, now and then.

    Raises:
        ResultsError: the folder has no evidence.
        UnreachableError: a system does not answer.
        PlatformError: a system answers, but does not give what is needed.
    """
    ledgers = list(of_orders(folder, settings, read)) if any(folder.glob(order_audit.LINES)) else []
    if (folder / login_audit.EVIDENCE).exists():
        ledgers.append(login_audit.audit_logins(folder, settings, read))
    if not ledgers:
        raise ResultsError(f"{folder} holds no orders to audit, and no logins: name a results folder.")
    ledger = merged(ledgers)
    write_text(folder / "ledger.json", json.dumps(ledger, indent=1) + "\n")
    return ledger


def of_orders(folder: Path, settings: Settings, read: Callable[[int, int], None]) -> Iterator[dict[str, Any]]:
    """The database's ledger, and that of every system behind it which the run looked at."""
    orders = order_audit.audit_orders(folder, settings.postgres)
    yield orders.ledger
    for evidence, audit_side in SIDES.items():
        if (folder / evidence).exists():
            yield audit_side(folder, settings, orders, read)
