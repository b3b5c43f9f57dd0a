"""All settings together: loaded, checked, and written as `.env.example`."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from lakestorm.errors import SettingsError
from lakestorm.settings.containers import ContainerSettings
from lakestorm.settings.environment import environment
from lakestorm.settings.group import Group, Unreadable, env_name
from lakestorm.settings.pipeline import PipelineSettings
from lakestorm.settings.run import ReplaySettings, RunSettings, WebSettings
from lakestorm.settings.shop import FlashSaleSettings, PostgresSettings, PurchaseSettings, SeedSettings
from lakestorm.settings.streams import KafkaSettings, LoginSettings, SchemaSettings
from lakestorm.settings.sysload import MinioSettings, SysloadSettings
from lakestorm.settings.words import text_of, wanted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.fields import FieldInfo


class Settings(BaseModel):
    """All groups, loaded once at the edge and passed down as values."""

    model_config = ConfigDict(frozen=True)

    run: RunSettings
    seed: SeedSettings
    postgres: PostgresSettings
    purchase: PurchaseSettings
    flashsale: FlashSaleSettings
    kafka: KafkaSettings
    registry: SchemaSettings
    login: LoginSettings
    replay: ReplaySettings
    web: WebSettings
    containers: ContainerSettings
    pipeline: PipelineSettings
    minio: MinioSettings
    sysload: SysloadSettings

    GUARDED_PREFIXES: ClassVar = ("PURCHASE_", "FLASHSALE_", "LOGIN_", "SYSLOAD_")
    """An unknown name with one of these is a typing mistake; other prefixes belong to the platform's `.env` too."""

    @classmethod
    def load(cls) -> Self:
        """Read `.env` and the environment; raises SettingsError with every mistake in them."""
        problems = list(misspelt(environment()))
        groups: dict[str, Group] = {}
        for name, field in cls.model_fields.items():
            try:
                groups[name] = field.annotation()  # type: ignore[misc]
            except ValidationError as error:
                problems += problems_of(field.annotation, error)  # type: ignore[arg-type]
        if problems:
            raise SettingsError(problems)
        return cls(**groups)  # type: ignore[arg-type]

    def public(self) -> dict[str, Any]:
        """{environment name: value} of every setting, secrets as `**********`; what results may show."""
        return {
            env_name(type(group), name): text_of(getattr(group, name))
            for _, group in self
            for name in type(group).model_fields
        }


def every_field() -> Iterator[tuple[type[Group], str, FieldInfo]]:
    """(group, field name, field) of every setting, in the order of `.env.example`."""
    for outer in Settings.model_fields.values():
        group: type[Group] = outer.annotation  # type: ignore[assignment]
        for name, field in group.model_fields.items():
            yield group, name, field


def usual_values() -> dict[str, str]:
    """{environment name: value} of every setting where nobody says anything, as `public` shows them."""
    return {env_name(group, name): text_of(field.default) for group, name, field in every_field()}


def misspelt(env: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each name that only looks like one of ours."""
    known = [env_name(group, name) for group, name, _ in every_field()]
    known += [f"{name}_FILE" for name in known]
    for name in sorted(env):
        if name.startswith(Settings.GUARDED_PREFIXES) and name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f" Did you mean {near[0]}?" if near else " See .env.example."
            yield f"{name} is not a setting.{hint}"


SET_IT = "Set it in .env or the environment."


def problems_of(group: type[Group], error: ValidationError, *, mend: str = SET_IT) -> Iterator[str]:
    """A sentence for each value that pydantic refused; `mend` says what to do about it."""
    for detail in error.errors(include_url=False):
        if isinstance(detail["input"], Unreadable):
            yield detail["input"].problem
            continue
        field = str(detail["loc"][0])
        name = env_name(group, field.removeprefix(group.model_config.get("env_prefix", "").lower()))
        info = next(f for g, n, f in every_field() if env_name(g, n) == name)
        value = "(hidden)" if info.annotation is SecretStr else f'"{text_of(detail["input"])}"'
        yield f"{name} is {value}: {wanted(info)} is wanted. {mend}"


def env_example() -> str:
    """The text of `.env.example`: every setting with what it is for, what it takes, and its default."""
    lines = ["# Settings of lakestorm. Copy to .env and change what you need; the environment wins over .env."]
    lines += ["# Any NAME may be given as NAME_FILE, a file that holds the value. Written by `make env`."]
    seen: set[type[Group]] = set()
    for group, name, field in every_field():
        if group not in seen:
            seen.add(group)
            lines += ["", f"# --- {str(group.__doc__).rstrip('.')} ---"]
        default = field.default
        shown = default.get_secret_value() if isinstance(default, SecretStr) else text_of(default)
        lines += [f"# {field.description} Takes {wanted(field)}.", f"{env_name(group, name)}={shown}"]
    return "\n".join(lines) + "\n"
