"""Who shops: user i's name, e-mail address and standing, from (seed, i) alone."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING

import numpy as np

from lakestorm.model.draws import below, draw, rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakestorm.model.draws import Numbers, Words

VERSION = 1
"""Of the rules below; a change that gives any user another row is a new version."""

VIPS_OF_1000 = 50
DOMAINS = ("example.com", "example.net", "example.org", "mail.example", "post.example", "webmail.example")
"""Reserved by RFC 2606: nothing sent to a user of ours can reach a person."""
SEPARATORS = (".", "_", "-", "")


@dataclasses.dataclass(frozen=True, slots=True)
class NamePool:
    """Names that go together: those of one language, and of one gender where surnames follow it.

    Args:
        locale: as Faker spells it ("cs_CZ").
        first_names: (as written, in small ASCII letters) pairs.
        last_names: the same.
    """

    locale: str
    first_names: tuple[tuple[str, str], ...]
    last_names: tuple[tuple[str, str], ...]


class NameBook:
    """All pools, laid out so that a column of names is one gather.

    Raises:
        ValueError: a pool has no names, or a name's ASCII form is not small letters only (addresses could then be
            equal), or a name would need escaping in COPY's text.
    """

    def __init__(self, pools: Sequence[NamePool]) -> None:
        self.size = len(pools)
        self.first_names = NameColumn([pool.first_names for pool in pools])
        self.last_names = NameColumn([pool.last_names for pool in pools])
        self.words = [*self.first_names.plain, *(name[0] for name in self.first_names.plain), *self.last_names.plain]
        """What an address is made of: first names, their initials, last names."""
        self.recipe = hashlib.blake2b(repr((VERSION, list(pools))).encode(), digest_size=8).hexdigest()
        """Changes whenever a user's row might."""


class NameColumn:
    """The first names, or the last names, of all pools one after the other."""

    def __init__(self, pools: Sequence[Sequence[tuple[str, str]]]) -> None:
        self.written = [written for pool in pools for written, _ in pool]
        self.plain = [plain for pool in pools for _, plain in pool]
        self._sizes = np.array([len(pool) for pool in pools], dtype=np.int64)
        self._starts = np.cumsum(self._sizes) - self._sizes
        wrong = [pair for pair in zip(self.written, self.plain, strict=True) if not _is_usable(*pair)]
        if wrong or not self._sizes.size or not self._sizes.all():
            raise ValueError(f"names that cannot be used: {wrong or 'an empty list'}")

    def choose(self, words: Words, pools: Numbers) -> Numbers:
        """For each draw the index of a name of the row's pool; all shapes (n,)."""
        return self._starts[pools] + below(words, self._sizes[pools])


def _is_usable(written: str, plain: str) -> bool:
    is_word = plain.isascii() and plain.isalpha() and plain.islower()
    return is_word and bool(written.strip()) and written.isprintable() and "\\" not in written


@dataclasses.dataclass(frozen=True, slots=True)
class Users:
    """Columns of consecutive users, all of one length."""

    ids: list[int]
    first_names: list[str]
    last_names: list[str]
    emails: list[str]
    are_vip: list[bool]


def users(seed: int, first_id: int, count: int, book: NameBook) -> Users:
    """The users first_id … first_id + count - 1."""
    ids = rows(first_id, count)
    pools = below(draw(seed, "users.pool", ids), book.size)
    firsts = book.first_names.choose(draw(seed, "users.first_name", ids), pools)
    lasts = book.last_names.choose(draw(seed, "users.last_name", ids), pools)
    return Users(
        ids=ids.tolist(),
        first_names=gather(book.first_names.written, firsts),
        last_names=gather(book.last_names.written, lasts),
        emails=_emails(draw(seed, "users.email", ids), ids, (firsts, lasts), book),
        are_vip=(below(draw(seed, "users.is_vip", ids), 1000) < VIPS_OF_1000).tolist(),
    )


def _emails(words: Words, ids: Words, names: tuple[Numbers, Numbers], book: NameBook) -> list[str]:
    """Addresses that end in their user's id, which no name contains: they differ whenever ids do.

    One of anna.kowalska7@…, a.kowalska7@…, kowalska.anna7@…, with another separator or none.
    """
    firsts, lasts = names
    initials, lasts = firsts + len(book.first_names.plain), lasts + 2 * len(book.first_names.plain)
    styles = below(words, 3 * len(SEPARATORS) * len(DOMAINS))
    orders, styles = styles % 3, styles // 3
    left = gather(book.words, np.choose(orders, [firsts, initials, lasts]))
    right = gather(book.words, np.choose(orders, [lasts, lasts, firsts]))
    between = gather(SEPARATORS, styles % len(SEPARATORS))
    domains = gather(DOMAINS, styles // len(SEPARATORS))
    parts = zip(left, between, right, ids.tolist(), domains, strict=True)
    return [f"{a}{sep}{b}{number}@{domain}" for a, sep, b, number, domain in parts]


def gather(values: Sequence[str], indices: Numbers) -> list[str]:
    """The value at each index; numpy's own string arrays take longer, and more memory."""
    return [values[i] for i in indices.tolist()]
