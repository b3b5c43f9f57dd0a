"""The map of logins: land, a dot for each city, a great circle for each journey."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.clients.gazetteer import places
from lakestorm.errors import ResultsError
from lakestorm.model.labels import COUNTRY, TRAVEL
from lakestorm.record.login_labels import Way
from lakestorm.record.login_places import CityLogins, places_csv, places_from_csv
from lakestorm.report.land import land_outline
from lakestorm.report.sections.login_map import ARCS_MAX, great_circle, login_map, split_at_edges
from tests.unit.made_logins import geography
from tests.unit.made_results import THIN, results
from tests.unit.test_login_sections import label, truth

CITIES = [CityLogins("Lima", "PE", -12.0, -77.0, 900), CityLogins("Cusco", "PE", -13.5, -72.0, 9),
          CityLogins("Berlin", "DE", 52.5, 13.4, 91)]  # fmt: skip


def test_the_map_has_land_a_dot_for_each_city_and_a_line_for_each_journey() -> None:
    """A login that is both is drawn once; dots say from where to where; of very many journeys some are drawn."""
    both = [label(TRAVEL, 1), label(COUNTRY, 1)]
    found = login_map(results(logins=truth(*both, label(COUNTRY, 2), cities=CITIES)), land_outline)
    assert found is not None
    land, dots, country_arcs, country_goals, _, travel_goals = found.figure["data"]
    assert land["fill"] == "toself"
    assert dots["text"] == ["Lima, PE: 900", "Cusco, PE: 9", "Berlin, DE: 91"]
    assert dots["marker"]["size"] == [900, 9, 91]
    assert (len(travel_goals["x"]), len(country_goals["x"])) == (1, 1)
    assert travel_goals["text"] == ["Berlin → Lima"]
    assert country_arcs["x"].count(None) == 1
    assert found.answer.startswith(
        f"1{THIN}000 logins from 3 cities of 2 countries; most from PE 90.9 %, DE 9.1 %."
        " 1 logins by impossible travel; 1 logins from an unseen country. "
    )
    many = login_map(results(logins=truth(*(label(TRAVEL, i, user=str(i)) for i in range(1234)))), land_outline)
    assert many is not None
    assert len(many.figure["data"][2]["x"]) == ARCS_MAX
    assert many.answer.startswith(f"1{THIN}234 logins by impossible travel, of which {ARCS_MAX} are drawn")


def test_logins_without_anomalies_have_a_map_too() -> None:
    """Land and dots, and no word of journeys."""
    found = login_map(results(logins=truth(cities=CITIES)), land_outline)
    assert found is not None
    assert len(found.figure["data"]) == 2
    assert [text for _, text in found.key] == ["logins of a city, by area"]
    assert "journey" not in found.answer + "".join(text for _, text in found.key)


def test_land_is_where_land_is() -> None:
    """Rings are closed and stay on the map; people's cities lie on land or within sight of it, mid-ocean is none."""
    lon, lat = land_outline()
    rings: list[list[tuple[float, float]]] = []
    ring: list[tuple[float, float]] = []
    for x, y in zip(lon, lat, strict=True):
        if x is None or y is None:
            rings.append(ring)
            ring = []
        else:
            ring.append((x, y))
    assert not ring
    assert len(rings) > 80
    assert all(len(of) > 3 and of[0] == of[-1] for of in rings)
    assert all(-180 <= x <= 180 and -90 <= y <= 90 for of in rings for x, y in of)
    assert all(abs(b[0] - a[0]) < 180 for of in rings for a, b in itertools.pairwise(of)), "no line across the map"
    for x, y in ((13.4, 52.5), (37.6, 55.7), (-99.1, 19.4), (149.1, -35.3), (175.5, 66.5), (-176.0, 66.5), (25, -29)):
        assert is_land(rings, x, y), (x, y)
    for x, y in ((-30, 0), (-150, 30), (80, -30), (51, 42)):  # three oceans, and the Caspian Sea
        assert not is_land(rings, x, y), (x, y)
    largest = sorted(places(), key=lambda place: -place.population)[:500]
    near = [(dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
    at_sea = [p.name for p in largest if not any(is_land(rings, p.lon + dx, p.lat + dy) for dx, dy in near)]
    assert len(at_sea) <= 2, at_sea  # the outline's islands are coarse


def is_land(rings: list[list[tuple[float, float]]], x: float, y: float) -> bool:
    """Whether a line from a place to the east crosses the outline an odd number of times."""
    crossings = 0
    for ring in rings:
        for (ax, ay), (bx, by) in itertools.pairwise(ring):
            crossings += (ay > y) != (by > y) and x < ax + (bx - ax) * (y - ay) / (by - ay)
    return bool(crossings % 2)


def test_cities_are_read_back_as_the_audit_wrote_them() -> None:
    """Most logins first, names of any letters; an empty file is none, a damaged one is told."""
    cities = geography().cities
    counts = {cities[7]: 5, cities[3]: 90, cities[2400]: 5}
    found = places_from_csv(places_csv(counts))
    assert [(of.city, of.logins) for of in found] == [
        (cities[3].name, 90), (cities[7].name, 5), (cities[2400].name, 5),
    ]  # fmt: skip
    assert found[0] == CityLogins(cities[3].name, cities[3].country, cities[3].lat, cities[3].lon, 90)
    assert places_from_csv("") == []
    for text, said in (("a,b\n", "has not the columns"), ("city,country,lat,lon,logins\nA,B,x,0,1\n", "line 2, is no")):
        with pytest.raises(ResultsError, match=said):
            places_from_csv(text)


places_on_earth = st.tuples(st.floats(-70, 70), st.floats(-179, 179))


@given(places_on_earth, places_on_earth)
def test_lines_are_great_circles_that_stay_on_the_map(start: tuple[float, float], goal: tuple[float, float]) -> None:
    """From start to goal, each point as far from both as the way is long; no step crosses the map."""
    lon, lat = great_circle(Way("A", *start, "B", *goal))
    assert (lon[0], lat[0], lon[-1], lat[-1]) == pytest.approx((start[1], start[0], goal[1], goal[0]), abs=0.01)
    for i in range(1, len(lon)):
        before, after = lon[i - 1], lon[i]
        if before is not None and after is not None:
            assert abs(after - before) <= 180
    for gap in (i for i, value in enumerate(lon) if value is None):
        assert {lon[gap - 1], lon[gap + 1]} == {-180, 180}
        assert lat[gap - 1] == lat[gap + 1]
        inside, edge, outside = (lat[i] or 0.0 for i in (gap - 2, gap - 1, gap + 2))
        assert min(inside, outside) - 0.01 <= edge <= max(inside, outside) + 0.01
    whole = angle(start, goal)
    points = [(a, b) for a, b in zip(lat, lon, strict=True) if a is not None and b is not None and abs(b) < 180]
    if whole < 175:
        assert all(angle(start, p) + angle(p, goal) == pytest.approx(whole, abs=0.1) for p in points)


def angle(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Degrees between two places (lat, lon), by the haversine."""
    phi_a, phi_b = math.radians(a[0]), math.radians(b[0])
    chord = math.sin((phi_b - phi_a) / 2) ** 2
    chord += math.cos(phi_a) * math.cos(phi_b) * math.sin(math.radians(b[1] - a[1]) / 2) ** 2
    return math.degrees(2 * math.asin(math.sqrt(min(1.0, chord))))


def test_a_line_over_the_edge_goes_out_there_and_comes_in_on_the_other_side() -> None:
    """At the latitude that it has there."""
    assert split_at_edges([170.0, -170.0], [10.0, 20.0]) == ([170, 180, None, -180, -170], [10, 15, None, 15, 20])
    assert split_at_edges([-175.0, 165.0], [0.0, 4.0]) == ([-175, -180, None, 180, 165], [0, 1, None, 1, 4])
    assert split_at_edges([-90.0, 90.0], [0.0, 0.0]) == ([-90, 90], [0, 0])
