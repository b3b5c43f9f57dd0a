"""Kafka Connect's REST API: connectors, how they are, and what they say when they fail."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any, Self

import httpx2

from lakestorm.errors import PlatformError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

ANSWER_S = 5.0
"""How long one question may take. A worker that rebalances answers late; one that checks a new connector too."""
HALF_CHARS = 160
RUNNING, FAILED = "RUNNING", "FAILED"
MESSAGE = re.compile(r"^(?:Caused by: )?[\w.$]+(?:Exception|Error|Throwable)\b:? ?(.*)$", re.MULTILINE)


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """A connector, or one of its tasks.

    Attributes:
        state: RUNNING, PAUSED, STOPPED, FAILED, UNASSIGNED or RESTARTING.
        worker: where it runs, host:port.
        trace: of the exception that ended it; empty while it runs.
    """

    state: str
    worker: str
    trace: str = ""

    @property
    def reason(self) -> str:
        """What it failed with, in its own words; empty while it runs."""
        return reason_of(self.trace)


@dataclasses.dataclass(frozen=True, slots=True)
class ConnectorStatus:
    """A connector and its tasks, {number: task}; it has none until it was given its configuration."""

    connector: Part
    tasks: Mapping[int, Part]

    @property
    def is_running(self) -> bool:
        """Whether it runs with all its tasks, of which there is at least one."""
        parts = [self.connector, *self.tasks.values()]
        return bool(self.tasks) and all(part.state == RUNNING for part in parts)

    @property
    def reason(self) -> str:
        """What the first of its parts failed with; empty if none did."""
        return next((part.reason for part in (self.connector, *self.tasks.values()) if part.state == FAILED), "")


class RefusedError(PlatformError):
    """Connect answers that it will not; `status` is HTTP's."""

    def __init__(self, sentence: str, status: int) -> None:
        self.status = status
        super().__init__(sentence)


class Connect:
    """A worker's REST API; any worker of a cluster answers for all of it.

    Args:
        url: its base address. It is asked directly: a proxy of the environment stands in no platform's way.
        answer_s: how long one question may take.

    All questions raise UnreachableError if nothing answers, RefusedError if the answer is a refusal.
    """

    def __init__(self, url: str, *, answer_s: float = ANSWER_S) -> None:
        self._url = url.rstrip("/")
        self._client = httpx2.Client(base_url=self._url, timeout=answer_s, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of its connections."""
        self._client.close()

    def version(self) -> str:
        """The worker's version."""
        return str(self._ask("GET", "/")["version"])

    def connectors(self) -> list[str]:
        """Names of all connectors, sorted."""
        return sorted(self._ask("GET", "/connectors"))

    def status(self, name: str) -> ConnectorStatus:
        """How a connector is; one that was just registered is unknown for a moment (404)."""
        answer = self._ask("GET", f"/connectors/{name}/status")
        tasks = {int(task["id"]): part_of(task) for task in answer["tasks"]}
        return ConnectorStatus(part_of(answer["connector"]), tasks)

    def config(self, name: str) -> dict[str, str]:
        """A connector's configuration, as it was given: secrets are references only where they were given so."""
        return dict(self._ask("GET", f"/connectors/{name}/config"))

    def configure(self, name: str, config: Mapping[str, str]) -> None:
        """Register a connector, or give it another configuration; Connect tries it first (400 if it is wrong)."""
        self._ask("PUT", f"/connectors/{name}/config", dict(config))

    def pause(self, name: str) -> None:
        """Let a connector rest; its tasks stay, its state is PAUSED in a moment."""
        self._ask("PUT", f"/connectors/{name}/pause")

    def resume(self, name: str) -> None:
        """Let a connector go on that was paused or stopped; nothing happens to one that runs."""
        self._ask("PUT", f"/connectors/{name}/resume")

    def restart(self, name: str) -> None:
        """Start what has failed of a connector anew, its tasks too."""
        self._ask("POST", f"/connectors/{name}/restart?includeTasks=true&onlyFailed=true")

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request; its answer, or None if it has none."""
        try:
            answer = self._client.request(method, path, json=body)
            found = answer.json() if answer.content else None
        except httpx2.HTTPError as error:
            raise unreachable(self._url, error) from error
        except ValueError as error:
            raise RefusedError(stranger(self._url, answer.status_code), answer.status_code) from error
        if answer.is_error:
            said = words_of(found.get("message")) if isinstance(found, dict) else ""
            sentence = f"Kafka Connect at {self._url} refuses {method} {path} (HTTP {answer.status_code}): {said}"
            raise RefusedError(sentence if said else stranger(self._url, answer.status_code), answer.status_code)
        return found


def words_of(message: object) -> str:
    """What Connect says, on one line, without the address where it would say the same again."""
    return " ".join(str(message or "").partition("\nYou can also find")[0].split())


def part_of(answer: Mapping[str, Any]) -> Part:
    """A part of Connect's answer to a status."""
    return Part(str(answer["state"]), str(answer.get("worker_id", "")), str(answer.get("trace", "")))


def reason_of(trace: str) -> str:
    """What an exception says, from its trace: the innermost cause that says something, on one line.

    Debezium puts its whole state into some sentences, and the advice behind it: of a long one the middle is left out.
    """
    messages = [message.strip() for message in MESSAGE.findall(trace) if message.strip()]
    words = " ".join(messages[-1].split()) if messages else trace.partition("\n")[0].strip()
    return words if len(words) <= 2 * HALF_CHARS else f"{words[:HALF_CHARS]} … {words[-HALF_CHARS:]}"


def unreachable(url: str, error: Exception) -> UnreachableError:
    """A worker that does not answer, as a sentence."""
    return UnreachableError(
        f"Kafka Connect at {url} does not answer: {str(error) or type(error).__name__}. Check CONNECT_URL, or start"
        " one with `lakestorm sandbox up --with postgres,kafka,connect`."
    )


def stranger(url: str, status: int) -> str:
    """Something answers, but it is not Connect."""
    return f"{url} answers with HTTP {status}, and not as Kafka Connect does. Check CONNECT_URL, its path too."
