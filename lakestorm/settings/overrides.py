"""Settings with some values replaced for one run, checked as they are when they are loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from lakestorm.errors import SettingsError
from lakestorm.settings.everything import Settings, problems_of
from lakestorm.settings.group import env_name
from lakestorm.settings.words import text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakestorm.settings.group import Group


def overridden(settings: Settings, values: Mapping[str, str], *, mend: str) -> Settings:
    """The settings with these values in place of their own; whatever is not named stays as it was loaded.

    Args:
        settings: as loaded at the edge; they are not changed.
        values: {environment name: text as it would stand in `.env`}.
        mend: last sentence of each problem, what to do about it.

    Raises:
        SettingsError: with every value that is wrong.
        LookupError: a name is not a setting.
    """
    problems: list[str] = []
    groups: dict[str, Group] = {}
    left = dict(values)
    for where, group in settings:
        asked = {field: left.pop(name) for field, name in names_of(group).items() if name in left}
        changed = {field: text for field, text in asked.items() if text.strip() != text_of(getattr(group, field))}
        try:
            groups[where] = replaced(group, changed) if changed else group
        except ValidationError as error:
            problems += problems_of(type(group), error, mend=mend)
    if left:
        raise LookupError(f"Not settings: {', '.join(sorted(left))}.")
    if problems:
        raise SettingsError(problems)
    return Settings(**groups)  # type: ignore[arg-type]


def names_of(group: Group) -> dict[str, str]:
    """{field: environment name} of a group."""
    return {field: env_name(type(group), field) for field in type(group).model_fields}


def replaced(group: Group, changed: Mapping[str, str]) -> Group:
    """A group with some fields read anew. All fields are given, so that nothing is read from the environment again."""
    kept: dict[str, Any] = {field: getattr(group, field) for field in type(group).model_fields}
    return type(group)(**(kept | {field: text.strip() for field, text in changed.items()}))
