"""Files with certificate authorities, looked at before a client takes them: clients do not say which file is wrong."""

from __future__ import annotations

from pathlib import Path

from lakestorm.errors import SettingsError


def require_certificates(name: str, location: str) -> None:
    """Check a setting that names a file of certificates, or a folder of them; empty is the system's.

    Raises:
        SettingsError: the file cannot be read.
    """
    path = Path(location)
    try:
        if location and not path.is_dir():
            path.open("rb").close()
    except OSError as error:
        wanted = "A readable file of certificates in PEM is wanted (empty = the system's)"
        problem = f'{name} is "{path}": {error.strerror}. {wanted}. Set it in .env or the environment.'
        raise SettingsError([problem]) from error
