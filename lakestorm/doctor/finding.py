"""What the doctor finds: sentences, each with what mends it, gathered by service."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

PLAIN = re.compile(r"[a-z_][a-z0-9_]*", re.ASCII)
Level = Literal["ok", "note", "wrong"]


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        level: `wrong` keeps a run from doing what the settings ask for; a `note` is worth knowing.
        says: a sentence.
        mend: a command or statement that mends it, as it can be pasted; empty if nothing needs mending.
    """

    level: Level
    says: str
    mend: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Checkup:
    """One service, as it was found.

    Attributes:
        service: its name.
        where: its address.
        version: of the service; empty where it does not tell.
        round_trip_ms: of its smallest question; None if it did not answer.
        findings: in the order in which they were looked at.
    """

    service: str
    where: str
    version: str = ""
    round_trip_ms: float | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong."""
        return all(finding.level != "wrong" for finding in self.findings)


def ok(says: str) -> Finding:
    """Something is as it should be."""
    return Finding("ok", says)


def note(says: str, mend: str = "") -> Finding:
    """Something is worth knowing."""
    return Finding("note", says, mend)


def wrong(says: str, mend: str = "") -> Finding:
    """Something is wrong."""
    return Finding("wrong", says, mend)


def quoted(name: str) -> str:
    """A name as SQL takes it: as it is where it can be, else in quotes."""
    if PLAIN.fullmatch(name):
        return name
    return '"' + name.replace('"', '""') + '"'


def named(names: Iterable[str]) -> str:
    """Names as SQL takes them, comma between; parts of a name with a dot between are quoted each."""
    return ", ".join(".".join(map(quoted, name.split("."))) for name in names)
