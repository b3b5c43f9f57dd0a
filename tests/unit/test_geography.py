"""Cities, distances, and an address plan in which every address is one city's."""

from __future__ import annotations

import ipaddress
import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.model.addresses import FIRST, KINDS, LAST, AddressPlan, block_size, dotted, number_from_dotted
from lakestorm.model.draw_one import mixed, one, start_of
from lakestorm.model.draws import draw
from lakestorm.model.geography import ABROAD, CITIES, City, Geography, Place, distance_km
from tests.unit.made_logins import geography, plan

CORNERS = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


def city(lat: float, lon: float, country: str = "AA") -> City:
    """A city somewhere."""
    return City.of(0, Place(1, "Somewhere", country, lat, lon, 1000), 1)


@pytest.mark.parametrize(
    ("a", "b", "km"),
    [
        ((51.47, -0.45), (40.64, -73.78), 5540),  # Heathrow, Kennedy
        ((0, 0), (0, 90), 6371 * math.pi / 2),
        ((0, 179.5), (0, -179.5), 6371 * math.pi / 180),  # over the date line
        ((90, 0), (90, 120), 0),  # one pole, whatever its longitude
        ((0, 0), (0, 180), 6371 * math.pi),  # the far side of the earth
        ((10, 20), (-10, -160), 6371 * math.pi),
        ((50, 7), (50, 7), 0),
    ],
)
def test_distances(a: tuple[float, float], b: tuple[float, float], km: float) -> None:
    """The great circle on a ball of 6371 km radius, to half a percent of what atlases say."""
    assert distance_km(city(*a), city(*b)) == pytest.approx(km, rel=0.005, abs=1e-6)


@given(a=CORNERS, b=CORNERS)
def test_a_distance_is_what_the_angle_says(a: tuple[float, float], b: tuple[float, float]) -> None:
    """Another way to it: the angle between two vectors by their cross and dot product; the same both ways."""
    vectors: list[list[float]] = []
    for lat, lon in (a, b):
        phi, lam = math.radians(lat), math.radians(lon)
        vectors.append([math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam), math.sin(phi)])
    angle = math.atan2(float(np.linalg.norm(np.cross(vectors[0], vectors[1]))), float(np.dot(vectors[0], vectors[1])))
    assert distance_km(city(*a), city(*b)) == pytest.approx(6371 * angle, abs=0.2)
    assert distance_km(city(*a), city(*b)) == distance_km(city(*b), city(*a))


def test_the_far_side_of_the_earth_is_no_error() -> None:
    """Opposite points, where rounding can make the chord longer than the diameter."""
    rng = random.Random(1)
    for lat, lon in ((rng.uniform(-90, 90), rng.uniform(-180, 0)) for _ in range(5000)):
        assert distance_km(city(lat, lon), city(-lat, lon + 180)) == pytest.approx(6371 * math.pi, abs=1)


