"""The files of a Maven repository, one by one, by jgo's way of fetching.

jgo knows where Maven Central is, and reads other repositories (a company's mirror) from its own settings file; the
usual proxy variables hold too. Import this only to download: it brings in a TLS library that Locust must patch first.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import requests
from jgo.config import GlobalSettings
from jgo.maven import MavenContext, PythonResolver

from lakestorm.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lakestorm.sandbox.artefacts import Artefact

TRIES = 3
TIMEOUT_S = 20
"""Silence of a repository that long is an end."""
REASONS = (
    (requests.exceptions.ProxyError, "the proxy does not answer"),
    (requests.exceptions.SSLError, "the certificate is not trusted"),
    (requests.exceptions.Timeout, f"no answer in {TIMEOUT_S} s"),
    (requests.exceptions.ConnectionError, "no connection"),
    (requests.exceptions.RequestException, "the answer broke off"),
    (RuntimeError, "no repository that was asked has it"),
)
"""What jgo raises, in words; the first that fits."""


def context(folder: Path, advance: Callable[[int], None]) -> MavenContext:
    """jgo, downloading into a folder, calling `advance` with the number of bytes of each piece."""

    @contextlib.contextmanager
    def file_progress(_name: str, _bytes: int) -> Iterator[Callable[[int], None]]:
        yield advance

    made = MavenContext(PythonResolver(progress_callback=file_progress), repo_cache=folder, timeout=TIMEOUT_S)
    made.remote_repos = {**GlobalSettings.load().repositories, **made.remote_repos}
    return made


def download(artefact: Artefact, context: MavenContext) -> Path:
    """The file as it came, unchecked; a few tries, as networks are."""
    component = context.project(artefact.group, artefact.name).at_version(artefact.version)
    for tries_left in reversed(range(TRIES)):
        try:
            return component.artifact(artefact.classifier, artefact.type).resolve()
        except (requests.exceptions.RequestException, RuntimeError) as error:
            (context.repo_cache / artefact.file).unlink(missing_ok=True)
            if tries_left == 0:
                reason = next(words for kind, words in REASONS if isinstance(error, kind))
                raise SandboxError(
                    f"{artefact.coordinate} cannot be downloaded: {reason}. The sandbox needs the network the first"
                    " time: see that it is there (HTTPS_PROXY and jgo's settings file are heeded), then run it again."
                ) from error
    raise AssertionError(TRIES)
