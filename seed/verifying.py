"""Proof, by counting, that the shop is what was asked for: constraints may be missing, or wrong, or not validated."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lakestorm.clients.postgres import Backend


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """Something that must hold.

    Args:
        holds: what is so when it does.
        fault: what there are so many of when it does not.
        offenders: a query whose single number is how many; its parameters are `items`, `users` and `seed`.
    """

    holds: str
    fault: str
    offenders: str


def _counted(table: str) -> Check:
    return Check(
        f"{table}: ids 1 to {{{table}:,}} are all there",
        f"of {{{table}:,}} {table} missing",
        f"SELECT %({table})s - count(DISTINCT id) FROM {table} WHERE id BETWEEN 1 AND %({table})s",  # noqa: S608
    )


def _noted(table: str) -> Check:
    return Check(
        f"{table}: filled with RANDOM_SEED {{seed}}, {{{table}:,}} rows and no more",
        f"notes on {table} that say another seed or count, or none at all",
        "SELECT 1 - count(*) FROM lakestorm_seed"  # noqa: S608
        f" WHERE table_name = '{table}' AND random_seed = %(seed)s AND row_count = %({table})s",
    )


def _unique(table: str, column: str) -> Check:
    return Check(
        f"{table}: {column} is there and differs in every row",
        f"values of {table}.{column} that are null or stand more than once",
        f"SELECT count(*) FROM (SELECT 1 FROM {table} GROUP BY {column}"  # noqa: S608
        f" HAVING count(*) > 1 OR {column} IS NULL) AS repeated",
    )


def _points(table: str, column: str, target: str) -> Check:
    return Check(
        f"{table}: every {column} points at one of the {target}",
        f"{table} whose {column} points at no row of {target}",
        f"SELECT count(*) FROM {table} WHERE NOT EXISTS"  # noqa: S608
        f" (SELECT FROM {target} WHERE {target}.id = {table}.{column})",
    )


def _none(table: str, holds: str, condition: str) -> Check:
    return Check(
        f"{table}: {holds}",
        f"{table} where that is not so: {holds}",
        f"SELECT count(*) FROM {table} WHERE NOT coalesce({condition}, false)",  # noqa: S608
    )


CHECKS = (
    _counted("users"),
    _counted("items"),
    _noted("users"),
    _noted("items"),
    _unique("users", "id"),
    _unique("users", "email"),
    _unique("items", "id"),
    _unique("purchases", "id"),
    _unique("purchases", "order_ref"),
    _unique("restocks", "restock_ref"),
    _points("purchases", "user_id", "users"),
    _points("purchases", "item_id", "items"),
    _points("restocks", "item_id", "items"),
    _none("items", "stock is 0 or more", "inventory >= 0"),
    _none("items", "prices are above 0", "price > 0"),
    _none("items", "categories are known", "category IN ('widgets', 'gadgets', 'doodads', 'clearance')"),
    _none("purchases", "quantities are above 0", "quantity > 0"),
    _none("purchases", "status is placed or cancelled", "status IN ('placed', 'cancelled')"),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: a line for people, and whether it holds."""

    line: str
    holds: bool


def verify(backend: Backend, counts: dict[str, int], seed: int) -> list[Finding]:
    """Run every check on one snapshot.

    Args:
        backend: a connection in autocommit.
        counts: rows asked for of `items` and `users`.
        seed: RANDOM_SEED.
    """
    values = {**counts, "seed": seed}
    found = []
    with backend, backend.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for check in CHECKS:
            cursor.execute(check.offenders, values)
            found.append(_finding(check, int((cursor.fetchone() or (0,))[0]), values))
    return found


def _finding(check: Check, offenders: int, values: dict[str, int]) -> Finding:
    if offenders:
        return Finding(f"WRONG  {offenders:,} {check.fault.format_map(values)}", holds=False)
    return Finding(f"ok     {check.holds.format_map(values)}", holds=True)
