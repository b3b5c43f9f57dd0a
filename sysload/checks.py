"""What is watched: `SYSLOAD_WATCH` read into checks, every mistake told at once, no password in any name."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import SecretStr

from lakestorm.errors import SettingsError

if TYPE_CHECKING:
    from lakestorm.settings import Settings

DEFAULT_PORTS = {"http": 80, "https": 443, "postgres": 5432, "kafka": 9092}
SCHEMES = ("http", "https", "tcp", "postgres", "kafka")
OTHER_NAMES = {"postgresql": "postgres"}
WITH_PATH = ("http", "https", "postgres")
WITH_USER = ("http", "https", "postgres")
WANTED = (
    "addresses are wanted, comma between: http://host:port/path, https://host:port/path, tcp://host:port,"
    " postgres://user@host:port/database, kafka://host:port"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """One endpoint that is asked whether it is up.

    Args:
        name: its address, without password and query; what rows, metrics and messages show.
        scheme: `http`, `https`, `tcp`, `postgres` or `kafka`.
        host: name or address.
        port: TCP port.
        path: HTTP: path and query; PostgreSQL: the database.
        user: empty where none is needed.
        password: of that user.
    """

    name: str
    scheme: str
    host: str
    port: int
    path: str
    user: str
    password: SecretStr


def checks_of(settings: Settings) -> list[Check]:
    """The checks that `SYSLOAD_WATCH` names, in its order.

    What a PostgreSQL address leaves out comes from POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB.

    Raises:
        SettingsError: with a sentence for each part that cannot be used.
    """
    found: list[Check] = []
    problems: list[str] = []
    for part in filter(None, map(str.strip, settings.sysload.watch.get_secret_value().split(","))):
        try:
            check = completed(check_of(part), settings)
        except ValueError as error:
            problems.append(f'SYSLOAD_WATCH has "{without_secrets(part)}": {error}; {WANTED}.')
            continue
        if check.name in (known.name for known in found):
            problems.append(f"SYSLOAD_WATCH has {check.name} twice: each address is wanted once.")
        found.append(check)
    if problems:
        raise SettingsError(problems)
    return found


def check_of(text: str) -> Check:
    """One address; ValueError says what is wrong with it, without the address."""
    if "://" not in text:
        raise ValueError("it has no scheme")
    try:
        parts = urlsplit(text)
    except ValueError:  # its own words may quote a password
        raise ValueError("it is no address") from None
    scheme = OTHER_NAMES.get(parts.scheme, parts.scheme)
    if scheme not in SCHEMES:
        raise ValueError(f"{parts.scheme or 'nothing'} is no scheme that can be watched")
    host, port = place_of(parts, scheme)
    if parts.path.strip("/") and scheme not in WITH_PATH:
        raise ValueError(f"{scheme} takes no path")
    if parts.username and scheme not in WITH_USER:
        raise ValueError(f"{scheme} takes no user")
    path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    return Check(
        name=name_of(scheme, unquote(parts.username or ""), host, port, parts.path.rstrip("/")),
        scheme=scheme,
        host=host,
        port=port,
        path=unquote(parts.path).strip("/") if scheme == "postgres" else path,
        user=unquote(parts.username or ""),
        password=SecretStr(unquote(parts.password or "")),
    )


def place_of(parts: SplitResult, scheme: str) -> tuple[str, int]:
    """(host, port) of an address; ValueError if one is missing or cannot be."""
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError("its port is no number from 1 to 65535") from error
    port = DEFAULT_PORTS.get(scheme) if port is None else port
    if not parts.hostname:
        raise ValueError("it has no host")
    if not port:
        raise ValueError("it has no port")
    if not parts.hostname.isprintable() or any(c.isspace() for c in parts.geturl()):
        raise ValueError("it has a blank")
    try:
        parts.hostname.encode("idna")
    except UnicodeError as error:
        raise ValueError("its host is no name that can be looked up") from error
    return parts.hostname, port


def name_of(scheme: str, user: str, host: str, port: int, path: str) -> str:
    """An address as it may be shown."""
    shown_host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{user}{'@' if user else ''}{shown_host}:{port}{path}"


def without_secrets(text: str) -> str:
    """A part of the setting that is wrong, as far as it can hold no password: the user info and the query left out."""
    scheme, mark, rest = text.partition("://")
    if not mark:
        return text if "@" not in text and "?" not in text else f"…{text.rpartition('@')[2].partition('?')[0]}"
    hidden = "…@" if "@" in rest else ""
    return f"{scheme}://{hidden}{rest.rpartition('@')[2].partition('?')[0]}"


def completed(check: Check, settings: Settings) -> Check:
    """A PostgreSQL check with what its address leaves out; any other as it is."""
    if check.scheme != "postgres":
        return check
    shop = settings.postgres
    user, database = check.user or shop.user, check.path or shop.db
    return dataclasses.replace(
        check,
        name=name_of(check.scheme, user, check.host, check.port, f"/{database}"),
        user=user,
        path=database,
        password=check.password if check.password.get_secret_value() else shop.password,
    )
