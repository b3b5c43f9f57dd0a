"""A worker's end of its two pipes: orders come in by standard input, reports go out by standard output, a line each.

The pipe is also how a worker knows that its parent is gone, however it died: reading gives the end of the file then,
and the worker ends. So nothing is left behind by a SIGKILL either.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
from pathlib import Path
from typing import Any

REPORT_BYTES = 4096
"""A pipe takes this much in one piece or not at all (PIPE_BUF)."""


class ParentGoneError(Exception):
    """Nobody gives orders any more: let go of everything and end."""


class Channel:
    """Orders in, reports out; nothing is lost but reports that nobody reads."""

    def __init__(self, orders_fd: int = 0, reports_fd: int = 1) -> None:
        self._in, self._out = orders_fd, reports_fd
        self._rest = b""
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)

    def wait(self, wait_s: float | None) -> dict[str, Any] | None:
        """The newest order that comes within that time (None: whenever), else None; ParentGoneError at the end.

        Only the newest counts: each order is whole, and an older one is out of date.
        """
        if not select.select([self._in], [], [], wait_s)[0]:
            return None
        *lines, self._rest = (self._rest + self._read()).split(b"\n")
        return json.loads(lines[-1]) if lines else None

    def first(self) -> dict[str, Any]:
        """The first order, whenever it comes."""
        while (order := self.wait(None)) is None:
            pass
        return order

    def _read(self) -> bytes:
        if not (piece := os.read(self._in, 65_536)):
            raise ParentGoneError
        return piece

    def report(self, **figures: Any) -> None:
        """Tell the parent; a parent that does not read (stopped, or too busy) is not waited for."""
        line = json.dumps(figures).encode() + b"\n"
        try:
            os.write(self._out, line[:REPORT_BYTES])
        except BlockingIOError:
            return
        except BrokenPipeError as error:
            raise ParentGoneError from error


def be_first_to_go() -> None:
    """If the kernel has to kill for memory, let it be this process and not the platform. Linux; everybody may do so."""
    with contextlib.suppress(OSError):  # another system, or a container that hides the file: then we are as others
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
