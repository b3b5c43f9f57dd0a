"""Where settings come from: the environment, `.env`, secret files; and where they are shown, which secrets are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr, ValidationError

from lakestorm.errors import SettingsError
from lakestorm.settings import (
    PostgresSettings,
    Settings,
    child_environment,
    env_example,
    env_name,
    every_field,
    problems_of,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("no_settings")


def problems() -> tuple[str, ...]:
    """What loading says is wrong."""
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    return caught.value.problems


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, no_settings: Path) -> None:
    """`.env` of the working folder is read; where both say something the environment is right."""
    (no_settings / ".env").write_text("POSTGRES_HOST=from-file\nPOSTGRES_DB=база\nPURCHASE_ZIPF=\n", encoding="utf-8")
    monkeypatch.setenv("POSTGRES_HOST", "from-environment")
    monkeypatch.setenv("PURCHASE_ZIPF", "0.5")
    settings = Settings.load()
    assert (settings.postgres.host, settings.postgres.db) == ("from-environment", "база")
    assert settings.purchase.zipf == 0.5


@pytest.mark.parametrize(
    ("content", "words"), [(b"POSTGRES_DB=\xff\xfe\n", "UTF-8"), (b"PURCHASE_MYX=1\n", "PURCHASE_MIX")]
)
def test_mistakes_in_the_file_are_told(no_settings: Path, content: bytes, words: str) -> None:
    """`.env` that cannot be read, or holds unknown names, is refused in words."""
    (no_settings / ".env").write_bytes(content)
    (problem,) = problems()
    assert words in problem


def test_a_secret_comes_from_a_file(monkeypatch: pytest.MonkeyPatch, no_settings: Path) -> None:
    """`NAME_FILE` wins over `NAME`; only the line's end is cut off, spaces and umlauts stay."""
    (no_settings / "secret").write_text(" pässword \n", encoding="utf-8")
    monkeypatch.setenv("POSTGRES_PASSWORD", "other")
    monkeypatch.setenv("POSTGRES_PASSWORD_FILE", "secret")
    assert Settings.load().postgres.password.get_secret_value() == " pässword "


def test_an_empty_file_name_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """`NAME_FILE=` is not set, as a compose file with an empty default gives it."""
    monkeypatch.setenv("POSTGRES_PASSWORD_FILE", "")
    monkeypatch.setenv("POSTGRES_PASSWORD", "plain")
    assert Settings.load().postgres.password.get_secret_value() == "plain"


def test_secrets_are_shown_nowhere(monkeypatch: pytest.MonkeyPatch, no_settings: Path) -> None:
    """Not in what results may show, not in the text of a group, not in an error about something else or itself."""
    secret = "correct horse"  # noqa: S105 - of this test alone
    (no_settings / "secret").write_text(secret + "\n")
    monkeypatch.setenv("POSTGRES_PASSWORD_FILE", "secret")
    settings = Settings.load()
    public = settings.public()
    assert set(public["POSTGRES_PASSWORD"]) == {"*"}
    assert secret not in repr(settings) + str(public) + settings.model_dump_json()
    monkeypatch.setenv("POSTGRES_PORT", "0")
    assert secret not in "".join(problems())
    (no_settings / "secret").write_bytes(secret.encode() + b"\xff")
    assert [problem.split()[0] for problem in problems()] == ["POSTGRES_PORT", "POSTGRES_PASSWORD_FILE"]
    assert secret not in "".join(problems())


def test_a_secret_that_is_refused_is_not_told() -> None:
    """Where a secret itself is the mistake, its name is told and its value is not."""
    with pytest.raises(ValidationError) as caught:
        PostgresSettings(password=[12345])  # type: ignore[arg-type]
    (problem,) = problems_of(PostgresSettings, caught.value)
    assert problem == "POSTGRES_PASSWORD is (hidden): text is wanted. Set it in .env or the environment."


def test_public_names_every_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """What results show has every setting under its environment name, and loads again to the same."""
    monkeypatch.setenv("PURCHASE_MIX", "buy:1,view:0.12345678")
    monkeypatch.setenv("WARMUP_S", "1234567.25")
    settings = Settings.load()
    public = settings.public()
    assert list(public) == [env_name(group, name) for group, name, _ in every_field()]
    assert public["PURCHASE_MIX"] == "buy:1,view:0.12345678"
    for name, text in public.items():
        if text != "**********":
            monkeypatch.setenv(name, text)
    assert Settings.load() == settings


def test_the_example_is_the_defaults(no_settings: Path) -> None:
    """Copying .env.example to .env changes nothing."""
    before = Settings.load()
    (no_settings / ".env").write_text(env_example(), encoding="utf-8")
    after = Settings.load()
    assert after == before
    assert after.postgres.password == SecretStr("postgrespw")


def test_a_child_gets_what_it_is_given(monkeypatch: pytest.MonkeyPatch, no_settings: Path) -> None:
    """Values handed to a process win over its `.env` and over secret files of ours."""
    (no_settings / "secret").write_text("from-file")
    (no_settings / ".env").write_text("POSTGRES_PASSWORD_FILE=secret\nPOSTGRES_DB=from-file\n")
    assert Settings.load().postgres.password.get_secret_value() == "from-file"
    for name, value in child_environment({"POSTGRES_PASSWORD": "given", "POSTGRES_DB": "given"}).items():
        monkeypatch.setenv(name, value)
    settings = Settings.load()
    assert (settings.postgres.password.get_secret_value(), settings.postgres.db) == ("given", "given")


def test_settings_stay_as_they_were_loaded() -> None:
    """A value that was handed down cannot be changed behind the others' backs."""
    settings = Settings.load()
    with pytest.raises(ValueError, match="frozen"):
        settings.purchase.zipf = 0.0
    assert settings.purchase.zipf > 0
