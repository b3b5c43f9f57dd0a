"""What the container engine says of the health of its containers, read over its socket by two GET requests.

Source: Docker Engine API, `GET /containers/json` and `GET /containers/{id}/json`; Podman answers the same.
"""

from __future__ import annotations

import dataclasses
import http.client
import ipaddress
import json
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lakestorm.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sysload.checks import Check
    from sysload.health import State

ANSWER_S = 2.0
MOST_BYTES = 16_000_000
HEALTHS = ("starting", "healthy", "unhealthy")
NO_SERVICE_IN = ("created", "exited", "dead", "removing")
OUR_HOST = ("localhost", "host.docker.internal", "host.containers.internal")
SERVICE_LABEL = "com.docker.compose.service"


class EngineError(Exception):
    """The engine does not answer as it should; a sentence."""


@dataclasses.dataclass(frozen=True, slots=True)
class Contained:
    """A container as the list has it.

    Args:
        id: the engine's.
        names: under which its neighbours reach it: its name, its compose service, network aliases, addresses.
        published: ports of the host that lead to it.
    """

    id: str
    names: frozenset[str]
    published: frozenset[int]


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a socket file."""

    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """See HTTPConnection."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Engine:
    """A container engine; only ever read from.

    Args:
        path: of its socket.

    Raises:
        SettingsError: there is no socket.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            is_socket = stat.S_ISSOCK(Path(path).stat().st_mode)
        except OSError as error:
            raise no_socket(path, f"it cannot be reached ({error.strerror})") from error
        if not is_socket:
            raise no_socket(path, "it is no socket")

    def words_for(self, checks: Sequence[Check]) -> dict[str, str]:
        """{check name: what the engine says of the containers behind it}; a check without a container is left out.

        Raises:
            EngineError: it does not answer, or not as an engine does.
        """
        containers = [contained(entry) for entry in self._get("/containers/json?all=1")]
        behind = {check.name: [c.id for c in containers if is_behind(c, check)] for check in checks}
        words = {id_: self._word(id_) for id_ in sorted({id_ for ids in behind.values() for id_ in ids})}
        found = {name: sorted({words[id_] for id_ in ids}) for name, ids in behind.items()}
        return {name: "/".join(several) for name, several in found.items() if several}

    def _word(self, id_: str) -> str:
        return word_of(self._get(f"/containers/{quote(id_, safe='')}/json"))

    def _get(self, path: str) -> Any:
        """A document of the engine's."""
        connection = UnixConnection(self._path, ANSWER_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read(MOST_BYTES)
            if answer.status == http.client.NOT_FOUND and path.startswith("/containers/") and "?" not in path:
                return {}  # it was removed since the list was read
            if answer.status != http.client.OK:
                raise EngineError(f"The container engine answers HTTP {answer.status} to GET {path}.")
            return json.loads(body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise EngineError(f"The container engine at {self._path} does not answer: {reason_of(error)}.") from error
        finally:
            connection.close()


def no_socket(path: str, why: str) -> SettingsError:
    """A wrong SYSLOAD_ENGINE_SOCKET, as a sentence."""
    wanted = "The container engine's socket is wanted, one that this user may read and write"
    return SettingsError([f'SYSLOAD_ENGINE_SOCKET is "{path}": {why}. {wanted}; leave it empty to do without.'])


def reason_of(error: Exception) -> str:
    """Why, in a few words."""
    if isinstance(error, TimeoutError):
        return f"nothing came within {ANSWER_S:g} s"
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__


def contained(entry: Mapping[str, Any]) -> Contained:
    """An entry of the list."""
    try:
        names = {name.strip("/") for name in entry.get("Names") or ()} | {entry["Id"][:12]}
        names.add((entry.get("Labels") or {}).get(SERVICE_LABEL, ""))
        for network in ((entry.get("NetworkSettings") or {}).get("Networks") or {}).values():
            names.update(network.get("Aliases") or (), network.get("DNSNames") or ())
            names.update({network.get("IPAddress") or "", network.get("GlobalIPv6Address") or ""})
        published = {port["PublicPort"] for port in entry.get("Ports") or () if port.get("PublicPort")}
        return Contained(entry["Id"], frozenset(names - {""}), frozenset(published))
    except (KeyError, TypeError, AttributeError) as error:
        raise EngineError(f"The container engine lists a container that cannot be read: {error}.") from error


def is_behind(container: Contained, check: Check) -> bool:
    """Whether a check's address leads to a container: by name or address, or by a published port of this host."""
    return check.host in container.names or (is_this_host(check.host) and check.port in container.published)


def is_this_host(host: str) -> bool:
    """Whether a host is the machine that the engine publishes ports on."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in OUR_HOST


def word_of(document: Mapping[str, Any]) -> str:
    """`starting`, `healthy` or `unhealthy` where the container runs and has a health check, else its state."""
    state = document.get("State") or {}
    health = (state.get("Health") or {}).get("Status")
    status = str(state.get("Status") or "gone")
    return str(health) if status == "running" and health in HEALTHS else status


def says_up(words: str) -> bool | None:
    """What the engine's word claims; None where it claims nothing, as of a container without a health check."""
    claims = {claim_of(word) for word in words.split("/")}
    return claims.pop() if len(claims) == 1 else None


def claim_of(word: str) -> bool | None:
    """One word's claim. `paused` is none: the engine stopped asking."""
    if word == "healthy":
        return True
    return False if word == "unhealthy" or word in NO_SERVICE_IN else None


def contradicts(state: State, words: str) -> bool:
    """Whether the engine's words and what we saw ourselves cannot both be true."""
    claim = says_up(words)
    return state != "unknown" and claim is not None and claim != (state == "up")
