"""What counts as an answer when sys-load asks a health check: whole, in time, trusted, from a host that is found."""

from __future__ import annotations

import http.server
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any

import pytest

from lakestorm.sandbox.service import LOOPBACK
from sysload.addresses import Addresses, Deadline
from tests.integration.health_endpoints import (
    StartWatcher,
    Stopwatch,
    Talker,
    certificate,
    serving,
    wait_until,
)

if TYPE_CHECKING:
    from pathlib import Path


ANSWERS: dict[str, tuple[tuple[bytes, ...], str]] = {
    "200": ((b"HTTP/1.1 200 OK\r\n\r\n",), ""),
    "in two pieces": ((b"HTTP/1.0 204 No", b" Content\r\n\r\n"), ""),
    "a redirect": ((b"HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n",), ""),
    "404": ((b"HTTP/1.1 404 Not Found\r\n\r\n",), "HTTP 404"),
    "503": ((b"HTTP/1.1 503 Service Unavailable\r\n\r\nbusy",), "HTTP 503"),
    "another protocol": ((b"SSH-2.0-OpenSSH_9.6\r\n\r\n",), "what it answers is not HTTP"),
    "half an answer": ((b"HTTP/1.1 200 OK\r\n",), "no answer within 0.5 s"),
    "a drip": ((b"HTTP/1.1 200 OK\r\n", *[b"x"] * 1000), "no answer within 0.5 s"),
    "silence": ((), "no answer within 0.5 s"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_what_counts_as_an_answer(start_watcher: StartWatcher, case: str) -> None:
    """The head of an HTTP answer, whole, in time, 2xx or 3xx; a server that drips does not stretch the time-out."""
    pieces, error = ANSWERS[case]
    talker = Talker(*pieces, pause_s=0.05)
    with serving(talker):
        watcher = start_watcher(f"http://eve:p%20w@{talker.place}/health?deep=1")
        found = wait_until(watcher, "down" if error else "up")
        watcher.close()
    assert found.error == error
    assert talker.heard[0].startswith(b"GET /health?deep=1 HTTP/1.1\r\n")
    assert b"Authorization: Basic ZXZlOnAgdw==\r\n" in talker.heard[0]


def test_a_connection_that_is_hung_up_is_no_answer(start_watcher: StartWatcher) -> None:
    """Before a byte was said."""
    talker = Talker(hangs_up=True)
    with serving(talker):
        assert wait_until(start_watcher(f"http://{talker.place}"), "down").error == "what it answers is not HTTP"


def test_certificates_are_checked(start_watcher: StartWatcher, tmp_path: Path) -> None:
    """A certificate of an unknown authority is down, and says so; with SYSLOAD_WATCH_CA_FILE it is up."""
    files = certificate(tmp_path)
    server = http.server.ThreadingHTTPServer((LOOPBACK, 0), http.server.SimpleHTTPRequestHandler)
    server.daemon_threads, server.block_on_close = True, False
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # handshakes that we break off on purpose
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*files)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    url = f"https://{LOOPBACK}:{server.server_address[1]}"
    with serving(server):
        doubting = start_watcher(url, SYSLOAD_WATCH_TIMEOUT_S="5")
        assert wait_until(doubting, "down").error == "its certificate is not trusted: self-signed certificate"
        doubting.close()
        wait_until(start_watcher(url, SYSLOAD_WATCH_CA_FILE=str(files[0]), SYSLOAD_WATCH_TIMEOUT_S="5"), "up")


def test_a_name_that_is_not_there(start_watcher: StartWatcher) -> None:
    """A host without an address is down, in the resolver's words."""
    found = wait_until(start_watcher("tcp://nobody.invalid:80", SYSLOAD_WATCH_TIMEOUT_S="20"), "down")
    assert found.error
    assert "no answer" not in found.error


def test_a_name_server_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look-up that does not end costs the time-out, not more, and is not asked a second time while it hangs."""
    go_on, asked = threading.Event(), []
    real = socket.getaddrinfo

    def slow(*place: Any, **options: Any) -> Any:
        asked.append(place)
        go_on.wait(30)
        return real(*place, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    addresses = Addresses()
    for _ in range(3):
        with Stopwatch() as watch, pytest.raises(TimeoutError):
            addresses.of(LOOPBACK, 80, Deadline(0.1))
        assert watch.took_s < 10
    go_on.set()
    assert addresses.of(LOOPBACK, 80, Deadline(20)) == [(socket.AF_INET, (LOOPBACK, 80))]
    assert len(asked) == 1
