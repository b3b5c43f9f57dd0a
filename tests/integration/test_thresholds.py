"""Thresholds in real runs: exit codes, what CI reads, and runs that end early."""

from __future__ import annotations

import json
import re
import socket
import time
import xml.etree.ElementTree as ET
from signal import SIGINT
from typing import TYPE_CHECKING

import pytest

from tests.integration.locust_process import ROOT, Finished, LocustProcess, make_shop, open_database, rows, run_locust

if TYPE_CHECKING:
    from pathlib import Path

USERS = ("-u", "20", "-r", "20")


def write(folder: Path, text: str) -> None:
    """The thresholds file of a run in this folder."""
    (folder / "thresholds.toml").write_text(text)


def assert_passed(done: Finished) -> None:
    """Exit code 0; on a machine so busy that the generator itself was late, the 4 of an invalid run."""
    late = done.run["instrument"]["invalid"]
    assert done.run["verdict"] == ("invalid" if late else "pass"), done.output
    assert done.code == (4 if late else 0), done.output


def test_a_threshold_that_holds_passes(database: dict[str, str], tmp_path: Path) -> None:
    """Exit code 0, the numbers compared in run.json, and reports that say the same as run.json."""
    make_shop(database, items=50)
    write(tmp_path, '"probe stock.left" = ["min >= 0"]\n' + (ROOT / "thresholds.toml").read_text())
    done = run_locust(*USERS, "-t", "4s", env=database, cwd=tmp_path)
    assert_passed(done)
    results = {(t["target"], t["expression"]): t for t in done.run["thresholds"]}
    p99 = done.run["requests"]["PG order.buy"]["measured"]["response_ms_of_offered"]["p99"]
    assert results["PG order.buy", "response_ms.p99 < 500"]["value"] == f"response p99 = {p99:.3g} ms"
    assert results["PG order.sold_out", "if any: response_ms.p99 < 500"]["result"] == "not applicable"
    assert results["probe stock.left", "min >= 0"]["result"] == "pass"
    word, errors = ("Invalid", "1") if done.run["verdict"] == "invalid" else ("Passed", "0")
    assert (done.folder / "summary.md").read_text().startswith(f"### {word}: ")
    junit = ET.parse(done.folder / "junit.xml").getroot()  # noqa: S314 - our own file
    assert (junit.get("failures"), junit.get("errors"), junit.get("skipped")) == ("0", errors, "3")


def test_a_threshold_that_fails(database: dict[str, str], tmp_path: Path) -> None:
    """Exit code 3, a red line in summary.md, a failure in junit.xml, and the first reason on the terminal."""
    make_shop(database, items=50)
    write(tmp_path, '"PG order.buy" = ["completed > 1e6", "response_ms.p99 < 0.001", "completed > 10"]')
    done = run_locust(*USERS, "-t", "3s", env=database, cwd=tmp_path)
    assert done.code == 3, done.output
    assert done.run["verdict"] == "fail"
    assert "Failed: PG order.buy: completed > 1e6 does not hold: completed = " in done.output
    summary = (done.folder / "summary.md").read_text().splitlines()
    red = summary[summary.index("```diff") + 1 :]
    assert red[0].startswith("- PG order.buy: completed > 1e6 (completed = ")
    assert red[1].startswith("- PG order.buy: response_ms.p99 < 0.001 (response p99 = ")
    junit = ET.parse(done.folder / "junit.xml").getroot()  # noqa: S314 - our own file
    failed = [case.get("name") for case in junit.iter("testcase") if case.find("failure") is not None]
    assert failed == [
        "the run passes",
        "PG order.buy: completed > 1e6",
        "PG order.buy: response_ms.p99 < 0.001",
    ]


def test_a_name_that_never_ran_is_unknown(database: dict[str, str], tmp_path: Path) -> None:
    """Exit code 4: nothing was restocked, so nothing is known of restocks."""
    make_shop(database, items=50)
    write(tmp_path, '"PG item.restock" = ["failed == 0"]')
    done = run_locust(*USERS, "-t", "3s", env=database, cwd=tmp_path)
    assert done.code == 4, done.output
    unknown = "PG item.restock: failed == 0 cannot be judged: no PG item.restock was measured."
    assert done.run["reasons"][-1].endswith(unknown)
    assert done.run["thresholds"][0]["result"] == "unknown"


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ('"PG order.buy" = ["respnse_ms.p99 < 50"]', "Did you mean response_ms.p99?"),
        ('"PG order.bye" = ["failed < 1"]', "Did you mean PG order.buy?"),
        ("\"PG order.buy\" = [\"__import__('os').system('touch owned') < 1\"]", "means nothing here"),
        ('"PG order.buy" = ["failed"]', "a comparison is wanted here"),
        ('ledger = "lost == 0"', "list of expressions"),
        ("[flashsail]", "Did you mean flashsale?"),
    ],
)
def test_a_mistake_ends_before_any_load(database: dict[str, str], tmp_path: Path, text: str, suggestion: str) -> None:
    """Exit code 5 with what was meant, no traceback, no results folder, no row written."""
    make_shop(database, items=5)
    write(tmp_path, text)
    done = run_locust("-u", "1", "-t", "3s", env=database, cwd=tmp_path)
    assert done.code == 5, done.output
    assert "thresholds.toml" in done.output
    assert suggestion in done.output
    assert "Traceback" not in done.output
    assert {path.name for path in tmp_path.iterdir()} == {"thresholds.toml", "locust.log"}
    assert rows(database, "SELECT count(*) FROM purchases")[0][0] == 0


