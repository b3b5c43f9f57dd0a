"""Where people are: cities, how far apart they are, and what lies just across a border.

distance = 2 R asin √( sin²(Δφ/2) + cos φ₁ cos φ₂ sin²(Δλ/2) ),  R = 6371 km         (haversine)
"""

from __future__ import annotations

import bisect
import dataclasses
import itertools
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lakestorm.model.draw_one import mixed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Self

    import numpy.typing as npt

    from lakestorm.model.draws import Numbers, Words

EARTH_RADIUS_KM = 6371.0
"""The mean radius, as the published rules of impossible travel use it."""
CITIES = 2500
"""How many of the largest cities there are: 150 countries, and down to 250,000 inhabitants."""
ABROAD = 24
"""How many foreign countries a city knows the way to: those whose nearest cities are nearest."""
HUBS = 24
"""In how many countries VPN providers have an exit."""
TRIES = 16
"""Cities looked at when one far away is wanted."""
ROWS_AT_ONCE = 256
"""Of the distance table while neighbours are looked for: it never stands in memory as a whole."""


class Place(NamedTuple):
    """A row of a gazetteer: GeoNames' number, name, ISO 3166 country, degrees, inhabitants."""

    number: int
    name: str
    country: str
    lat: float
    lon: float
    population: int


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class City:
    """A place with what its distances need; each is one object, so `is` compares them.

    Attributes:
        index: its number here, 0 for the largest.
        name, country: as the gazetteer has them; country as two letters of ISO 3166.
        country_bit: 1 << the country's number, for sets of countries as one whole number.
        lat, lon: degrees north and east.
        phi, lam, cos_phi: the same in radians, and the cosine of the latitude.
        population: inhabitants.
    """

    index: int
    name: str
    country: str
    country_bit: int
    lat: float
    lon: float
    phi: float
    lam: float
    cos_phi: float
    population: int

    @classmethod
    def of(cls, index: int, place: Place, country_bit: int) -> Self:
        """The city of a gazetteer's row."""
        phi, lam = math.radians(place.lat), math.radians(place.lon)
        return cls(
            index, place.name, place.country, country_bit, place.lat, place.lon, phi, lam, math.cos(phi),
            place.population,
        )  # fmt: skip


def distance_km(a: City, b: City) -> float:
    """The great circle between two cities' centres."""
    if a is b:
        return 0.0
    half_phi, half_lam = math.sin((b.phi - a.phi) / 2), math.sin((b.lam - a.lam) / 2)
    chord = half_phi * half_phi + a.cos_phi * b.cos_phi * half_lam * half_lam
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, chord)))


class Geography:
    """The cities of the world, or as many of them as there are.

    Args:
        places: a gazetteer's rows, in any order; the `count` with most inhabitants are taken.
        count: how many cities.

    Raises:
        ValueError: fewer than two countries are among them (nobody could travel abroad), or a row is no place.
    """

    def __init__(self, places: Iterable[Place], count: int = CITIES) -> None:
        largest = largest_of(places, count)
        wrong = [place for place in largest if not _is_place(place)]
        countries = sorted({place.country for place in largest})
        if wrong or len(countries) < 2:  # noqa: PLR2004 - two: here and abroad
            raise ValueError(f"cities of two countries at least are wanted: {wrong[:3] or countries}")
        bits = {country: 1 << number for number, country in enumerate(countries)}
        self.cities = [City.of(i, place, bits[place.country]) for i, place in enumerate(largest)]
        self.by_country: dict[str, list[City]] = {country: [] for country in countries}
        for city in self.cities:
            self.by_country[city.country].append(city)
        self.hubs = self._hubs()
        self._people = list(itertools.accumulate(city.population for city in self.cities))
        self.abroad = [tuple(self.cities[i] for i in near) for near in self._nearest_abroad().tolist()]
        """By a city's index: the nearest city of each foreign country, nearest first, at most ABROAD of them."""

    def _hubs(self) -> list[City]:
        """The largest city of each of the countries with most people in cities."""
        urban = {country: sum(c.population for c in cities) for country, cities in self.by_country.items()}
        chosen = sorted(urban, key=lambda country: (-urban[country], country))[:HUBS]
        return [self.by_country[country][0] for country in chosen]

    def city(self, word: int) -> City:
        """A city by 64 even bits, each as often as its inhabitants are of all."""
        return self.cities[bisect.bisect_right(self._people, (word >> 24) % self._people[-1])]

    def cities_of(self, words: Words) -> Numbers:
        """Indices of the cities that `city` gives for each of many words; shape (n,)."""
        people = np.array(self._people, dtype=np.uint64)
        found: Numbers = np.searchsorted(people, (words >> np.uint64(24)) % people[-1], side="right").astype(np.int64)
        return found

    def capital(self, country: str) -> City:
        """A country's largest city, where its carriers' gateways stand."""
        return self.by_country[country][0]

    def far_from(
        self, place: City, word: int, least_km: float, *, but: int = 0, is_domestic: bool = False
    ) -> City | None:
        """A city abroad, by 64 even bits and by inhabitants; None if TRIES of them are not as wanted.

        Args:
            place: from where.
            word: the bits.
            least_km: how far at least.
            but: countries that it must not be in, as bits.
            is_domestic: in the same country instead, all its cities alike.
        """
        own = self.by_country[place.country]
        for _ in range(TRIES):
            word = mixed(word)
            city = own[(word >> 8) % len(own)] if is_domestic else self.city(word)
            is_there = (city.country_bit == place.country_bit) is is_domestic
            if is_there and not city.country_bit & but and distance_km(place, city) >= least_km:
                return city
        return None

    def _nearest_abroad(self) -> npt.NDArray[np.int32]:
        """Shape (cities, ≤ ABROAD): indices of cities.

        Distance falls as the angle's cosine rises, and that is a product of unit vectors: one matrix product for
        ROWS_AT_ONCE cities, then the best of each country, then the best countries.
        """
        at = unit_vectors(self.cities)
        members = [np.array([c.index for c in cities]) for cities in self.by_country.values()]
        own = {country: number for number, country in enumerate(self.by_country)}
        found = []
        for first in range(0, len(self.cities), ROWS_AT_ONCE):
            rows = slice(first, first + ROWS_AT_ONCE)
            cosines = at[rows] @ at.T
            nearest = np.stack([m[cosines[:, m].argmax(axis=1)] for m in members], axis=1)
            closeness = np.take_along_axis(cosines, nearest, axis=1)
            closeness[np.arange(len(closeness)), [own[c.country] for c in self.cities[rows]]] = -np.inf
            order = np.argsort(-closeness, axis=1, kind="stable")[:, : min(ABROAD, len(members) - 1)]
            found.append(np.take_along_axis(nearest, order, axis=1))
        return np.concatenate(found).astype(np.int32)


def largest_of(places: Iterable[Place], count: int = CITIES) -> list[Place]:
    """The places with most inhabitants, the largest first."""
    return sorted(places, key=lambda place: (-place.population, place.number))[:count]


def unit_vectors(cities: Sequence[City]) -> npt.NDArray[np.float64]:
    """Cities on the unit sphere; shape (n, 3)."""
    phi, lam = np.array([c.phi for c in cities]), np.array([c.lam for c in cities])
    return np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=1)


def _is_place(place: Place) -> bool:
    on_earth = -90 <= place.lat <= 90 and -180 <= place.lon <= 180  # noqa: PLR2004 - degrees
    return on_earth and place.population > 0 and bool(place.name) and bool(place.country)
