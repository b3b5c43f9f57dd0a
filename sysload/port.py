"""sys-load's own port: whether it is well, what it does now, and its metrics. It only answers, it takes no commands."""

from __future__ import annotations

import dataclasses
import json
import socket
import socketserver
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from lakestorm.errors import UnreachableError
from sysload.metrics import SecondCollector, finite

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from prometheus_client.registry import Collector

    from lakestorm.settings import SysloadSettings
    from sysload.second import Second
    from sysload.watching import Comparison

SILENT_S = 5.0
"""Without a new second for so long it is not well."""
CLIENT_S = 5.0
"""A client that is slower is hung up on."""
MOST_CLIENTS = 32
STOP_EVERY_S = 0.1
JSON_TYPE = "application/json; charset=utf-8"
PATHS = ("/healthz", "/readyz", "/metrics", "/phase")


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """An answer."""

    status: HTTPStatus
    kind: str
    body: bytes


class Port:
    """Serves from a thread of its own. Usable once: `start`, `take` each second, `close`.

    Args:
        settings: `SYSLOAD_BIND` and `SYSLOAD_PORT`; port 0 serves nothing.
        problems: each tells in sentences what is not well with one part, now; they are asked from the port's threads.
        comparisons: the watched checks before and under pressure.
        collectors: of metrics beside those of the rows.
    """

    def __init__(
        self,
        settings: SysloadSettings,
        *,
        problems: Sequence[Callable[[], Sequence[str]]] = (),
        comparisons: Callable[[], Sequence[Comparison]] = tuple,
        collectors: Sequence[Collector] = (),
    ) -> None:
        self._settings = settings
        self._sources = problems
        self._comparisons = comparisons
        self._last: tuple[Second, float] | None = None
        self._began_s = time.monotonic()
        self._server: Server | None = None
        self._registry = CollectorRegistry()
        for collector in (SecondCollector(self._second, comparisons, self.problems), *collectors):
            self._registry.register(collector)

    def start(self) -> None:
        """Listen.

        Raises:
            UnreachableError: the address cannot be had.
        """
        self._began_s = time.monotonic()
        if not self._settings.port:
            return
        try:
            self._server = Server((self._settings.bind, self._settings.port), self.page)
        except OSError as error:
            raise UnreachableError(
                f"sys-load cannot listen on {self._settings.bind}:{self._settings.port}: {error.strerror or error}."
                " Set SYSLOAD_PORT to a free port (0 = none), or SYSLOAD_BIND to an address of this machine."
            ) from error
        threading.Thread(target=self._server.serve_forever, args=(STOP_EVERY_S,), name="port", daemon=True).start()

    def take(self, second: Second, /) -> None:
        """See Sink."""
        self._last = (second, time.monotonic())

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def problems(self) -> list[str]:
        """Why it is not well, sentences; empty if it is."""
        last = self._last
        silent_s = time.monotonic() - (last[1] if last else self._began_s)
        found = [f"No second was recorded for {silent_s:.0f} s."] if silent_s > SILENT_S else []
        if last and last[0].workers_dead:
            found.append(f"{last[0].workers_dead} of its own workers are dead.")
        return [*found, *(sentence for source in self._sources for sentence in source())]

    def page(self, path: str) -> Page:
        """The answer to GET path."""
        if path == "/healthz":
            return verdict("healthy", self.problems())
        if path == "/readyz":
            return verdict("ready", [] if self._last else ["The first second is not over."])
        if path == "/phase":
            return self._phase()
        if path == "/metrics":
            return Page(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self._registry))
        return json_page(HTTPStatus.NOT_FOUND, {"problems": [f"There is no such page; there are {', '.join(PATHS)}."]})

    def _phase(self) -> Page:
        """The last second, its age, and the watched checks before and under pressure; 503 before the first second."""
        if self._last is None:
            return verdict("ready", ["The first second is not over."])
        second, taken_s = self._last
        comparisons = [dataclasses.asdict(comparison) for comparison in self._comparisons()]
        age_s = time.monotonic() - taken_s
        return json_page(HTTPStatus.OK, {**dataclasses.asdict(second), "age_s": age_s, "comparisons": comparisons})

    def _second(self) -> Second | None:
        return self._last[0] if self._last else None


def verdict(word: str, problems: Sequence[str]) -> Page:
    """`{word: true, problems: []}`, or 503 with what is wrong."""
    status = HTTPStatus.SERVICE_UNAVAILABLE if problems else HTTPStatus.OK
    return json_page(status, {word: not problems, "problems": list(problems)})


def json_page(status: HTTPStatus, document: dict[str, Any]) -> Page:
    """A document."""
    text = json.dumps(finite(document), ensure_ascii=False, allow_nan=False)
    return Page(status, JSON_TYPE, f"{text}\n".encode())


class Server(socketserver.ThreadingTCPServer):
    """HTTP for few clients; it waits for none of them when it stops.

    Args:
        address: (host, port).
        page: the answer to a path.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 2 * MOST_CLIENTS

    def __init__(self, address: tuple[str, int], page: Callable[[str], Page]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.page = page
        self._room = threading.BoundedSemaphore(MOST_CLIENTS)
        super().__init__(address, Handler)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer one client in its thread, or hang up on one too many."""
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is not worth a traceback; anything else is."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server
    timeout = CLIENT_S

    def do_GET(self) -> None:
        """Answer."""
        page = self.server.page(self.path.partition("?")[0])
        self.send_response(page.status)
        self.send_header("Content-Type", page.kind)
        self.send_header("Content-Length", str(len(page.body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page.body)

    do_HEAD = do_GET  # noqa: N815 - as http.server has it

    def version_string(self) -> str:
        """What it is, not which Python."""
        return "lakestorm-sysload"

    def log_message(self, _format: str, *_arguments: Any) -> None:
        """Health checks come every second; they are not told of."""
