"""The address plan: which IPv4 addresses belong to which city, and what kind of line they are.

Addresses are of 10.0.0.0/8. RFC 1918 gives it to nobody, so no login of ours names a real person's line, none can be
routed anywhere, and no public database disagrees with our table; it is neither multicast nor reserved for the future,
and has room for 16.7 million. As a whole number every address is below 2^31, so joins on signed integers work too.

Each city owns one block, a power of two by its inhabitants; larger cities come first, so every block begins at a
multiple of its size. Of a block one half is residential, a quarter mobile, an eighth carriers' NAT, an eighth VPN
exits: each one CIDR range.
"""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakestorm.model.geography import City, Geography

FIRST = 10 << 24
"""10.0.0.0."""
LAST = FIRST + (1 << 24) - 1
"""10.255.255.255."""
PEOPLE_AN_ADDRESS = 200
BLOCK_MIN, BLOCK_MAX = 256, 65536
KINDS = ("residential", "mobile", "nat", "vpn")
RESIDENTIAL, MOBILE, NAT, VPN = range(4)
SHARED = frozenset((NAT, VPN))
"""Kinds whose addresses say nothing about where a person is: many people stand behind each."""
EIGHTHS = ((0, 4), (4, 6), (6, 7), (7, 8))
"""From where to where each kind reaches in a block."""
COLUMNS = ("start", "end", "country", "city", "lat", "lon", "kind")


class Range(NamedTuple):
    """Addresses `start` to `end`, both included, as whole numbers; their city; the index of their kind in KINDS."""

    start: int
    end: int
    city: City
    kind: int

    @property
    def size(self) -> int:
        """How many addresses."""
        return self.end - self.start + 1

    def row(self) -> tuple[str, str, str, str, float, float, str]:
        """The range as COLUMNS, addresses dotted."""
        city = self.city
        return dotted(self.start), dotted(self.end), city.country, city.name, city.lat, city.lon, KINDS[self.kind]


class AddressPlan:
    """All ranges of a geography.

    Raises:
        ValueError: the cities' blocks do not fit into 10.0.0.0/8.
    """

    def __init__(self, geography: Geography) -> None:
        self.by_city: list[tuple[Range, ...]] = []
        """For each city its ranges, in the order of KINDS."""
        at = FIRST
        for city in geography.cities:
            eighth = block_size(city.population) // 8
            self.by_city.append(tuple(_ranges(at, eighth, city)))
            at += 8 * eighth
        if at > LAST + 1:
            raise ValueError(f"{len(geography.cities)} cities want {at - FIRST} addresses, 10.0.0.0/8 has 2^24")
        self._starts = [owned[0].start for owned in self.by_city]

    def ranges(self) -> Iterator[Range]:
        """Every range, addresses ascending."""
        for owned in self.by_city:
            yield from owned

    def find(self, address: int | str) -> Range | None:
        """The range that an address (a whole number, or dotted) belongs to; None if it is nobody's."""
        number = address if isinstance(address, int) else number_from_dotted(address)
        at = bisect.bisect_right(self._starts, number) - 1
        return next((r for r in self.by_city[at] if r.start <= number <= r.end), None) if at >= 0 else None


def _ranges(at: int, eighth: int, city: City) -> Iterator[Range]:
    for kind, (first, end) in enumerate(EIGHTHS):
        yield Range(at + first * eighth, at + end * eighth - 1, city, kind)


def block_size(population: int) -> int:
    """Addresses of a city: the power of two below its inhabitants / PEOPLE_AN_ADDRESS, within bounds."""
    wanted = max(population // PEOPLE_AN_ADDRESS, 1)
    return min(max(1 << wanted.bit_length() - 1, BLOCK_MIN), BLOCK_MAX)


def dotted(number: int) -> str:
    """An address as people write it."""
    return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def number_from_dotted(text: str) -> int:
    """The address that the text says.

    Raises:
        ValueError: it says none.
    """
    parts = text.split(".")
    if len(parts) != 4 or not all(part.isascii() and part.isdecimal() and int(part) <= 255 for part in parts):  # noqa: PLR2004
        raise ValueError(f"{text!r} is no IPv4 address: four numbers from 0 to 255 with points between are wanted")
    a, b, c, d = map(int, parts)
    return a << 24 | b << 16 | c << 8 | d
