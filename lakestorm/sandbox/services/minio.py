"""MinIO, an object store with S3's API: one on PATH, or built once by Go; one drive, no console, no calls home."""

from __future__ import annotations

import http.client
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from lakestorm.sandbox import go_programs
from lakestorm.sandbox.process_service import ProcessService
from lakestorm.sandbox.service import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROGRAM = go_programs.GoProgram("minio", "github.com/minio/minio")
BUCKET = "lakestorm"
ANSWER_S = 5
QUIET = {"MINIO_BROWSER": "off", "MINIO_UPDATE": "off", "MINIO_CALLHOME_ENABLE": "off"}


class Minio(ProcessService):
    """One server with credentials of its own; a bucket is made by whoever needs it."""

    name = "minio"

    def env(self) -> dict[str, str]:
        """See Service."""
        facts = self.home.recall()
        if "secret_key" not in facts:
            return {}
        return {
            "MINIO_URL": f"http://{LOOPBACK}:{facts['port']}",
            "MINIO_ACCESS_KEY": facts["access_key"],
            "MINIO_SECRET_KEY": facts["secret_key"],
            "MINIO_BUCKET_NAME": BUCKET,
        }

    @property
    def _mark(self) -> str:
        """See ProcessService. A folder without certificates: it speaks plain HTTP, whatever the user's own has."""
        return f"--certs-dir={self.home.folder / 'certificates'}"

    def _ready(self) -> list[Path]:
        """See ProcessService."""
        return [on_path() or go_programs.ready(PROGRAM)]

    def _command(self, files: Sequence[Path]) -> tuple[list[str], Mapping[str, str]]:
        """See ProcessService. The credentials stand in its environment, not in its command line, which all can read."""
        facts = self.home.recall()
        if "secret_key" not in facts:
            facts |= {"access_key": f"lakestorm-{secrets.token_hex(4)}", "secret_key": secrets.token_urlsafe(24)}
            self.home.remember(**facts)
        environment = {"MINIO_ROOT_USER": facts["access_key"], "MINIO_ROOT_PASSWORD": facts["secret_key"], **QUIET}
        address = f"{LOOPBACK}:{facts['port']}"
        return [str(files[0]), "server", self._mark, "--address", address, "storage"], environment

    def _answers(self) -> bool:
        """See ProcessService."""
        connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=ANSWER_S)
        try:
            connection.request("GET", "/minio/health/ready")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False  # it listens before it answers; the caller asks again, and knows when to give up
        finally:
            connection.close()


def on_path() -> Path | None:
    """A server that is installed already; None if there is none, or a program of that name is something else."""
    found = shutil.which("minio")
    if found is None:
        return None
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return Path(found) if said.stdout.startswith("minio version") else None


SERVICE = Minio