def test_a_file_that_was_asked_for_must_exist(database: dict[str, str], tmp_path: Path) -> None:
    """THRESHOLDS_FILE names a file that is not there: exit code 5; the default file may be missing."""
    env = {**database, "THRESHOLDS_FILE": "mine.toml"}
    done = run_locust("-u", "1", "-t", "3s", env=env, cwd=tmp_path)
    assert done.code == 5, done.output
    assert 'THRESHOLDS_FILE is "mine.toml": No such file or directory' in done.output


def test_a_closed_loop_has_no_response(database: dict[str, str], tmp_path: Path) -> None:
    """With period 0 a threshold on response does not apply, one on service does, and the run passes."""
    make_shop(database, items=50)
    write(tmp_path, '"PG order.buy" = ["response_ms.p99 < 0.001", "service_ms.p99 < 5000"]')
    env = {**database, "PURCHASE_GEN_EVERY_MS": "0"}
    done = run_locust("-u", "2", "-r", "2", "-t", "3s", env=env, cwd=tmp_path)
    assert_passed(done)
    assert [t["result"] for t in done.run["thresholds"]] == ["not applicable", "pass"]


ABORT = 'run = ["abort: completed < 50", "completed > 1"]'
SHAPE = """
from locust import LoadTestShape

class SteadyShape(LoadTestShape):
    def tick(self):
        return (20, 20) if self.get_run_time() < 60 else None

    def duration_s(self):
        return 60.0
"""


@pytest.mark.parametrize("shaped", [False, True])
def test_an_abort_ends_a_run_early(database: dict[str, str], tmp_path: Path, *, shaped: bool) -> None:
    """The run stops after the grace, says which threshold did it, is audited, and fails, with a shape or without."""
    make_shop(database, items=50)
    write(tmp_path, ABORT)
    file = tmp_path / "aborted_sale.py"
    file.write_text((ROOT / "locustfiles" / "flashsale.py").read_text() + (SHAPE if shaped else ""))
    began = time.monotonic()
    env = {**database, "ABORT_GRACE_S": "3"}
    done = run_locust(*USERS, "-t", "60s", env=env, cwd=tmp_path, file=file)
    assert time.monotonic() - began < 50
    assert done.code == 3, done.output
    assert done.output.count("Stopping the run: run: abort: completed < 50 does not hold: completed = ") == 1
    run = done.run
    assert run["stopped_by"] == "threshold"
    assert run["complete"] is True
    assert 2.5 < run["ended_at"] - run["started_at"] < 30
    assert re.search(r" after ([3-9]|1\d) s, which stopped the run$", run["thresholds"][0]["value"])
    assert run["reasons"][0].startswith(
        "Failed: The load was stopped: run: abort: completed < 50 does not hold: completed = "
    )
    assert run["thresholds"][1]["result"] == "pass"
    assert run["ledger"]["state"] == "closed"
    assert (
        run["requests"]["PG order.buy"]["total"]["completed"] == rows(database, "SELECT count(*) FROM purchases")[0][0]
    )


def test_an_abort_stops_a_run_of_the_web_page(database: dict[str, str], tmp_path: Path) -> None:
    """With the page up only the run ends, not the process; its later exit code is the verdict's."""
    make_shop(database, items=50)
    write(tmp_path, ABORT)
    env = {**database, "ABORT_GRACE_S": "2"}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    with LocustProcess("--autostart", "--web-port", port, *USERS, env=env, cwd=tmp_path) as locust:
        locust.wait_for("verdict: fail")
        assert locust.process.poll() is None
        locust.signal(SIGINT)
        done = locust.wait()
    assert done.code == 3, done.output
    assert done.run["stopped_by"] == "threshold"


def test_an_abort_that_holds_stops_nothing(database: dict[str, str], tmp_path: Path) -> None:
    """An abort threshold that holds, and one without samples, let the run end by its time."""
    make_shop(database, items=50)
    write(tmp_path, '"PG order.buy" = ["abort: failed < 1000"]\n"PG item.restock" = ["abort: if any: failed < 0"]')
    env = {**database, "ABORT_GRACE_S": "0"}
    done = run_locust(*USERS, "-t", "4s", env=env, cwd=tmp_path)
    assert_passed(done)
    assert done.run["stopped_by"] == "run time"


def test_ctrl_c_while_an_aborted_run_drains(database: dict[str, str], tmp_path: Path) -> None:
    """A signal that comes while the run is ending by itself waits for the verdict: files and exit code are there."""
    make_shop(database, items=1, stock=1_000_000)
    write(tmp_path, 'run = ["abort: offered < 5"]')
    env = {**database, "ABORT_GRACE_S": "2", "PURCHASE_MIX": "buy:1"}
    blocker = open_database(database)
    blocker.autocommit = False
    with LocustProcess("--headless", *USERS, "-t", "60s", env=env, cwd=tmp_path) as locust:
        locust.wait_for_buys(database, 10)
        with blocker.cursor() as cursor:
            cursor.execute("SELECT 1 FROM items FOR UPDATE")
        locust.wait_for("Stopping the run")
        locust.signal(SIGINT)
        time.sleep(1.0)
        blocker.rollback()
        done = locust.wait()
    blocker.close()
    assert done.code == 3, done.output
    run = json.loads((done.folder / "run.json").read_text())
    assert run["complete"] is True
    assert run["stopped_by"] == "threshold"
    assert run["verdict"] == "fail"
    assert "Traceback" not in done.output
