"""Emptying the shop."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import psycopg2

from lakestorm.errors import PlatformError, UsageError
from seed.loading import alone
from seed.schema import words_of

if TYPE_CHECKING:
    from lakestorm.clients.postgres import Backend
    from lakestorm.settings import PostgresSettings


def erase(backend: Backend, settings: PostgresSettings, *, is_sure: bool) -> bool:
    """Empty the tables that the seed filled, purchases with them; False if the person said no.

    The tables stay, and with them publications and rights.

    Raises:
        UsageError: nobody is there to ask, and `is_sure` is False.
        PlatformError: the seed wrote nothing here, or the server refuses.
    """
    _refuse_foreign(backend)
    where = f"{settings.db} at {settings.host}:{settings.port}"
    if not is_sure and not _is_agreed(where, _counts(backend)):
        return False
    try:
        with alone(backend), backend, backend.cursor() as cursor:
            cursor.execute("TRUNCATE users, items, purchases, restocks, lakestorm_seed RESTART IDENTITY")
    except psycopg2.Error as error:
        raise PlatformError(
            f"The tables of {where} could not be emptied; all is as it was. {words_of(error)}"
        ) from error
    return True


def _refuse_foreign(backend: Backend) -> None:
    with backend.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM lakestorm_seed")
        if cursor.fetchone() == (0,):
            raise PlatformError("There is nothing to erase: no row here was written by this seed.")


def _counts(backend: Backend) -> str:
    with backend.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM items), (SELECT count(*) FROM purchases)"
        )
        users, items, purchases = cursor.fetchone() or (0, 0, 0)
    return f"{users:,} users, {items:,} items and {purchases:,} purchases"


def _is_agreed(where: str, what: str) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("erase asks before it deletes, and there is no terminal to ask on. Say --yes if you are sure.")
    print(f"Delete all {what} from {where}? Type yes: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() == "yes"
