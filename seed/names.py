"""Names of many languages, from Faker's lists, each with a spelling that an e-mail address can hold."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from faker.decode import unidecode

from lakestorm.model.people import NameBook, NamePool

if TYPE_CHECKING:
    from collections.abc import Iterable

LOCALES = (
    "en_US", "en_GB", "en_IN", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pt_BR", "sv_SE", "tr_TR", "cs_CZ",
    "ru_RU", "uk_UA", "el_GR", "ja_JP", "zh_CN",
)  # fmt: skip
GENDERS = ("female", "male")


def name_book() -> NameBook:
    """Every language's names. The same lists give the same book; another version of Faker may give another."""
    return NameBook([pool_of(locale, gender) for locale in LOCALES for gender in GENDERS])


def pool_of(locale: str, gender: str) -> NamePool:
    """First names of one gender, and the surnames that go with them.

    Faker's provider classes are read, not its generator: the lists are wanted once, not a name at a time.
    """
    person = importlib.import_module(f"faker.providers.person.{locale}").Provider
    if hasattr(person, "last_name_pairs"):  # Japanese: (characters, syllables, Latin letters)
        first = [(name, latin) for name, _, latin in getattr(person, f"first_name_{gender}_pairs")]
        last = [(name, latin) for name, _, latin in person.last_name_pairs]
    else:
        spell = spelling_of(locale)
        first = [(name, name.translate(spell)) for name in getattr(person, f"first_names_{gender}")]
        surnames: Iterable[str] = getattr(person, f"last_names_{gender}", person.last_names)
        last = [(name, name.translate(spell)) for name in surnames]
    return NamePool(locale, plain_names(first), plain_names(last))


def spelling_of(locale: str) -> dict[int, Any]:
    """How a language writes its own letters in ASCII where it has a habit (ä is ae in German, a in Swedish)."""
    try:
        provider = importlib.import_module(f"faker.providers.internet.{locale}").Provider
    except ModuleNotFoundError:
        return {}
    return {ord(letter): plain for letter, plain in provider.replacements if len(letter) == 1}


def plain_names(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Pairs of a name and its small ASCII letters, each once, in an order of their own."""
    found = {name: "".join(filter(str.isalpha, unidecode(latin).lower())) for name, latin in pairs}
    return tuple(sorted(found.items()))
