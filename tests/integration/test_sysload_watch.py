"""sys-load's health watch on real services: stopped, frozen, refusing, slow, and back; and what the engine says."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from lakestorm.errors import SettingsError
from lakestorm.sandbox.service import LOOPBACK, free_port
from sysload import watching
from tests.integration.health_endpoints import (
    EngineServer,
    StartWatcher,
    Stopwatch,
    Talker,
    WebServer,
    eventually,
    first,
    histories,
    serving,
    wait_until,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.conftest import OwnPostgres


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebServer]:
    """A web server that runs."""
    server = WebServer(tmp_path)
    server.start()
    yield server
    server.kill()


def test_a_web_server_is_killed_and_started_again(start_watcher: StartWatcher, web: WebServer) -> None:
    """Up → down → up, each with how long it lasted, what the system said, and a latency only while it answers."""
    watcher = start_watcher(web.url)
    found = wait_until(watcher, "up")
    assert found.latency_ms is not None
    assert 0 < found.latency_ms < 500
    before = time.time()
    web.kill()
    found = wait_until(watcher, "down")
    assert (found.latency_ms, found.error, found.changes) == (None, "Connection refused", 1)
    time.sleep(0.5)
    with Stopwatch() as since_it_was_started:
        web.start()
    found = wait_until(watcher, "up")
    assert (found.error, found.changes, found.is_flapping) == ("", 2, False)
    down, up = watcher.comparisons()[0].transitions
    assert before - 1 <= down.at_s <= up.at_s <= time.time()
    assert up.lasted_s == pytest.approx(up.at_s - down.at_s, abs=0.1)
    assert 0.4 <= up.lasted_s <= time.time() - before
    assert found.state_for_s <= since_it_was_started.took_s + 30


def test_a_frozen_server_is_down_after_the_time_out(start_watcher: StartWatcher, web: WebServer) -> None:
    """A process that is stopped still has its port open: a bare connection is up, an answer in time is not."""
    watcher = start_watcher(web.url, f"tcp://{LOOPBACK}:{web.port}")
    wait_until(watcher, "up")
    assert web.process is not None
    web.process.send_signal(signal.SIGSTOP)
    try:
        assert wait_until(watcher, "down").error == "no answer within 0.5 s"
        eventually(lambda: watcher.states()[1].latency_ms is not None, "the bare connection is made")
        assert watcher.states()[1].state == "up"
    finally:
        web.process.send_signal(signal.SIGCONT)
    wait_until(watcher, "up")
    assert histories(watcher) == [["down", "up"], []]


def postgres_url(env: Mapping[str, str], database: str = "postgres") -> str:
    """A server's address, its password left to POSTGRES_PASSWORD."""
    return f"postgres://{env['POSTGRES_USER']}@{env['POSTGRES_HOST']}:{env['POSTGRES_PORT']}/{database}"


