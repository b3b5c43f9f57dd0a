"""What is sold: item i's name, category, price and stock, from (seed, i) alone."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from lakestorm.model.draws import below, draw, rows, weighted

if TYPE_CHECKING:
    from lakestorm.model.draws import Numbers, Words

RECIPE = "catalogue-1"
"""Names the rules below; a change that gives any item another row is a new name."""


@dataclasses.dataclass(frozen=True, slots=True)
class Category:
    """A shelf of the shop.

    Args:
        name: as the platform's consumers know it.
        weight: how many items of a hundred.
        price_from: lowest price, whole currency units, ≥ 5.
        price_to: highest price, ≤ 500.
        stock_from: smallest stock, units, ≥ 1,000.
        stock_to: largest stock, ≤ 5,000.
        kinds: how such things are made or sold.
        nouns: what they are.
    """

    name: str
    weight: int
    price_from: int
    price_to: int
    stock_from: int
    stock_to: int
    kinds: tuple[str, ...]
    nouns: tuple[str, ...]


CATEGORIES = (
    Category(
        "widgets", 40, 5, 80, 2000, 5000,
        ("Brushed Steel", "Anodised", "Brass", "Galvanised", "Nylon", "Oak", "Cast Iron", "Carbon", "Ceramic",
         "Rubber"),
        ("Hinge", "Bracket", "Shelf Clip", "Cable Gland", "Wall Anchor", "Drawer Slide", "Door Stop", "Pulley",
         "Caster Wheel", "Hose Coupling", "Spring Latch", "Corner Brace", "Bearing", "Toggle Bolt"),
    ),
    Category(
        "gadgets", 25, 40, 500, 1000, 2500,
        ("Wireless", "Solar", "Foldable", "Waterproof", "Smart", "Compact", "Noise-Cancelling", "Rechargeable",
         "4K", "Bluetooth"),
        ("Headphones", "Action Camera", "Desk Lamp", "Weather Station", "Power Bank", "Speaker", "Doorbell",
         "Keyboard", "Projector", "Air Purifier", "E-Reader", "Dash Camera", "Thermostat"),
    ),
    Category(
        "doodads", 25, 5, 40, 1500, 4000,
        ("Hand-Painted", "Vintage", "Woven", "Glass", "Felt", "Pocket", "Glow-in-the-Dark", "Magnetic", "Wooden",
         "Miniature"),
        ("Key Ring", "Snow Globe", "Bookmark", "Spinning Top", "Fridge Magnet", "Puzzle Box", "Coaster Set",
         "Desk Flag", "Music Box", "Wind Chime", "Paperweight", "Yo-Yo"),
    ),
    Category(
        "clearance", 10, 5, 120, 1000, 1800,
        ("Open-Box", "Refurbished", "Last Season's", "Discontinued", "Returned", "Display", "Overstock"),
        ("Kettle", "Rucksack", "Garden Chair", "Rain Jacket", "Toaster", "Running Shoes", "Picture Frame",
         "Camping Stove", "Wall Clock", "Blanket", "Suitcase"),
    ),
)  # fmt: skip
MAKERS = (
    "Aldermoor", "Brightwell", "Castellan", "Dunmore", "Eastvale", "Fenwick", "Gransund", "Hollin", "Ivarsson",
    "Jorvik", "Kestrel", "Lindqvist", "Marlowe", "Northgate", "Orsini", "Pellworm", "Quillon", "Ravenna", "Solvang",
    "Tamarack", "Umbria", "Vesper", "Westerly", "Yarrow", "Zephyrine",
)  # fmt: skip
ENDINGS = (99, 99, 99, 95, 50, 49, 0)
"""Cents that prices end in."""


@dataclasses.dataclass(frozen=True, slots=True)
class Items:
    """Columns of consecutive items, all of one length. Prices in cents, stock in units."""

    ids: list[int]
    names: list[str]
    categories: list[str]
    prices_cents: list[int]
    stock: list[int]


def items(seed: int, first_id: int, count: int) -> Items:
    """The items first_id … first_id + count - 1."""
    ids = rows(first_id, count)
    shelves = weighted(draw(seed, "items.category", ids), tuple(c.weight for c in CATEGORIES))
    return Items(
        ids=ids.tolist(),
        names=_names(seed, ids, shelves),
        categories=[CATEGORIES[s].name for s in shelves.tolist()],
        prices_cents=_prices(seed, ids, shelves).tolist(),
        stock=_stock(draw(seed, "items.inventory", ids), shelves).tolist(),
    )


def _names(seed: int, ids: Words, shelves: Numbers) -> list[str]:
    """`Kestrel Foldable Desk Lamp K4821`: maker, kind, noun, model number."""
    kinds = below(draw(seed, "items.kind", ids), np.array([len(c.kinds) for c in CATEGORIES])[shelves])
    nouns = below(draw(seed, "items.noun", ids), np.array([len(c.nouns) for c in CATEGORIES])[shelves])
    makers = below(draw(seed, "items.maker", ids), len(MAKERS))
    models = 100 + below(draw(seed, "items.model", ids), 9900)
    columns = zip(shelves.tolist(), kinds.tolist(), nouns.tolist(), makers.tolist(), models.tolist(), strict=True)
    return [
        f"{MAKERS[m]} {CATEGORIES[s].kinds[k]} {CATEGORIES[s].nouns[n]} {MAKERS[m][0]}{model}"
        for s, k, n, m, model in columns
    ]


def _prices(seed: int, ids: Words, shelves: Numbers) -> Numbers:
    """Cents: a shelf has many cheap things and few dear ones (even on a log scale), and prices end as in shops."""
    lowest = np.array([c.price_from for c in CATEGORIES], dtype=np.float64)[shelves]
    highest = np.array([c.price_to for c in CATEGORIES], dtype=np.float64)[shelves]
    share = below(draw(seed, "items.price", ids), 2**31) / 2**31
    whole = np.floor(lowest * (highest / lowest) ** share).astype(np.int64)
    endings = np.array(ENDINGS, dtype=np.int64)[below(draw(seed, "items.ending", ids), len(ENDINGS))]
    prices: Numbers = np.minimum(100 * whole + endings, 100 * highest.astype(np.int64))
    return prices


def _stock(words: Words, shelves: Numbers) -> Numbers:
    """Units, even between the shelf's bounds, both included."""
    lowest = np.array([c.stock_from for c in CATEGORIES], dtype=np.int64)[shelves]
    highest = np.array([c.stock_to for c in CATEGORIES], dtype=np.int64)[shelves]
    return lowest + below(words, highest - lowest + 1)
