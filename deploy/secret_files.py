"""Secrets as the files that docker compose mounts: written from the settings, into `secrets/` beside the compose file.

What is set in `.env` or the environment is written anew each time; a setting whose `NAME_FILE` names a file already
is left to that file. The web page's password is made up once where there is none, and kept.

The folder is its owner's alone. The files in it can be read by all who get that far: a container mounts one such file,
and its user is another than the host's.
"""  # noqa: INP001 - a script, imported by nothing

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lakestorm.errors import SettingsError, exit_on_error
from lakestorm.settings import Settings, environment

if TYPE_CHECKING:
    from pydantic import SecretStr

FOLDER = Path("secrets")
OWNER_ONLY, READABLE = 0o700, 0o644
WEB = "WEB_PASSWORD"


def secret_settings(settings: Settings) -> dict[str, SecretStr]:
    """{setting: secret} of every secret that a container of ours is given."""
    return {
        "POSTGRES_PASSWORD": settings.postgres.password,
        "KAFKA_SASL_PASSWORD": settings.kafka.sasl_password,
        "SCHEMA_REGISTRY_BASIC_AUTH": settings.registry.registry_basic_auth,
        "MINIO_SECRET_KEY": settings.minio.secret_key,
        "SYSLOAD_WATCH": settings.sysload.watch,
        WEB: settings.web.password,
    }


def write_all(settings: Settings, folder: Path) -> list[str]:
    """Write what is not in a file of the user's own; returns a line for what people need to know.

    Raises:
        SettingsError: the folder cannot be written.
    """
    known = environment()
    told: list[str] = []
    try:
        folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
        for name, secret in secret_settings(settings).items():
            file, text = folder / name.lower(), secret.get_secret_value()
            if known.get(f"{name}_FILE"):
                continue
            if name == WEB and not text:
                text = kept_or_new(file)
                user = settings.web.username or "lakestorm"
                told.append(f"The web page's password is in {file}; its user is {user}.")
            file.write_text(text, encoding="utf-8")
            file.chmod(READABLE)
    except OSError as error:
        raise SettingsError([f"{folder} is where secrets go, and cannot be written: {error.strerror}."]) from error
    return told


def kept_or_new(file: Path) -> str:
    """The password that was made up before, or one that is made up now."""
    return (file.read_text(encoding="utf-8") if file.exists() else "") or secrets.token_urlsafe(18)


def main() -> int:
    """Write them; returns the exit code."""
    for line in write_all(Settings.load(), FOLDER):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(exit_on_error(main))
