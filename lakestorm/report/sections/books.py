"""The ledger as an equation with numbers in it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from lakestorm.record.figures import grouped
from lakestorm.report.words import words
from lakestorm.verdict.change_ledger import FAULTS
from lakestorm.verdict.ledger import WRONG

if TYPE_CHECKING:
    from lakestorm.record.folder import Results

BAD = {*WRONG, *FAULTS}
"""Entries that should be 0."""
STATES = {"closed": "The books balance.", "open": "The books do not balance.", "unknown": "The books cannot be judged."}
TERMS = (("", "stock_start", "in stock at the start"), ("+", "restocked", "restocked"),
         ("−", "stock_now", "left"), ("=", "net_sold", "sold, less what was cancelled"))  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Term:
    """One number of the equation with the sign before it."""

    sign: str
    value: str
    label: str


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """Another number of the books; `bad` if it should be 0 and is not."""

    label: str
    value: str
    bad: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What the audit found."""

    answer: str
    terms: list[Term]
    entries: list[Entry]
    samples: dict[str, list[str]]


def books(results: Results) -> Books | None:
    """None where no books were kept."""
    ledger = results.ledger
    if not ledger:
        return None
    again = results.run.ledger.get("state", ledger["state"]) != ledger["state"]
    said = [
        STATES.get(ledger.get("state", ""), ""),
        *ledger.get("reasons", []),
        "They were audited again after the verdict was given." if again else "",
    ]
    return Books(
        answer=" ".join(sentence for sentence in said if sentence),
        terms=terms(ledger),
        entries=entries(ledger),
        samples=samples(ledger),
    )


def terms(ledger: dict[str, Any]) -> list[Term]:
    """The stock equation; empty where the books know no stock."""
    if any(key not in ledger for _, key, _ in TERMS):
        return []
    left = ledger["stock_start"] + ledger["restocked"] - ledger["stock_now"]
    found = [Term(sign, grouped(ledger[key]), label) for sign, key, label in TERMS]
    return found if left == ledger["net_sold"] else [*found[:3], dataclasses.replace(found[3], sign="≠")]


def entries(ledger: dict[str, Any]) -> list[Entry]:
    """Every other number, those of words.toml first and in its order."""
    shown = {key for _, key, _ in TERMS}
    known = words()["ledger"]
    keys = [key for key in (*known, *ledger) if isinstance(ledger.get(key), int) and key not in shown]
    return [
        Entry(known.get(key, key.replace("_", " ")), grouped(ledger[key]), bad=key in BAD and ledger[key] != 0)
        for key in dict.fromkeys(keys)
    ]


def samples(ledger: dict[str, Any]) -> dict[str, list[str]]:
    """References and items where something is wrong, by what is."""
    known = words()["ledger"]
    found = {known.get(key, key): list(map(str, of)) for key, of in ledger.get("samples", {}).items() if of}
    for key, label in (("oversold_items", "oversold"), ("mismatch_items", "mismatch")):
        if ledger.get(key):
            found[f"items: {known[label]}"] = [f"{item} ({units})" for item, units in ledger[key].items()]
    return found
