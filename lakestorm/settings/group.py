"""A group of settings: where their values come from, and how they are named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from lakestorm.settings.environment import environment, unread

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


class Unreadable:
    """Stands where a secret's file could not be read: no setting takes it, so it is told with all other mistakes."""

    def __init__(self, problem: str) -> None:
        self.problem = problem


class SecretFiles(PydanticBaseSettingsSource):
    """Reads `NAME` from the file that `NAME_FILE` names, as container secrets come."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - as the base class has it
        """The file's text without its last line end, Unreadable, or None where `NAME_FILE` is not set."""
        name = env_name(self.settings_cls, field_name)
        path = environment().get(f"{name}_FILE")
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").rstrip("\r\n"), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            return Unreadable(f'{name}_FILE is "{path}": {unread(error)}'), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Values found in files, by field name."""
        found = ((name, self.get_field_value(f, name)[0]) for name, f in self.settings_cls.model_fields.items())
        return {name: value for name, value in found if value is not None}


class Group(BaseSettings):
    """Settings that share a prefix."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True, allow_inf_nan=False
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then secret files, then the environment, then `.env`."""
        return init_settings, SecretFiles(settings_cls), env_settings, dotenv_settings


def env_name(group: type[BaseSettings], field: str) -> str:
    """The field's name in the environment."""
    return f"{group.model_config.get('env_prefix', '')}{field}".upper()
