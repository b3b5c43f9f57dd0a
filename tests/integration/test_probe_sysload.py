"""The probe `sysload`: what a run reads of a sys-load that works beside the platform, and where its results show it."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest

from lakestorm.errors import ProbeError
from lakestorm.probes import lineup
from lakestorm.probes import sysload as probe_module
from lakestorm.probes.sysload import Sysload
from lakestorm.record.folder import Results
from lakestorm.report.timescale import time_scale
from lakestorm.sandbox.service import LOOPBACK, free_port
from lakestorm.settings import Settings
from sysload.port import Port
from tests.integration.health_endpoints import Talker, eventually, serving
from tests.integration.locust_process import ROOT, run_locust
from tests.made_seconds import a_second

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lakestorm.probes.asking import Value


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Port]:
    """sys-load's own port, without a second yet."""
    monkeypatch.chdir(tmp_path)
    number = free_port()
    monkeypatch.setenv("SYSLOAD_PORT", str(number))
    monkeypatch.setenv("SYSLOAD_URL", f"http://{LOOPBACK}:{number}/")
    served = Port(Settings.load().sysload)
    served.start()
    yield served
    served.close()


def probe() -> Sysload:
    """The probe that the settings turn on."""
    (found,) = lineup.sysload_probes(Settings.load())
    assert isinstance(found, Sysload)
    return found


def read(from_: Sysload) -> dict[str, Value]:
    """One sample by name."""
    return {value.name: value for value in from_.sample()}


def test_what_it_reads(port: Port) -> None:
    """Targets, what was achieved, how many checks are not well, each of them, and the phase; each with its unit."""
    second = a_second(watched=2)
    port.take(second)
    found = read(probe())
    assert {name: value.unit for name, value in found.items() if name in Sysload.units} == Sysload.units
    wanted = {
        "target_cpu_percent": second.targets.cpu_percent,
        "cpu_percent": second.achieved.cpu_percent,
        "target_memory_mb": second.targets.memory_mb,
        "memory_mb": second.achieved.memory_mb,
        "target_disk_mbps": second.targets.disk_mbps,
        "disk_mbps": second.achieved.disk_read_mbps + second.achieved.disk_write_mbps,
        "shortfalls": 1,
        "checks_down": 1,
        "flapping": 1,
        f"phase.{second.phase}": 1,
        "up.http://127.0.0.1:8000/healthz": 1,
        "latency_ms.http://127.0.0.1:8000/healthz": 1.5,
        "up.http://127.0.0.1:8001/healthz": 0,
        "latency_ms.http://127.0.0.1:8001/healthz": None,
    }
    assert {name: value.value for name, value in found.items()} == wanted
    assert found["latency_ms.http://127.0.0.1:8001/healthz"].error == "Verbindung verweigert"
    assert set(lineup.readings()) >= {"sysload.cpu_percent", "sysload.phase.*", "sysload.up.*"}


def test_a_phase_that_is_over_is_zero(port: Port) -> None:
    """So that the results have where each began and where it ended."""
    asked, seen = probe(), []
    for phase in ("rest", "full", "rest"):
        port.take(dataclasses.replace(a_second(), phase=phase))
        found = read(asked)
        seen.append({name: value.value for name, value in found.items() if name.startswith("phase.")})
    assert seen == [{"phase.rest": 1}, {"phase.rest": 0, "phase.full": 1}, {"phase.rest": 1, "phase.full": 0}]


def test_no_number_without_a_fresh_second(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first second, with an old one, and when nobody listens any more there is an error, never a number."""
    asked = probe()
    with pytest.raises(ProbeError, match="503"):
        read(asked)
    port.take(a_second())
    read(asked)
    monkeypatch.setattr(probe_module, "FRESH_S", 0.2)
    time.sleep(0.3)
    with pytest.raises(ProbeError, match="its last second is 0 s old"):
        read(asked)
    port.close()
    with pytest.raises(ProbeError, match="Connect"):
        read(asked)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"hello", b'{"age_s": 0}', b'{"age_s": 0, "targets": 7}'])
def test_something_else_listens_there(body: bytes) -> None:
    """An answer that is none of a sys-load's is an error that says where it came from."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
    talker = Talker(head % len(body) + body, hangs_up=True)
    with serving(talker), pytest.raises(ProbeError, match=rf"http://{talker.place}/phase is not what a sys-load says"):
        read(Sysload(f"http://{talker.place}"))


def is_ready(url: str) -> bool:
    """Whether a sys-load has a second."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:  # noqa: S310 - a URL of our own
            return bool(answer.status == 200)
    except OSError:
        return False


def test_a_run_marks_the_phases_of_the_pressure(shop: dict[str, str], tmp_path: Path) -> None:
    """A run beside a real sys-load: its results hold targets and phases, and its time axis shows where they began."""
    url = f"http://{LOOPBACK}:{(number := free_port())}"
    pressure = {
        "SYSLOAD_CPU_PERCENT": "5",
        "SYSLOAD_PHASES": "steps",
        "SYSLOAD_PHASES_S": "15",
        "SYSLOAD_PORT": str(number),
        "SYSLOAD_WATCH": f"postgres://{shop['POSTGRES_USER']}@{LOOPBACK}:{shop['POSTGRES_PORT']}/{shop['POSTGRES_DB']}",
        "SYSLOAD_WATCH_BASELINE_S": "0",
    }
    everything = {**os.environ, "PYTHONPATH": str(ROOT), **shop, **pressure}
    beside = subprocess.Popen([sys.executable, "-m", "sysload"], cwd=tmp_path, env=everything)
    try:
        eventually(lambda: is_ready(url), "sys-load is ready")
        done = run_locust("-u", "2", "-t", "8", env={**shop, "SYSLOAD_URL": url}, cwd=tmp_path)
    finally:
        beside.terminate()
        code = beside.wait(10)
    assert (done.code, code) == (0, 0), done.output
    results = Results.read(done.folder)
    phases = {
        name for (probe, name), series in results.probes.items()
        if probe == "sysload" and name.startswith("phase.") and (series.value > 0).any()  # not over before the run
    }  # fmt: skip
    assert len(phases) >= 2, "the pressure was in several phases"
    labels = [event.label for event in time_scale(results).events]
    assert {f"sys-load: {name.removeprefix('phase.')}" for name in phases} <= set(labels)
    series = results.probes["sysload", "target_cpu_percent"]
    assert len(set(series.value.tolist())) >= 2
    (up,) = (series for (_, name), series in results.probes.items() if name.startswith("up.postgres://"))
    assert up.value.min() == 1
    assert done.run["probes"]["sysload.cpu_percent"]["count"] >= 5
