"""Names looked up on time: the system's own look-up takes no time-out."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any


class Deadline:
    """A point in time on the monotonic clock."""

    def __init__(self, within_s: float) -> None:
        self._at_s = time.monotonic() + within_s

    def left_s(self) -> float:
        """Time left; raises TimeoutError if there is none."""
        left_s = self._at_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        return left_s


class LookUp(threading.Thread):
    """One question to the system; a daemon, so that a name server which is gone cannot hold up our end."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(name=f"look-up {host}", daemon=True)
        self._place = (host, port)
        self.error: OSError | None = None
        self.found: list[tuple[socket.AddressFamily, Any]] = []

    def run(self) -> None:
        """Ask."""
        try:
            found = socket.getaddrinfo(*self._place, type=socket.SOCK_STREAM)
        except OSError as error:
            self.error = error
        else:
            self.found = [(family, address) for family, _, _, _, address in found]


class Addresses:
    """Addresses of names, looked up anew each time; a question that is still under way is not asked a second time.

    Threads may share it: what they share is one dictionary, which only ever gives and takes whole entries.
    """

    def __init__(self) -> None:
        self._under_way: dict[tuple[str, int], LookUp] = {}

    def of(self, host: str, port: int, deadline: Deadline) -> list[tuple[socket.AddressFamily, Any]]:
        """[(family, address)]; raises OSError if it has none, TimeoutError if that is not known in time."""
        asking = self._under_way.pop((host, port), None)
        if asking is None:
            asking = LookUp(host, port)
            asking.start()
        asking.join(deadline.left_s())
        if asking.is_alive():
            self._under_way[host, port] = asking
            raise TimeoutError
        if asking.error is not None:
            raise asking.error
        return asking.found
