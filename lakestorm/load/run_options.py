"""Settings that a person changes from one run to the next: options of the command line, fields of the start form.

Locust makes a field of its form of every option that is added to the parser itself. Their values are texts, as in
`.env`, and become settings in one place, so that a wrong one is told in the same words wherever it was given.
"""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any, Literal

from lakestorm.settings import every_field, overridden
from lakestorm.settings.group import env_name

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable, Mapping

    from pydantic.fields import FieldInfo

    from lakestorm.settings import Settings

OF_SCENARIO: Mapping[str, tuple[str, ...]] = {
    "flashsale": (
        "PURCHASE_GEN_EVERY_MS", "PURCHASE_MODE", "PURCHASE_HOT_SHARE", "FLASHSALE_STOCK", "FLASHSALE_OPENS_AFTER_S",
    ),
    "login": ("LOGIN_GEN_EVERY_MS", "LOGIN_ANOMALY_RATIO"),
    "catalogue": ("CATALOGUE_EDIT_EVERY_MS",),
}  # fmt: skip
"""By scenario, the settings that have an option: few, because each is one more field to read."""
NAMES = tuple(name for names in OF_SCENARIO.values() for name in names)
MEND = "Correct the field or the option."


def add_options(parser: ArgumentParser, settings: Settings, scenarios: Iterable[str]) -> None:
    """Add the options of these scenarios, with the settings as defaults."""
    texts = settings.public()
    fields = {env_name(group, name): field for group, name, field in every_field()}
    for scenario in scenarios:
        for name in OF_SCENARIO.get(scenario, ()):
            parser.add_argument(
                f"--{name.lower().replace('_', '-')}",
                default=texts[name],
                choices=choices_of(fields[name]),
                metavar=None if choices_of(fields[name]) else "VALUE",
                help=about(fields[name]),
            )


def overrides_of(options: Namespace | None) -> dict[str, str]:
    """{environment name: text} of the options that there are, as the command line or the form gave them."""
    found = {name: getattr(options, name.lower(), None) for name in NAMES}
    return {name: str(value) for name, value in found.items() if value is not None}


def settings_of_run(settings: Settings, options: Namespace | None) -> Settings:
    """What the run that begins goes by: the settings, and what its options say instead.

    Raises:
        SettingsError: with every option that is wrong.
    """
    return overridden(settings, overrides_of(options), mend=MEND)


def choices_of(field: FieldInfo) -> list[str] | None:
    """What a field may be, where that is one of a few words."""
    annotation: Any = field.annotation
    return list(typing.get_args(annotation)) if typing.get_origin(annotation) is Literal else None


def about(field: FieldInfo) -> str:
    """Unit and special values, else what it is for: the form has this behind the name as the field's label."""
    extra: dict[str, str] = field.json_schema_extra  # type: ignore[assignment]
    units = "; ".join(part for part in (extra["unit"], extra["note"]) if part)
    return (units or str(field.description).rstrip(".")).replace("%", "%%")
