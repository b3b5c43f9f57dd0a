"""Who may use the page: one password, kept as a hash; how often it may be guessed; who has logged in."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import math
import secrets
import time
from typing import TYPE_CHECKING

import gevent
import gevent.lock

if TYPE_CHECKING:
    from collections.abc import Callable

SCRYPT = {"n": 2**14, "r": 8, "p": 1}
"""16 MiB and some 50 ms a guess. Source: RFC 7914, section 2; OWASP's table of parameters allows weaker ones."""
GUESSES = 10
WINDOW_S = 60.0
MOST_ADDRESSES = 10_000
"""So many are remembered; then the one that was first seen is forgotten."""
SESSION_S = 12 * 3600.0
MOST_SESSIONS = 1000


class Password:
    """A name and a password.

    Args:
        username: who may log in.
        password: in clear; it is not kept.
    """

    def __init__(self, username: str, password: str) -> None:
        self._salt = secrets.token_bytes(16)
        self._hash = hashed(username, password, self._salt)
        self._one_at_a_time = gevent.lock.BoundedSemaphore(1)

    def is_right(self, username: str, password: str) -> bool:
        """Whether it is this name and this password; takes as long for a wrong name.

        Hashed in a thread: users of the load must not stand still for it. One at a time, so that guesses of many cost
        one core at most.
        """
        with self._one_at_a_time:
            found = gevent.get_hub().threadpool.apply(hashed, (username, password, self._salt))
        return hmac.compare_digest(found, self._hash)


def hashed(username: str, password: str, salt: bytes) -> bytes:
    """Name and password together; the name's length keeps `a`, `bc` apart from `ab`, `c`."""
    return hashlib.scrypt(f"{len(username)}:{username}{password}".encode(errors="surrogatepass"), salt=salt, **SCRYPT)


class GuessLimit:
    """How many passwords an address may try.

    Args:
        guesses: so many wrong ones within the window.
        window_s: seconds.
        clock: seconds, monotonic.
    """

    def __init__(
        self, guesses: int = GUESSES, window_s: float = WINDOW_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._guesses = guesses
        self._window_s = window_s
        self._clock = clock
        self._at: dict[str, list[float]] = {}

    def take(self, address: str) -> int:
        """Take a guess: 0 if it may be looked at, else after how many seconds there will be one, at least 1.

        It counts as wrong until `forgive` is called, so guesses made at the same time count too.
        """
        now, network = self._clock(), network_of(address)
        made = [at for at in self._at.get(network, []) if now - at < self._window_s]
        if len(made) >= self._guesses:
            return max(1, math.ceil(made[0] + self._window_s - now))
        self._at[network] = [*made, now]
        while len(self._at) > MOST_ADDRESSES:
            del self._at[next(iter(self._at))]
        return 0

    def forgive(self, address: str) -> None:
        """The password was right: forget what was wrong before."""
        self._at.pop(network_of(address), None)


def network_of(address: str) -> str:
    """Who is counted as one: an address, or an IPv6 network of /64, which any one host can have to itself."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else address  # noqa: PLR2004


class Sessions:
    """Who has logged in, by a random token; they end with the process.

    Args:
        last_s: how long one lasts.
        clock: seconds, monotonic.
    """

    def __init__(self, last_s: float = SESSION_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._last_s = last_s
        self._clock = clock
        self._ends: dict[str, float] = {}

    def begin(self) -> str:
        """A token for somebody who gave the right password."""
        token = secrets.token_urlsafe(32)
        self._ends[token] = self._clock() + self._last_s
        while len(self._ends) > MOST_SESSIONS:
            del self._ends[next(iter(self._ends))]
        return token

    def holds(self, token: str | None) -> bool:
        """Whether a token was given out and still holds."""
        return self._clock() < self._ends.get(token or "", -math.inf)

    def end(self, token: str | None) -> None:
        """Log out."""
        self._ends.pop(token or "", None)
