"""The only reader of the environment and of `.env`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dotenv import dotenv_values

from lakestorm.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping


def environment() -> Mapping[str, str]:
    """`.env` of the working folder, overridden by the environment; raises SettingsError if it cannot be read."""
    try:
        return {**{k: v or "" for k, v in dotenv_values(".env").items()}, **os.environ}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f".env: {unread(error)}"]) from error


def unread(error: OSError | UnicodeDecodeError) -> str:
    """Why a file could not be read, and what is wanted; what stands in it is not told."""
    reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
    return f"{reason}. A readable file of UTF-8 text is wanted."


def child_environment(values: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that we start: ours, and these values, which no `.env` or secret file overrides."""
    files = {f"{name}_FILE": "" for name in values if not name.endswith("_FILE")}
    return {**os.environ, **files, **values}
