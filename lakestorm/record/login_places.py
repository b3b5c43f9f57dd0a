"""`login_places.csv`: how many of a run's logins came from which city, as the audit read them in the topic."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, NamedTuple

from lakestorm.errors import ResultsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakestorm.model.geography import City

FILE = "login_places.csv"
COLUMNS = ("city", "country", "lat", "lon", "logins")


class CityLogins(NamedTuple):
    """A city, its country as two letters, degrees north and east, and logins of the run; its history is left out."""

    city: str
    country: str
    lat: float
    lon: float
    logins: int


def places_csv(logins: Mapping[City, int]) -> str:
    """The file's text, most logins first."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    order = sorted(logins.items(), key=lambda of: (-of[1], of[0].index))
    writer.writerows((city.name, city.country, city.lat, city.lon, count) for city, count in order)
    return out.getvalue()


def places_from_csv(text: str) -> list[CityLogins]:
    """Every city of the file; none where there is no text.

    Raises:
        ResultsError: the file is damaged; says where.
    """
    rows = csv.reader(io.StringIO(text))
    if text and tuple(next(rows)) != COLUMNS:
        raise ResultsError(f"{FILE} has not the columns {', '.join(COLUMNS)}; `lakestorm audit` writes it anew.")
    found = []
    for number, row in enumerate(rows, 2):
        try:
            city, country, lat, lon, logins = row
            found.append(CityLogins(city, country, float(lat), float(lon), int(logins)))
        except ValueError as error:
            raise ResultsError(f"{FILE}, line {number}, is no city: {error}.") from error
    return found
