"""What the probes' process says to the run: JSON objects, one a line, on a pipe.

Every time in it is the clock's reading (`time.perf_counter`, which all processes of a machine share), in seconds; the
run subtracts its own second 0. A line without its end is one that a killed process did not come to finish: it is left
out. The run answers with words, one a line, on the process's standard input: `start` (the load begins: companions may
begin too), `finish` (end in an orderly way). Kinds:

    hello    {probes, requests}                                   once, when everything is set up
    reading  {at, probe, name, value, unit, error}                a probe's answer, or why there is none
    request  {type, name, offered, started, done, outcome, code}  something sent through the pipeline came to its end
"""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

RequestOutcome = Literal["completed", "failed", "cancelled"]
START, FINISH = b"start", b"finish"
"""What the run says."""
LINE_MAX = 65_536
"""Bytes of one line; what is longer is no line of ours."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """The process is ready.

    Attributes:
        probes: names of those that it asks.
        requests: every `type name` under which it may report requests.
    """

    kind: ClassVar[str] = "hello"
    probes: list[str]
    requests: list[str]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReadingMessage:
    """A probe's answer; `value` is None where there is an `error`."""

    kind: ClassVar[str] = "reading"
    at: float
    probe: str
    name: str
    value: float | None
    unit: str
    error: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RequestMessage:
    """A request of this process's own came to its end, and counts in the record under `type name`.

    Attributes:
        offered: when it was intended.
        ready: when everything that it waited for beside this process was there (a connection, say), but for this
            process's own lateness; None = at once, when it was intended.
        started: when it was sent; None if it never was.
        done: when its answer came, or when nobody waited any longer.
        outcome: `cancelled` is one that was still outstanding when the run ended; it is neither success nor failure.
        code: of a failure, from a small set of stable words.
    """

    kind: ClassVar[str] = "request"
    type: str
    name: str
    offered: float
    ready: float | None = None
    started: float | None
    done: float
    outcome: RequestOutcome
    code: str = ""


Message = Hello | ReadingMessage | RequestMessage
KINDS: dict[str, type[Hello | ReadingMessage | RequestMessage]] = {
    kind.kind: kind for kind in (Hello, ReadingMessage, RequestMessage)
}
if TYPE_CHECKING:
    Tell = Callable[[Message], None]
    """Takes a message for the run; may be called from any thread."""


def line_of(message: Message) -> bytes:
    """The message as a line. A number that is none (NaN, infinite) becomes an error: nobody can reckon with it."""
    if isinstance(message, ReadingMessage) and message.value is not None and not math.isfinite(message.value):
        message = dataclasses.replace(message, value=None, error=message.error or f"the value is {message.value}")
    fields = {"kind": message.kind, **dataclasses.asdict(message)}
    return json.dumps(fields, allow_nan=False, ensure_ascii=True).encode() + b"\n"


class LineReader:
    """Bytes as they come from a pipe in, messages out.

    Attributes:
        broken: lines that were no message.
    """

    def __init__(self) -> None:
        self.broken = 0
        self._rest = b""

    def feed(self, data: bytes) -> list[Message]:
        """The messages that these bytes complete."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LINE_MAX:
            self._rest = b""
            self.broken += 1
        found = [message for line in lines if (message := self._message(line)) is not None]
        self.broken += len(lines) - len(found)
        return found

    @staticmethod
    def _message(line: bytes) -> Message | None:
        try:
            fields: Any = json.loads(line)
            return KINDS[fields.pop("kind")](**fields)
        except (ValueError, TypeError, AttributeError, KeyError):
            return None
