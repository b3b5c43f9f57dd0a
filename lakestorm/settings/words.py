"""A setting in words: what it takes, and how a value of it looks in `.env`."""

from __future__ import annotations

import types
import typing
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr

if typing.TYPE_CHECKING:
    from pydantic.fields import FieldInfo


def setting(default: Any, about: str, *, unit: str = "", note: str = "", **bounds: Any) -> Any:
    """A field with what `.env.example` and an error message need to explain it.

    Args:
        default: its value where nothing is set.
        about: one sentence, what it is for.
        unit: of the number, in words ("milliseconds").
        note: what a special value means ("0 = never").
        bounds: `ge`, `gt`, `le`, `lt`, as pydantic takes them.
    """
    return Field(default=default, description=about, json_schema_extra={"unit": unit, "note": note}, **bounds)


def wanted(field: FieldInfo) -> str:
    """What a setting takes, in words: kind, unit, bounds, special values."""
    extra: dict[str, str] = field.json_schema_extra  # type: ignore[assignment]
    unit = f" of {extra['unit']}" if extra["unit"] else ""
    note = f" ({extra['note']})" if extra["note"] else ""
    return f"{kind_of(field.annotation)}{unit}{bounds_of(field)}{note}"


def kind_of(annotation: Any) -> str:
    """A type in words."""
    origin = typing.get_origin(annotation)
    if origin is Literal:
        return "one of " + ", ".join(typing.get_args(annotation))
    if origin in (types.UnionType, typing.Union):
        return kind_of(typing.get_args(annotation)[0])
    kinds = {
        bool: "1 or 0",
        int: "a whole number",
        float: "a number",
        str: "text",
        Path: "a path",
        SecretStr: "text",
    }
    return kinds.get(annotation, "a list")


def bounds_of(field: FieldInfo) -> str:
    """Bounds of a number as `≥ 0, ≤ 9`, or that text must not be empty."""
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    found = [
        f"{sign} {value}"
        for rule in field.metadata
        for attribute, sign in signs.items()
        if (value := getattr(rule, attribute, None)) is not None
    ]
    if any(getattr(rule, "min_length", None) for rule in field.metadata):
        found.append("not empty")
    return f" {', '.join(found)}" if found else ""


def text_of(value: object) -> str:
    """A value as it would stand in `.env`; a secret as stars."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, dict):
        return ",".join(f"{k}:{text_of(v)}" for k, v in value.items())
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
