"""What scenarios call their things: `words.toml`, read once."""

from __future__ import annotations

import functools
import importlib.resources
import tomllib
from typing import Any


@functools.cache
def words() -> dict[str, Any]:
    """The tables of words.toml."""
    text = importlib.resources.files("lakestorm.report").joinpath("words.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def code_in_words(code: str) -> str:
    """What an error code means; empty where that is not known."""
    return str(words()["codes"].get(code, ""))


def question_of(probe: str) -> str:
    """The question that a probe answers."""
    return str(words()["probes"].get(probe, {}).get("question", f"What did the probe {probe} read?"))


def reading_in_words(probe: str, name: str) -> str:
    """What a probe's number is; of one among many also which."""
    names = words()["probes"].get(probe, {}).get("names", {})
    kind, _, which = name.partition(".")
    if name not in names and kind in names:
        return f"{names[kind]}, {which}"
    return str(names.get(name, f"{probe} {name}"))


def end_in_words(stopped_by: str) -> str:
    """Why a load ended."""
    return str(words()["stopped_by"].get(stopped_by, stopped_by))
