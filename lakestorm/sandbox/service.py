"""What every service of the sandbox can do."""

from __future__ import annotations

import abc
import dataclasses
import socket
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pathlib import Path

    from lakestorm.sandbox.home import Home

LOOPBACK = "127.0.0.1"
LOG_TAIL_LINES = 8


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """How a service is: `running` (with pid and port), `stopped`, or `stale` (it died and left its marks)."""

    word: str
    pid: int | None = None
    port: int | None = None
    detail: str = ""


class Service(abc.ABC):
    """One real service, started and stopped by its own tools.

    Args:
        home: where it keeps its files.
    """

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    """Services that must run first."""

    def __init__(self, home: Home) -> None:
        self.home = home

    @abc.abstractmethod
    def up(self) -> None:
        """Start it and wait until it answers; nothing happens if it runs. Raises SandboxError."""

    @abc.abstractmethod
    def down(self) -> None:
        """Stop it and wait until it is gone; its data stay. Raises SandboxError."""

    @abc.abstractmethod
    def state(self) -> State:
        """How it is now."""

    @abc.abstractmethod
    def env(self) -> dict[str, str]:
        """Settings that reach it, by environment name; empty if it was never started."""


def free_port() -> int:
    """A TCP port of loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether nobody listens on this port of loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def tail(path: Path) -> str:
    """The last lines of a log, for an error message."""
    if not path.exists():
        return "it wrote no log"
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL_LINES:]
    return "\n".join(lines)
