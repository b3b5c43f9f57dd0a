"""The books of the change stream: where the run began in its topic, and a last line by which its end is known there.

The last line is a marked order, committed when nobody writes any more. Changes come in the order of their commits; so
once it has come, whatever was committed before and has not come is lost, and not only late.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import psycopg2

from lakestorm.clients.change_source import schema_of
from lakestorm.clients.kafka import describe
from lakestorm.clients.marks import place_of, write_mark
from lakestorm.clients.postgres import connect, open_backend
from lakestorm.clients.topics import ends_if_there
from lakestorm.model.orders import CLOSING_PROCESS
from lakestorm.record.manifest import write_text
from lakestorm.record.references import AcknowledgedLines

if TYPE_CHECKING:
    from lakestorm.clients.postgres import Backend
    from lakestorm.load.part import RunContext
    from lakestorm.settings import Settings

TABLE = "purchases"
CHECK_ID = "lakestorm-check"


def check_changes(settings: Settings) -> dict[str, str]:
    """The brokers answer; raises UnreachableError. That the connector works is shown by the books, or by `doctor`."""
    describe(settings.kafka, CHECK_ID)
    return {}


class ChangeBooks:
    """See RunPart. Comes last, after whoever writes orders."""

    has_books = True

    def __init__(self, context: RunContext) -> None:
        self._context = context
        settings = context.settings
        self._application = f"lakestorm {context.key.hex} closing"
        backend = connect(settings.postgres, application_name=self._application, autocommit=True)
        self._place = place_of(backend)
        topic = f"{settings.pipeline.cdc_topic_prefix}.{schema_of(backend, TABLE)}.{TABLE}"
        backend.close()
        before = ends_if_there(settings.kafka, CHECK_ID, topic) or {}
        facts = {
            "run": context.key.hex,
            "topic": topic,
            "starts": {str(partition): end for partition, (_, end) in before.items()},
        }
        write_text(context.folder / "cdc.json", json.dumps(facts))

    def start(self) -> None:
        """Nothing goes on beside the users."""

    def stop(self) -> None:
        """Commit the last line. Without it the audit cannot tell lost from late, and says so."""
        acknowledged = AcknowledgedLines(
            self._context.folder / "orders-closing.bin", self._context.key.hex, CLOSING_PROCESS
        )
        doubts: list[list[object]] = []
        try:
            backend = self._open()
            doubts = [[0, False, False]]
            write_mark(backend, self._place, self._context.key.reference(CLOSING_PROCESS, 0))
            backend.close()
        except psycopg2.Error as error:
            print(f"The run's last line could not be written: {' '.join(str(error).split())}", file=sys.stderr)
        else:
            acknowledged.bought(0)
            acknowledged.cancelled(0)
            doubts = []
        write_text(self._context.folder / "in_doubt-closing.json", json.dumps(doubts))
        acknowledged.close(1)

    def abandon(self) -> None:
        """Nothing is open."""

    def _open(self) -> Backend:
        backend = open_backend(self._context.settings.postgres, self._application)
        backend.autocommit = True
        return backend
