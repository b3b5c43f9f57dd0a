"""The load shapes of a checkout, loaded by the very function that Locust loads them with."""

from __future__ import annotations

import difflib
import inspect
from pathlib import Path
from typing import TYPE_CHECKING

from locust.util.load_locustfile import load_locustfile
from locust.util.timespan import parse_timespan

from lakestorm.errors import UsageError
from lakestorm.load.shape import ProfileShape

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parents[2] / "loadshapes"


def shape_files(folder: Path = FOLDER) -> dict[str, Path]:
    """{name: file} of every shape, sorted; raises UsageError where there is none."""
    files = {file.stem: file for file in sorted(folder.glob("*.py"))}
    if not files:
        raise UsageError(f"There are no load shapes in {folder}: shapes are files of a checkout, in loadshapes/.")
    return files


def chosen(files: Mapping[str, Path], name: str | None) -> dict[str, Path]:
    """The file of one name, or all where there is no name; raises UsageError if it does not exist."""
    if name is None:
        return dict(files)
    if name not in files:
        near = difflib.get_close_matches(name, files, 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UsageError(f"There is no load shape {name}.{hint} There are {', '.join(files)}.")
    return {name: files[name]}


def load_shape(file: Path) -> ProfileShape:
    """The one concrete shape in a file; raises UsageError if there is none, or more."""
    _, shapes = load_locustfile(str(file))
    if len(shapes) != 1 or not isinstance(shapes[0], ProfileShape):
        names = ", ".join(type(shape).__name__ for shape in shapes) or "none"
        raise UsageError(f"{file} holds {names}: exactly one concrete subclass of ProfileShape is wanted.")
    return shapes[0]


def about(shape: ProfileShape) -> str:
    """What a shape is for: the first line of its file."""
    module = inspect.getmodule(type(shape))
    return (inspect.getdoc(module) or "").partition("\n")[0]


def seconds_from_text(text: str) -> int:
    """A run time as `-t` takes it; raises UsageError."""
    try:
        return parse_timespan(text)  # type: ignore[no-any-return]
    except ValueError as error:
        raise UsageError(f'The run time (-t) is "{text}"; 20, 20s, 3m, 2h, 1h20m or the like is wanted.') from error
