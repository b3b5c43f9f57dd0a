"""The address table that a detector joins: which range belongs to which city, and what kind of line it is.

It is the same for every run and every seed, so it agrees with all logins that were ever produced by this version of
the city list.
"""

from __future__ import annotations

import csv
import io
import json

from lakestorm.clients.gazetteer import World
from lakestorm.model.addresses import COLUMNS, AddressPlan


def address_plan() -> AddressPlan:
    """The plan of all cities; takes a second."""
    return World().plan


def csv_text(plan: AddressPlan) -> str:
    """COLUMNS as a header, then a line a range, addresses ascending; RFC 4180 with plain line ends."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(found.row() for found in plan.ranges())
    return out.getvalue()


def json_text(plan: AddressPlan) -> str:
    """A list of objects, a line each."""
    rows = (json.dumps(dict(zip(COLUMNS, found.row(), strict=True)), ensure_ascii=False) for found in plan.ranges())
    return "[\n" + ",\n".join(rows) + "\n]\n"
