"""`labels.csv`: what a detector should have found in a run, and from where to where each journey went."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from lakestorm.errors import ResultsError
from lakestorm.model.event_time import ms_from_timestamp
from lakestorm.model.labels import KINDS, Label

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakestorm.model.event_time import Timeline
    from lakestorm.record.login_places import CityLogins

FILE = "labels.csv"
NEEDED = ("user_id", "timestamp", "kind", "distance_km", "speed_kmh", "scored")
"""What a reader of ours needs; the file has more columns."""
WAY = ("from_city", "from_lat", "from_lon", "city", "lat", "lon")
"""Columns of a journey's ends; absent in folders of older versions, empty where there was no login before."""


class Way(NamedTuple):
    """A journey's ends, degrees north and east: of the login before, and of the one that is labelled."""

    from_city: str
    from_lat: float
    from_lon: float
    city: str
    lat: float
    lon: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LoginTruth:
    """What a results folder knows of its logins beside the counts.

    Attributes:
        labels: see `labels_from_csv`.
        timeline: the run's event time; None in folders of older versions.
        score: of a detector, as in score.json; empty where nobody was scored.
        places: see `places_from_csv`; empty in folders of older versions.
    """

    labels: list[Label]
    timeline: Timeline | None
    score: dict[str, Any]
    places: list[CityLogins] = dataclasses.field(default_factory=list)


def way_of(label: Label) -> dict[str, str | float]:
    """The columns of WAY; empty where the label does not know them."""
    if label.start is None or label.goal is None:
        return dict.fromkeys(WAY, "")
    start, goal = label.start, label.goal
    return dict(zip(WAY, (start.name, start.lat, start.lon, goal.name, goal.lat, goal.lon), strict=True))


def labels_from_csv(text: str) -> list[Label]:
    """Every label of the file; `ref` is its Way, None where the file does not tell.

    Raises:
        ResultsError: the file is damaged; says where.
    """
    rows = csv.DictReader(io.StringIO(text))
    missing = [name for name in NEEDED if name not in (rows.fieldnames or ())]
    if missing:
        raise ResultsError(f"{FILE} has no column {', '.join(missing)}; `lakestorm audit` writes it anew.")
    found = []
    for number, row in enumerate(rows, 2):
        try:
            found.append(label_of(row))
        except (TypeError, ValueError) as error:
            raise ResultsError(f"{FILE}, line {number}, is no label: {error}.") from error
    return found


def label_of(row: Mapping[str, str]) -> Label:
    """The label of a line; ValueError or TypeError if it is none."""
    if row["kind"] not in KINDS or row["scored"] not in ("True", "False"):
        raise ValueError(f"kind {row['kind']!r}, scored {row['scored']!r}")
    return Label(
        user_id=row["user_id"],
        at_ms=ms_from_timestamp(row["timestamp"]),
        kind=row["kind"],
        distance_km=float(row["distance_km"]),
        speed_kmh=float(row["speed_kmh"]) if row["speed_kmh"] else math.inf,
        scored=row["scored"] == "True",
        ref=way_from(row) if all(row.get(name) for name in WAY) else None,
    )


def way_from(row: Mapping[str, str]) -> Way:
    """The journey's ends of a line that has them; ValueError if they are no numbers."""
    degrees = {name: float(row[name]) for name in ("from_lat", "from_lon", "lat", "lon")}
    return Way(from_city=row["from_city"], city=row["city"], **degrees)
