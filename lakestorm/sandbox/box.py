"""The sandbox as a whole: which services there are, started in order, one command at a time."""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import pkgutil
from typing import TYPE_CHECKING

from lakestorm.errors import SandboxError, UsageError
from lakestorm.sandbox import services
from lakestorm.sandbox.home import Home, Owner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from lakestorm.sandbox.service import Service, State


def known() -> list[str]:
    """Names of all services: one module each."""
    return sorted(module.name for module in pkgutil.iter_modules(services.__path__))


def names_from_text(text: str) -> tuple[str, ...]:
    """Names from `postgres,kafka` or `all`; raises UsageError on any other."""
    if text == "all":
        return tuple(known())
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    strange = [name for name in names if name not in known()]
    if strange or not names:
        raise UsageError(f'--with is "{text}": names of {", ".join(known())}, comma between, or all are wanted.')
    return names


class Sandbox:
    """All services below one folder. Two sandboxes in two folders know nothing of each other.

    Args:
        root: the folder; made when it is needed.
        say: takes sentences for the person at the terminal.
    """

    def __init__(self, root: Path, say: Callable[[str], None]) -> None:
        self._root = root
        self._say = say
        owner = Owner.not_root()
        modules = {name: importlib.import_module(f"{services.__name__}.{name}") for name in known()}
        self.services: dict[str, Service] = {
            name: module.SERVICE(Home.of(root, name, owner)) for name, module in modules.items()
        }

    def up(self, names: Sequence[str]) -> None:
        """Start services and what they need; if one fails or the user interrupts, those started here stop again.

        Raises:
            SandboxError: a service does not start, or a file cannot be written.
        """
        with self._alone(), contextlib.ExitStack() as undo:
            for service in self._in_order(names):
                if service.state().word == "running":
                    continue
                self._say(f"Starting {service.name} …")
                undo.callback(service.down)
                try:
                    service.up()
                except OSError as error:
                    reason = f"{error.strerror}: {error.filename}" if error.filename else str(error)
                    raise SandboxError(f"{service.name} could not be started: {reason}") from error
            undo.pop_all()

    def down(self, *, erase: bool = False) -> None:
        """Stop everything; `erase` deletes the data too."""
        with self._alone():
            for service in reversed(self._in_order(self.services)):
                if service.state().word == "running":
                    self._say(f"Stopping {service.name} …")
                service.down()
                if erase:
                    service.home.erase()

    def states(self) -> dict[str, State]:
        """How each service is."""
        return {name: service.state() for name, service in self.services.items()}

    def env(self) -> dict[str, str]:
        """Settings that reach the services that run."""
        running = (s for s in self._in_order(self.services) if s.state().word == "running")
        return {name: value for service in running for name, value in service.env().items()}

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One command at a time; a second waits for the first."""
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            lock = (self._root / "lock").open("w")
        except OSError as error:
            raise SandboxError(f"The sandbox's folder {self._root} cannot be used: {error.strerror}.") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._say("Another command is at work on this sandbox; waiting for it to end.")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _in_order(self, names: Sequence[str] | dict[str, Service]) -> list[Service]:
        """The services with those that they need before them."""
        order: dict[str, Service] = {}
        for name in names:
            for needed in (*self.services[name].needs, name):
                order[needed] = self.services[needed]
        return list(order.values())
