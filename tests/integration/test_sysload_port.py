"""sys-load's own port, asked over the network as an orchestrator, Prometheus and a load run's probe ask it."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import math
import socket
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lakestorm.errors import ExitCode, UnreachableError
from lakestorm.sandbox.service import LOOPBACK, free_port
from lakestorm.settings import Settings
from sysload import port as port_module
from sysload.health import Quantiles, Transition
from sysload.port import CLIENT_S, MOST_CLIENTS, Port
from sysload.second import Achieved, Container, Host, Second, Stall, Targets, Watched
from sysload.watching import Comparison
from tests.integration.health_endpoints import Stopwatch, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHOP = Watched("http://shop:80/health", "down", None, 3.5, 7, True, "healthy", "HTTP 503")
DATABASE = Watched("postgres://eve@db:5432/shop", "up", 1.25, 60.0, 0, False, "", "")
NEW = Watched("tcp://new:1", "unknown", None, 0.0, 0, False, "", "")
SECOND = Second(
    at=1_800_000_000,
    over_s=1.5,
    phase='ramp "ü"\n',
    targets=Targets(40.0, 300.0, 0.0),
    achieved=Achieved(39.5, 299.0, 0.0, 0.0, 0.0),
    host=Host(50.0, 0.5, 1.5, 4000.0, 2000.0, 0.0, 1.0, 2.0, 0.25, 0.125, 9000.0),
    container=Container(2.0, 45.0, 12.0, 512.0, None),
    stall=Stall(1.0, None, None, 3.0, 4.0),
    watched=(SHOP, DATABASE, NEW),
    restarts=2,
    workers_dead=0,
    shortfalls=("CPU 39.5 % of 40 %: …",),
)
COMPARISONS = (
    Comparison(
        SHOP.target,
        before=Quantiles(10, 1.0, 2.0, 3.0),
        under=Quantiles(10, 4.0, math.inf, math.inf),
        engine_contradicted_s=6.0,
        transitions=(Transition(1_799_999_990.0, "down", 30.0),),
    ),
    Comparison(NEW.target, Quantiles(0), Quantiles(0), 0.0, ()),
)


@dataclasses.dataclass
class Asked:
    """A port that listens, and what its parts complain of."""

    port: Port
    number: int
    complaints: list[str]

    def get(self, path: str, method: str = "GET") -> tuple[int, str, bytes]:
        """(status, content type, body)."""
        asking = http.client.HTTPConnection(LOOPBACK, self.number, timeout=10)
        try:
            asking.request(method, path)
            answer = asking.getresponse()
            return answer.status, answer.getheader("Content-Type") or "", answer.read()
        finally:
            asking.close()

    def document(self, path: str) -> tuple[int, Any]:
        """(status, JSON)."""
        status, kind, body = self.get(path)
        assert kind == "application/json; charset=utf-8"
        return status, json.loads(body)

    def metrics(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """{(name, labels): value}, as Prometheus' own parser reads them."""
        status, kind, body = self.get("/metrics")
        assert (status, kind.partition(";")[0]) == (200, "text/plain")
        samples = [s for family in text_string_to_metric_families(body.decode()) for s in family.samples]
        found = {(s.name, tuple(sorted(s.labels.items()))): s.value for s in samples}
        assert len(found) == len(samples), "a metric is told twice"
        return found


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Asked]:
    """A port that has taken no second yet."""
    monkeypatch.chdir(tmp_path)
    number, complaints = free_port(), list[str]()
    monkeypatch.setenv("SYSLOAD_PORT", str(number))
    settings = Settings.load().sysload
    port = Port(settings, problems=[lambda: complaints], comparisons=lambda: COMPARISONS)
    port.start()
    yield Asked(port, number, complaints)
    port.close()


def test_before_the_first_second(asked: Asked) -> None:
    """It is alive, not ready, has no phase, and little to measure."""
    assert asked.document("/healthz") == (200, {"healthy": True, "problems": []})
    assert asked.document("/readyz") == (503, {"ready": False, "problems": ["The first second is not over."]})
    assert asked.document("/phase")[0] == 503
    assert set(asked.metrics()) == {("sysload_healthy", ())}


def test_with_seconds_it_is_ready(asked: Asked) -> None:
    """Both checks are true, for whoever asks, by GET or HEAD, with a query or without."""
    asked.port.take(SECOND)
    assert asked.document("/healthz?verbose") == (200, {"healthy": True, "problems": []})
    assert asked.document("/readyz") == (200, {"ready": True, "problems": []})
    assert asked.get("/readyz", "HEAD")[::2] == (200, b"")
    assert asked.get("/readyz", "POST")[0] == 501
    status, document = asked.document("/elsewhere")
    assert status == 404
    assert "/healthz, /readyz, /metrics, /phase" in document["problems"][0]


def test_what_is_wrong_is_told(asked: Asked) -> None:
    """A dead worker and every part's complaint are a sentence each and make it false; readiness is another matter."""
    asked.port.take(dataclasses.replace(SECOND, workers_dead=2))
    asked.complaints.append("The export is behind by 90 s.")
    wanted = ["2 of its own workers are dead.", "The export is behind by 90 s."]
    assert asked.document("/healthz") == (503, {"healthy": False, "problems": wanted})
    assert asked.document("/readyz")[0] == 200
    assert asked.metrics()["sysload_healthy", ()] == 0
    asked.complaints.clear()
    asked.port.take(SECOND)
    assert asked.document("/healthz")[0] == 200