@given(a=CORNERS, b=CORNERS, c=CORNERS)
def test_no_detour_is_shorter(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> None:
    """So a login left out of a chain of honest journeys leaves an honest journey."""
    first, middle, last = city(*a), city(*b), city(*c)
    assert distance_km(first, last) <= distance_km(first, middle) + distance_km(middle, last) + 1e-3


def test_the_largest_cities_are_taken_whatever_their_order() -> None:
    """The same rows in any order give the same cities, largest first; equals by their number."""
    rows = [Place(n, f"C{n}", "AB"[n % 2] * 2, n, n, 1000 * (1 + n // 3)) for n in range(30)]
    shuffled = random.Random(5).sample(rows, len(rows))
    found = Geography(shuffled, 10).cities
    assert [c.name for c in found] == [f"C{n}" for n in (27, 28, 29, 24, 25, 26, 21, 22, 23, 18)]
    assert [c.index for c in found] == list(range(10))


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [Place(1, "A", "AA", 0, 0, 10)],
        [Place(1, "A", "AA", 0, 0, 10), Place(2, "B", "AA", 1, 1, 10)],
        [Place(1, "A", "AA", 91, 0, 10), Place(2, "B", "BB", 1, 1, 10)],
        [Place(1, "A", "AA", 0, 0, 0), Place(2, "B", "BB", 1, 1, 10)],
        [Place(1, "A", "AA", math.nan, 0, 9), Place(2, "B", "BB", 1, 1, 10)],
    ],
)
def test_a_world_without_abroad_is_refused(rows: list[Place]) -> None:
    """One country, nobody living there, or a place that is not on earth: said at once."""
    with pytest.raises(ValueError, match="two countries"):
        Geography(rows)


def test_cities_are_chosen_by_their_inhabitants() -> None:
    """The largest city comes as often as its share of all people."""
    world = geography()
    people = sum(c.population for c in world.cities)
    words = [one(start_of(1, "test"), n) for n in range(40_000)]
    found = sum(world.city(word).index < 10 for word in words) / len(words)
    assert found == pytest.approx(sum(c.population for c in world.cities[:10]) / people, abs=0.008)
    assert len(world.cities) == CITIES


def test_the_nearest_city_abroad_is_the_nearest() -> None:
    """Looked for by matrix products; asked here of every other city, for some cities."""
    world = geography()
    for place in world.cities[::311]:
        best: dict[str, float] = {}
        for other in world.cities:
            if other.country != place.country:
                best[other.country] = min(distance_km(place, other), best.get(other.country, math.inf))
        found = [(c.country, distance_km(place, c)) for c in world.abroad[place.index]]
        wanted = sorted(best.items(), key=lambda item: item[1])[:ABROAD]
        assert [km for _, km in found] == pytest.approx([km for _, km in wanted])
        assert {country for country, _ in found} == {country for country, _ in wanted}


@given(word=st.integers(0, 2**64 - 1), at=st.integers(0, CITIES - 1), least_km=st.floats(0, 9000), alike=st.booleans())
def test_far_is_far(word: int, at: int, least_km: float, alike: bool) -> None:  # noqa: FBT001
    """A city far away is at least so far, abroad or in the country as wanted, and not in a country that is excluded."""
    world = geography()
    place = world.cities[at]
    but = 0 if alike else world.cities[0].country_bit
    found = world.far_from(place, word, least_km, but=but, is_domestic=alike)
    if found is not None:
        assert distance_km(place, found) >= least_km
        assert (found.country == place.country) is alike
        assert not found.country_bit & but


def test_the_plan_has_no_gap_and_no_overlap() -> None:
    """Ranges follow each other from 10.0.0.0 on, inside 10.0.0.0/8; each is one CIDR network of one city and kind."""
    found = list(plan().ranges())
    assert found[0].start == FIRST == int(ipaddress.IPv4Address("10.0.0.0"))
    assert found[-1].end <= LAST == int(ipaddress.IPv4Address("10.255.255.255"))
    assert all(after.start == before.end + 1 for before, after in itertools.pairwise(found))
    for r in found:
        first, last = ipaddress.IPv4Address(r.start), ipaddress.IPv4Address(r.end)
        assert len(list(ipaddress.summarize_address_range(first, last))) == 1
    assert {(r.city.index, r.kind) for r in found} == set(itertools.product(range(CITIES), range(len(KINDS))))
    assert max(r.end for r in found) < 2**31


def test_every_edge_of_a_range_is_found() -> None:
    """The table's rows, read as text, and the lookup agree at both ends of every range and in its middle."""
    rows = [(r, r.row()) for r in plan().ranges()]
    for found, (start, end, country, name, lat, lon, kind) in rows:
        middle = dotted((found.start + found.end) // 2)
        assert plan().find(start) is plan().find(middle) is plan().find(end) is found
        assert (country, name, lat, lon) == (found.city.country, found.city.name, found.city.lat, found.city.lon)
        assert KINDS[found.kind] == kind


@pytest.mark.parametrize("address", ["9.255.255.255", "11.0.0.0", "0.0.0.0", "255.255.255.255", "10.255.255.255"])  # noqa: S104
def test_other_addresses_are_nobodys(address: str) -> None:
    """Outside all ranges there is no city."""
    assert plan().find(address) is None


@pytest.mark.parametrize(
    "text", ["", "10.0.0", "10.0.0.0.0", "10.0.0.256", "10.0.0.-1", "a.b.c.d", "10.0.0.\u0661", "::1"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """Anything but four numbers from 0 to 255."""
    with pytest.raises(ValueError, match="no IPv4 address"):
        number_from_dotted(text)


@given(number=st.integers(0, 2**32 - 1))
def test_addresses_are_written_as_everybody_writes_them(number: int) -> None:
    """As the standard library writes them, and read back."""
    assert dotted(number) == str(ipaddress.IPv4Address(number))
    assert number_from_dotted(dotted(number)) == number


@pytest.mark.parametrize(
    ("population", "addresses"),
    [(1, 256), (51_199, 256), (102_399, 256), (102_400, 512), (1_000_000, 4096), (10**9, 65536)],
)
def test_blocks_grow_with_cities(population: int, addresses: int) -> None:
    """The power of two below one address for 200 people, from 256 to 65,536."""
    assert block_size(population) == addresses


def test_too_many_cities_are_refused() -> None:
    """Blocks that 10.0.0.0/8 cannot hold."""
    rows = [Place(n, f"C{n}", "AB"[n % 2] * 2, 0, n / 10, 20_000_000) for n in range(257)]
    AddressPlan(Geography(rows[:256]))
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/8"):
        AddressPlan(Geography(rows))


@given(seed=st.integers(), question=st.text(max_size=9), number=st.integers(0, 2**64 - 1))
def test_one_draw_is_the_draw_of_one_row(seed: int, question: str, number: int) -> None:
    """Drawn alone, a row's number is what it is in an array."""
    assert one(start_of(seed, question), number) == draw(seed, question, np.array([number], dtype=np.uint64))[0]
    assert 0 <= mixed(number) < 2**64
