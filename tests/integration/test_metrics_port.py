"""Prometheus reads a run without a page: at a port of its own, while it goes on."""

from __future__ import annotations

import contextlib
import socket
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import psutil
from prometheus_client.parser import text_string_to_metric_families

from lakestorm.errors import ExitCode
from lakestorm.sandbox.service import free_port
from tests.integration.locust_process import BOOKS_ALONE, LocustProcess, make_shop, run_locust

if TYPE_CHECKING:
    from pathlib import Path


def metrics(port: int, path: str = "/metrics") -> dict[str, float]:
    """{metric: sum over its labels} at a port of loopback; empty while nobody listens there."""
    found: dict[str, float] = {}
    with (
        contextlib.suppress(ConnectionRefusedError, urllib.error.URLError),
        urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer,
    ):
        for family in text_string_to_metric_families(answer.read().decode()):
            for sample in family.samples:
                found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


def test_a_headless_run_is_read_while_it_goes_on(database: dict[str, str], tmp_path: Path) -> None:
    """Its counts stand at METRICS_PORT, on loopback alone, and are none above what the record has in the end."""
    make_shop(database, items=5)
    port = free_port()
    env = {**database, **BOOKS_ALONE, "METRICS_PORT": str(port)}
    with LocustProcess("--headless", "--only-summary", "-u", "2", "-t", "4", env=env, cwd=tmp_path) as locust:
        until = time.monotonic() + 60
        while not (found := metrics(port)).get("lakestorm_requests_total"):
            assert time.monotonic() < until, locust.output()
            time.sleep(0.1)
        sockets = psutil.Process(locust.process.pid).net_connections("tcp")
        assert [s.laddr.ip for s in sockets if s.status == psutil.CONN_LISTEN] == ["127.0.0.1"]
        done = locust.wait()
    assert done.sound_code == 0, done.output
    ended = sum(of["total"]["offered"] or 0 for of in done.run["requests"].values())
    assert 0 < found["lakestorm_requests_offered_total"] <= ended
    assert found["lakestorm_run_info"] == 1


def test_a_port_that_is_taken_is_refused(database: dict[str, str], tmp_path: Path) -> None:
    """Before any load, with a sentence that names setting and port, as every setting that cannot be."""
    make_shop(database, items=1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_locust("-u", "1", "-t", "2", env={**database, "METRICS_PORT": str(port)}, cwd=tmp_path)
    assert done.code == ExitCode.SETTINGS
    assert f"METRICS_PORT is {port}: Address already in use on 127.0.0.1." in done.output
    assert "Traceback" not in done.output