def test_silence_is_unhealthy(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a new second for some seconds it is not well, whether there was one before or not."""
    monkeypatch.setattr(port_module, "SILENT_S", 0.3)
    eventually(lambda: asked.document("/healthz")[0] == 503, "it is silent")
    assert "No second was recorded" in asked.document("/healthz")[1]["problems"][0]
    monkeypatch.setattr(port_module, "SILENT_S", 60.0)
    asked.port.take(SECOND)
    assert asked.document("/healthz")[0] == 200
    monkeypatch.setattr(port_module, "SILENT_S", 0.3)
    eventually(lambda: asked.document("/healthz")[0] == 503, "it is silent again")


def test_metrics_hold_the_whole_second(asked: Asked) -> None:
    """Every number of the row has its own name and help; what the machine does not tell is absent."""
    asked.port.take(SECOND)
    found = asked.metrics()
    for group in ("targets", "achieved", "host", "container", "stall"):
        for name, value in dataclasses.asdict(getattr(SECOND, group)).items():
            assert found.get((f"sysload_{group}_{name}", ())) == value
    assert found["sysload_healthy", ()] == 1
    assert found["sysload_second_at", ()] == SECOND.at
    assert found["sysload_second_over_s", ()] == 1.5
    assert found["sysload_restarts_total", ()] == 2
    assert found["sysload_shortfalls", ()] == 1
    assert found["sysload_phase", (("phase", SECOND.phase),)] == 1
    text = asked.get("/metrics")[2].decode()
    assert "# HELP sysload_container_throttled_ms container: time for which the quota held the cgroup back." in text


def test_metrics_hold_the_watch(asked: Asked) -> None:
    """Each target: up, latency, changes, flapping, the engine's word; quantiles before and under pressure."""
    asked.port.take(SECOND)
    found = asked.metrics()
    shop, database, new = ((("target", one.target),) for one in SECOND.watched)
    assert [found.get(("sysload_watched_up", target)) for target in (shop, database, new)] == [0, 1, None]
    assert [found.get(("sysload_watched_latency_ms", target)) for target in (shop, database)] == [None, 1.25]
    assert [found["sysload_watched_changes_total", target] for target in (shop, database, new)] == [7, 0, 0]
    assert [found["sysload_watched_flapping", target] for target in (shop, database, new)] == [1, 0, 0]
    assert found["sysload_watched_state_for_s", shop] == 3.5
    assert found["sysload_watched_engine", (("says", "healthy"), *shop)] == 1
    assert found["sysload_watched_engine_contradicted_s_total", shop] == 6
    quantiles = {
        (dict(labels)["pressure"], dict(labels)["quantile"]): value
        for (name, labels), value in found.items()
        if name == "sysload_watched_latency_quantile_ms"
    }
    before = {("before", "0.5"): 1.0, ("before", "0.95"): 2.0, ("before", "1"): 3.0}
    assert quantiles == {**before, ("under", "0.5"): 4.0, ("under", "0.95"): math.inf, ("under", "1"): math.inf}


def test_the_phase_is_a_document(asked: Asked) -> None:
    """The last second whole, and what the pressure did to the checks; infinity, which JSON lacks, is null."""
    asked.port.take(dataclasses.replace(SECOND, phase="before"))
    asked.port.take(SECOND)
    status, document = asked.document("/phase")
    assert status == 200
    assert document["phase"] == SECOND.phase
    assert 0 <= document["age_s"] < 60
    assert document["targets"] == dataclasses.asdict(SECOND.targets)
    assert document["achieved"]["cpu_percent"] == 39.5
    assert document["watched"][0]["error"] == "HTTP 503"
    assert document["comparisons"][0]["under"] == {"count": 10, "p50_ms": 4.0, "p95_ms": None, "max_ms": None}
    assert document["comparisons"][0]["transitions"] == [{"at_s": 1_799_999_990.0, "to": "down", "lasted_s": 30.0}]


def test_a_port_that_is_taken(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is told at the start with the settings' names; the process ends with 5."""
    with pytest.raises(UnreachableError, match=rf"cannot listen on {LOOPBACK}:{asked.number}.*SYSLOAD_PORT") as caught:
        Port(Settings.load().sysload).start()
    assert caught.value.exit_code == ExitCode.SETTINGS
    monkeypatch.setenv("SYSLOAD_BIND", "192.0.2.1")
    with pytest.raises(UnreachableError, match=r"192\.0\.2\.1.*SYSLOAD_BIND"):
        Port(Settings.load().sysload).start()


def test_without_a_port_nothing_listens(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """SYSLOAD_PORT=0 serves nothing, and seconds are taken all the same."""
    monkeypatch.setenv("SYSLOAD_PORT", "0")
    port = Port(Settings.load().sysload)
    port.start()
    port.take(SECOND)
    assert port.problems() == []
    port.close()


def test_the_end_waits_for_no_client(asked: Asked) -> None:
    """A client that says nothing holds up neither others nor the end, and the port can be had again at once."""
    asked.port.take(SECOND)
    with socket.create_connection((LOOPBACK, asked.number)) as silent, Stopwatch() as watch:
        silent.sendall(b"GET /healthz HT")
        assert asked.document("/healthz")[0] == 200
        asked.port.close()
        again = Port(Settings.load().sysload)
        again.start()
        again.close()
    assert watch.took_s < 2


def test_clients_one_too_many_are_hung_up_on(asked: Asked) -> None:
    """Connections that are only held open cannot grow its threads without bound; when they go, others are served."""
    asked.port.take(SECOND)
    with contextlib.ExitStack() as held:
        for _ in range(MOST_CLIENTS):
            held.enter_context(socket.create_connection((LOOPBACK, asked.number), timeout=10))
        eventually(lambda: not served(asked), "one too many is hung up on", within_s=CLIENT_S - 1)
    eventually(lambda: served(asked), "others are served")


def served(asked: Asked) -> bool:
    """Whether it answers at this moment."""
    try:
        return asked.get("/readyz")[0] == 200
    except (http.client.HTTPException, OSError):
        return False
