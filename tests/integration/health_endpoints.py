"""What tests of the health watch need around it: a web server to stop, one that misbehaves, an engine's socket."""

from __future__ import annotations

import contextlib
import datetime as dt
import http.client
import http.server
import ipaddress
import json
import socketserver
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lakestorm.sandbox.service import LOOPBACK, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from sysload.second import Watched
    from sysload.watching import Watcher


def eventually(condition: Callable[[], Any], what: str, within_s: float = 30.0) -> None:
    """Wait for a condition."""
    until = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until, f"{what}: not within {within_s:g} s"
        time.sleep(0.02)


def first(watcher: Watcher) -> Watched:
    """The first check as it is now."""
    return watcher.states()[0]


def wait_until(watcher: Watcher, state: str) -> Watched:
    """The first check, once it is up or down."""
    eventually(lambda: first(watcher).state == state, f"{first(watcher)} becomes {state}")
    return first(watcher)


def histories(watcher: Watcher) -> list[list[str]]:
    """The states that each check went to."""
    return [[t.to for t in comparison.transitions] for comparison in watcher.comparisons()]


class StartWatcher(Protocol):
    """What the fixture `start_watcher` gives."""

    def __call__(self, *addresses: str, **settings: str) -> Watcher:
        """A watcher of addresses that runs, with settings by their names in the environment."""


class WebServer:
    """Python's own web server as a process, which can be killed, frozen and started again on its port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self._folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        line = [sys.executable, "-m", "http.server", "--bind", LOOPBACK, str(self.port)]
        silent = subprocess.DEVNULL
        self.process = subprocess.Popen(line, cwd=self._folder, stdout=silent, stderr=silent)
        eventually(self._answers, "the web server starts")

    def kill(self) -> None:
        """SIGKILL it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def _answers(self) -> bool:
        asking = http.client.HTTPConnection(LOOPBACK, self.port, timeout=1)
        try:
            asking.request("GET", "/")
            return asking.getresponse().status == http.HTTPStatus.OK
        except OSError:
            return False
        finally:
            asking.close()


@contextlib.contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    """A server of the test's own process, in a thread."""
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Talker(socketserver.ThreadingTCPServer):
    """Says what it was given to each client, a piece every `pause_s`, and keeps the connection until the test ends."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, *pieces: bytes, pause_s: float = 0.0, hangs_up: bool = False) -> None:
        self.pieces, self.pause_s, self.hangs_up = pieces, pause_s, hangs_up
        self.heard: list[bytes] = []
        self.over = threading.Event()
        super().__init__((LOOPBACK, 0), TalkerHandler)

    @property
    def place(self) -> str:
        """host:port."""
        return f"{LOOPBACK}:{self.server_address[1]}"

    def server_close(self) -> None:
        """Let go of all clients."""
        self.over.set()
        super().server_close()


class TalkerHandler(socketserver.BaseRequestHandler):
    """One client of a Talker."""

    server: Talker

    def handle(self) -> None:
        """Listen once, then talk."""
        with contextlib.suppress(ConnectionError):
            self.server.heard.append(self.request.recv(65_536))
            for piece in self.server.pieces:
                if self.server.over.wait(self.server.pause_s):
                    return
                self.request.sendall(piece)
            if not self.server.hangs_up:
                self.server.over.wait()


class EngineServer(socketserver.ThreadingUnixStreamServer):
    """Answers on a socket file with documents of the Docker Engine API that the test sets; notes what it was asked."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, path: Path, documents: Mapping[str, Any]) -> None:
        self.documents = documents
        self.asked: list[str] = []
        super().__init__(str(path), EngineHandler)


class EngineHandler(http.server.BaseHTTPRequestHandler):
    """One request to the engine."""

    server: EngineServer

    def do_GET(self) -> None:
        """A document; 404 in the engine's way without one; a number is a status."""
        self.server.asked.append(f"{self.command} {self.path}")
        found = self.server.documents.get(self.path, 404)
        status, document = (found, {"message": "no such container"}) if isinstance(found, int) else (200, found)
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET  # noqa: N815 - as http.server has it

    def address_string(self) -> str:
        """A socket file's clients have no address."""
        return "unix"

    def log_message(self, *_: object) -> None:
        """Not told of."""


def certificate(folder: Path) -> tuple[Path, Path]:
    """(certificate, key) of loopback, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, LOOPBACK)])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(built.public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, *private))
    return files


class Stopwatch:
    """Time since it was made."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.took_s = time.monotonic() - self._began_s
