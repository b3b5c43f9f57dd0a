"""JSON values back into the dataclasses they were written from; a value that does not fit is told with its place."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any, Literal, TypeVar

from lakestorm.errors import ResultsError

T = TypeVar("T")


def instance_from_json(kind: type[T], value: Any, place: str) -> T:
    """A dataclass from a JSON object; fields that are not ours are ignored, so that layouts may grow.

    Args:
        kind: the dataclass.
        value: what `json.loads` gave.
        place: where the value stands, for messages (`run.json`).

    Raises:
        ResultsError: a field without default is missing, or a value is of another type.
    """
    if not isinstance(value, dict):
        raise refusal(place, value, "an object")
    hints = typing.get_type_hints(kind)
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        if field.name in value:
            fields[field.name] = value_from_json(hints[field.name], value[field.name], f"{place}: {field.name}")
        elif field.default is field.default_factory is dataclasses.MISSING:
            raise ResultsError(f"{place} has no {field.name}: it is incomplete, or no file of this suite.")
    return kind(**fields)


def value_from_json(hint: Any, value: Any, place: str) -> Any:
    """A value of the type `hint`: a dataclass, a number, text, a list, tuple, dict or union of such, or Any."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if dataclasses.is_dataclass(hint):
        return instance_from_json(typing.cast("type[Any]", hint), value, place)
    if origin in (types.UnionType, typing.Union):
        return None if value is None else value_from_json(arguments[0], value, place)
    if origin is Literal:
        return member(arguments, value, place)
    if origin in (list, tuple, dict):
        return container_from_json(origin, arguments, value, place)
    return plain(hint, value, place)


def container_from_json(origin: type, arguments: tuple[Any, ...], value: Any, place: str) -> Any:
    """A list, a tuple of fixed length (a list in JSON), or a dict with text as keys."""
    if origin is dict:
        if not isinstance(value, dict):
            raise refusal(place, value, "an object")
        return {key: value_from_json(arguments[1], item, f"{place}: {key}") for key, item in value.items()}
    hints = arguments if origin is tuple else arguments * (len(value) if isinstance(value, list) else 0)
    if not isinstance(value, list) or len(hints) != len(value):
        raise refusal(place, value, f"a list of {len(hints)}" if origin is tuple else "a list")
    return origin(
        value_from_json(h, item, f"{place}[{i}]") for i, (h, item) in enumerate(zip(hints, value, strict=True))
    )


def member(allowed: tuple[Any, ...], value: Any, place: str) -> Any:
    """One of a few words."""
    if value not in allowed:
        raise refusal(place, value, "one of " + ", ".join(str(word) for word in allowed))
    return value


def plain(hint: type, value: Any, place: str) -> Any:
    """A number, text, or true and false; a whole number is a float too, true and false are no numbers."""
    wanted = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    fits = isinstance(value, (int, float) if hint is float else hint)
    if not fits or (isinstance(value, bool) and hint is not bool):
        raise refusal(place, value, wanted[hint])
    return float(value) if hint is float else value


def refusal(place: str, value: Any, wanted: str) -> ResultsError:
    """The error for a value that does not fit."""
    shown = repr(value)
    return ResultsError(f"{place} is {shown if len(shown) <= 40 else shown[:39] + '…'}: {wanted} is wanted.")  # noqa: PLR2004 - fits a line