def test_postgresql_is_killed_frozen_and_back(start_watcher: StartWatcher, own_postgres: OwnPostgres) -> None:
    """Refused, then silent though its port is open, each time up again."""
    env = own_postgres.env
    watcher = start_watcher(postgres_url(env), POSTGRES_PASSWORD=env["POSTGRES_PASSWORD"], SYSLOAD_WATCH_TIMEOUT_S="2")
    wait_until(watcher, "up")
    own_postgres.kill()
    assert wait_until(watcher, "down").error == "Connection refused"
    own_postgres.start()
    wait_until(watcher, "up")
    pid = own_postgres.sandbox.states()["postgres"].pid
    assert pid is not None
    psutil.Process(pid).suspend()
    try:
        assert wait_until(watcher, "down").error == "no answer within 2 s"
    finally:
        psutil.Process(pid).resume()
    wait_until(watcher, "up")
    assert [to for to in histories(watcher)[0] if to == "down"] == ["down"] * (first(watcher).changes // 2)
    assert first(watcher).changes >= 4


def test_postgresql_refuses(start_watcher: StartWatcher, server: dict[str, str]) -> None:
    """A wrong password or database is down in the server's own words; the password is not among them."""
    place = f"{server['POSTGRES_HOST']}:{server['POSTGRES_PORT']}"
    right = {"POSTGRES_PASSWORD": server["POSTGRES_PASSWORD"], "SYSLOAD_WATCH_TIMEOUT_S": "5"}
    watcher = start_watcher(
        f"postgres://{server['POSTGRES_USER']}:wr0ng@{place}/postgres", postgres_url(server, "no"), **right
    )
    eventually(lambda: [w.state for w in watcher.states()] == ["down", "down"], "both are down")
    wrong_password, wrong_database = watcher.states()
    assert "password authentication failed" in wrong_password.error
    assert 'database "no" does not exist' in wrong_database.error
    assert "wr0ng" not in repr(watcher.states() + watcher.comparisons())


def broker_of(env: Mapping[str, str]) -> psutil.Process:
    """The process that listens where the brokers are."""
    port = int(env["KAFKA_BROKERS"].rpartition(":")[2])
    listening = (c for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.laddr[1:] == (port,))
    pid = next(listening).pid
    assert pid is not None
    return psutil.Process(pid)


def test_kafka_is_frozen_and_back(start_watcher: StartWatcher, kafka: dict[str, str]) -> None:
    """A broker that stands still is down after the time-out, and up again when it goes on; nobody there is refused."""
    nobody = f"kafka://{LOOPBACK}:{free_port()}"
    watcher = start_watcher(f"kafka://{kafka['KAFKA_BROKERS']}", nobody, SYSLOAD_WATCH_TIMEOUT_S="1")
    wait_until(watcher, "up")
    broker = broker_of(kafka)
    broker.suspend()
    try:
        assert wait_until(watcher, "down").error == "no answer within 1 s"
    finally:
        broker.resume()
    wait_until(watcher, "up")
    assert watcher.states()[1].state == "down"
    assert "Connection refused" in watcher.states()[1].error
    assert watcher.states()[1].changes == 0


def test_latency_under_pressure_against_latency_before(start_watcher: StartWatcher) -> None:
    """What is asked before the pressure begins is the baseline; a service that gets slower under it is seen to."""
    talker = Talker(b"HTTP/1.1 200 OK\r\n\r\n")
    with serving(talker):
        watcher = start_watcher(f"http://{talker.place}", SYSLOAD_WATCH_TIMEOUT_S="5")
        eventually(lambda: watcher.comparisons()[0].before.count >= 5, "there is a baseline")
        watcher.set_pressure(is_on=True)
        talker.pause_s = 0.3
        eventually(lambda: watcher.comparisons()[0].under.count >= 5, "it is asked under pressure")
        watcher.set_pressure(is_on=False)
        talker.pause_s = 0.0
        at_the_end = watcher.comparisons()[0]
        eventually(lambda: (first(watcher).latency_ms or 999) < 250, "it is quick again")
        found = watcher.comparisons()[0]
    assert found.before.p50_ms is not None
    assert found.under.p50_ms is not None
    assert found.under.p50_ms >= 250 > found.before.p50_ms
    assert (found.before.count, found.under.count) == (at_the_end.before.count, at_the_end.under.count)


def test_flapping_is_seen_and_ends(start_watcher: StartWatcher) -> None:
    """A service that goes up and down again and again flaps, until it has been calm for a while."""
    talker = Talker(b"HTTP/1.1 200 OK\r\n\r\n")
    with serving(talker):
        watcher = start_watcher(f"http://{talker.place}")
        wait_until(watcher, "up")
        for status in (b"500", b"200") * 4:
            talker.pieces = (b"HTTP/1.1 %s x\r\n\r\n" % status,)
            wait_until(watcher, "up" if status == b"200" else "down")
        assert first(watcher).is_flapping
        eventually(lambda: not first(watcher).is_flapping, "it is calm")
        assert first(watcher).changes == 8


def document(status: str, health: str | None = None) -> dict[str, Any]:
    """What the engine answers about a container."""
    return {"Id": "c1" * 32, "State": {"Status": status} | ({"Health": {"Status": health}} if health else {})}


def test_what_the_container_engine_says(
    start_watcher: StartWatcher, web: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its word stands beside ours; while both cannot be true that is timed; its socket is only ever read from."""
    monkeypatch.setattr(watching, "ENGINE_EVERY_S", 0.2)
    listed, inspected = "/containers/json?all=1", f"/containers/{'c1' * 32}/json"
    entry = {"Id": "c1" * 32, "Names": ["/web"], "Ports": [{"PublicPort": web.port, "PrivatePort": 80, "Type": "tcp"}]}
    documents: dict[str, Any] = {listed: [entry], inspected: document("running", "healthy")}
    engine = EngineServer(tmp_path / "engine.sock", documents)
    with serving(engine):
        elsewhere = f"tcp://{LOOPBACK}:{free_port()}"
        watcher = start_watcher(web.url, elsewhere, SYSLOAD_ENGINE_SOCKET=str(tmp_path / "engine.sock"))
        eventually(lambda: first(watcher).engine == "healthy", "the engine is heard")
        assert watcher.states()[1].engine == ""
        assert watcher.comparisons()[0].engine_contradicted_s == 0
        web.kill()
        wait_until(watcher, "down")
        eventually(lambda: watcher.comparisons()[0].engine_contradicted_s > 0, "the engine still says healthy")
        documents[inspected] = document("exited", "unhealthy")
        eventually(lambda: first(watcher).engine == "exited", "the engine saw it too")
        timed_s = watcher.comparisons()[0].engine_contradicted_s
        documents[inspected] = 404
        eventually(lambda: first(watcher).engine == "gone", "the container was removed")
        assert watcher.comparisons()[0].engine_contradicted_s == timed_s
        documents[listed] = 500
        eventually(lambda: watcher.engine_problem, "an engine that fails is told of")
        assert watcher.engine_problem == "The container engine answers HTTP 500 to GET /containers/json?all=1."
        assert first(watcher).engine == ""
        assert watcher.problems() == []
    assert {question.partition(" ")[0] for question in engine.asked} == {"GET"}


@pytest.mark.parametrize("kind", ["nothing", "a file", "a folder"])
def test_an_engine_socket_that_is_none(start_watcher: StartWatcher, tmp_path: Path, kind: str) -> None:
    """Is told at the start, with the setting's name."""
    path = tmp_path / "engine.sock"
    if kind != "nothing":
        path.touch() if kind == "a file" else path.mkdir()
    with pytest.raises(SettingsError, match=f'SYSLOAD_ENGINE_SOCKET is "{path}": it'):
        start_watcher("tcp://127.0.0.1:1", SYSLOAD_ENGINE_SOCKET=str(path))


def test_the_end_does_not_wait_for_an_answer(start_watcher: StartWatcher) -> None:
    """However long an asking may take, closing takes less than two seconds, and asks nothing more."""
    talker = Talker()
    with serving(talker):
        watcher = start_watcher(f"http://{talker.place}", SYSLOAD_WATCH_TIMEOUT_S="60")
        eventually(lambda: talker.heard, "it is asked")
        with Stopwatch() as watch:
            watcher.close()
        assert watch.took_s < 2
    assert len(talker.heard) == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_of_its_own_that_dies_is_told_of(start_watcher: StartWatcher, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in the watch itself is not silence: health asks for it, by the name of the check."""
    watcher = start_watcher(f"tcp://{LOOPBACK}:{free_port()}")
    wait_until(watcher, "down")
    assert watcher.problems() == []
    monkeypatch.setattr(watcher._poller, "ask", lambda _: 1 / 0)
    eventually(watcher.problems, "the dead thread is told of")
    assert f"watch tcp://{LOOPBACK}" in watcher.problems()[0]
    watcher.close()
    assert watcher.problems() == []


def test_checks_take_turns(start_watcher: StartWatcher) -> None:
    """Two checks are not asked at the same instant, and each as often as set."""
    times: list[list[float]] = [[], []]
    listeners = [socket.create_server((LOOPBACK, 0)) for _ in times]

    def note(listener: socket.socket, seen: list[float]) -> None:
        with contextlib.suppress(OSError):
            while True:
                listener.accept()[0].close()
                seen.append(time.monotonic())

    threads = [threading.Thread(target=note, args=both, daemon=True) for both in zip(listeners, times, strict=True)]
    for thread in threads:
        thread.start()
    watcher = start_watcher(*(f"tcp://{LOOPBACK}:{s.getsockname()[1]}" for s in listeners), SYSLOAD_WATCH_EVERY_S="0.4")
    eventually(lambda: min(map(len, times)) >= 5, "both are asked five times")
    watcher.close()
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    gaps = sorted(b - a for a, b in zip(times[0], times[1], strict=False))
    assert gaps[len(gaps) // 2] == pytest.approx(0.2, abs=0.15)
    assert (times[0][4] - times[0][0]) / 4 == pytest.approx(0.4, rel=0.5)
