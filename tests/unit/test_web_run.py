"""The tab Run, what Locust's page is told of a run's state, and when another run may be started."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lakestorm.load.catalogue import Catalogue
from lakestorm.load.purchases import FlashSale
from lakestorm.load.verdicts import Judge
from lakestorm.load.web_form import BUSY
from lakestorm.load.web_panel import OVER, RUNNING, WAITING, Panel
from lakestorm.load.web_run import ALL, COUNTED, NO_REPORT, unbroken
from lakestorm.settings import Settings
from lakestorm.verdict.verdict import judged
from tests.unit import made_runs
from tests.unit.made_pages import page_of
from tests.unit.made_panels import MadeRun, made_run

if TYPE_CHECKING:
    from flask.testing import FlaskClient

pytestmark = pytest.mark.usefixtures("no_settings")


BROKEN = "PG order.buy: offered > 1e9 does not hold"


def shown(panel: Panel, run: MadeRun, thresholds: str = "") -> None:
    """Show a run, judged by these thresholds."""
    if thresholds:
        Path("thresholds.toml").write_text(thresholds, encoding="utf-8")
    panel.follow(run, ["flashsale"])  # type: ignore[arg-type] # it has what the panel asks for
    panel.board.follow(run, Judge(Settings.load(), [FlashSale(), Catalogue()]))  # type: ignore[arg-type]


def table(client: FlaskClient) -> dict[str, dict[str, Any]]:
    """The tab's rows by request, with ordinary spaces."""
    tables = json.loads(client.get("/stats/requests").text)["extended_stats"]
    (rows,) = (found["data"] for found in tables if found["key"] == "run")
    return {row["request"]: row | {"verdict": row["verdict"].replace("\N{NO-BREAK SPACE}", " ")} for row in rows}


def test_before_a_run_there_is_one_row() -> None:
    """It says so, and counts nothing rather than 0."""
    rows = table(page_of(Settings.load()))
    assert list(rows) == [ALL]
    assert rows[ALL]["verdict"] == WAITING
    assert {rows[ALL][what] for what in COUNTED} == {""}


def test_rows_are_what_was_counted(tmp_path: Path) -> None:
    """Each name that offers anything, and their sum before them; names of latencies alone have no row."""
    run, panel = made_run(tmp_path), Panel()
    shown(panel, run)
    rows = table(page_of(Settings.load(), panel))
    offering = {name: tally.total.counts for name, tally in run.recorder.tallies.items() if tally.offers}
    names = [name for name, counts in offering.items() if counts["offered"]]
    assert list(rows) == [ALL, *names]
    assert len(names) < len(run.recorder.tallies)
    for name in names:
        assert [rows[name][what] for what in COUNTED] == [offering[name][what] for what in COUNTED]
    assert rows[ALL]["offered"] == sum(counts["offered"] for counts in offering.values()) > 0
    assert min(rows.values(), key=lambda row: row["name"])["request"] == ALL


@pytest.mark.parametrize(
    ("threshold", "of_all", "of_name"),
    [
        ("offered > 0", "Passed, if it ended now and its books balance.", "1 of 1 thresholds hold."),
        ("offered > 1e9", f"Failed, if it ended now: {BROKEN}", BROKEN),
    ],
)
def test_the_verdict_so_far(tmp_path: Path, threshold: str, of_all: str, of_name: str) -> None:
    """What thresholds say of the seconds that are over; the books are not known before the end."""
    panel = Panel()
    shown(panel, made_run(tmp_path), f'"PG order.buy" = ["{threshold}"]\n')
    rows = table(page_of(Settings.load(), panel))
    assert rows[ALL]["verdict"].startswith(of_all)
    assert rows[ALL]["verdict"].endswith(RUNNING)
    assert rows["PG order.buy"]["verdict"].startswith(of_name)


def test_books_are_not_judged_before_the_end(tmp_path: Path) -> None:
    """A run whose only threshold is on its ledger has neither passed nor failed yet, and no name a verdict."""
    panel = Panel()
    shown(panel, made_run(tmp_path), '"ledger" = ["oversold == 0"]\n')
    rows = table(page_of(Settings.load(), panel))
    assert rows[ALL]["verdict"] == f"Not known yet. {RUNNING}"
    assert rows["PG order.buy"]["verdict"] == ""


def test_the_end_has_the_runs_own_verdict_and_its_report(tmp_path: Path) -> None:
    """The first of its reasons; the report is the file in its folder, and 404 with a sentence where there is none."""
    panel = Panel()
    client = page_of(Settings.load(), panel)
    assert (client.get("/report").status_code, client.get("/report").text) == (404, NO_REPORT)
    shown(panel, made_run(tmp_path))
    panel.load_ended()
    run = judged(made_runs.run(), [])
    (tmp_path / "report.html").write_text("<h1>The report ü</h1>", encoding="utf-8")
    panel.board.over(run, tmp_path)
    panel.run_over()
    assert table(client)[ALL]["verdict"] == f"{run.reasons[0]} {OVER}"
    assert client.get("/report").text == "<h1>The report ü</h1>"
    (tmp_path / "report.html").unlink()
    assert client.get("/report").status_code == 404
    assert "No such file" in client.get("/report").text


def test_a_refused_run_says_why(tmp_path: Path) -> None:
    """Until the next is asked for; and that may be at once."""
    panel = Panel()
    panel.begins()
    assert panel.is_busy()
    panel.refused("PostgreSQL at nowhere cannot be used.")
    client = page_of(Settings.load(), panel)
    assert table(client)[ALL]["verdict"] == "The run was refused. PostgreSQL at nowhere cannot be used."
    assert not panel.is_busy()


def test_a_run_goes_on_until_it_has_its_verdict(tmp_path: Path) -> None:
    """Locust's page asks for no more numbers once it is told otherwise; between runs it is told what is true."""
    panel = Panel()
    assert [panel.told(state) for state in ("ready", "stopped", "missing")] == ["ready", "stopped", "missing"]
    panel.begins()
    assert [panel.told(state) for state in ("ready", "stopped", "spawning")] == ["spawning"] * 3
    shown(panel, made_run(tmp_path))
    assert [panel.told(state) for state in ("ready", "running", "cleanup", "stopped")] == ["running"] * 4
    assert panel.told("spawning") == "spawning"
    panel.load_ended()
    assert [panel.told(state) for state in ("cleanup", "stopping", "stopped")] == ["running"] * 3
    panel.run_over()
    assert panel.told("stopped") == "stopped"


def test_no_run_begins_while_another_is_balanced(tmp_path: Path) -> None:
    """The form is told to wait; while users make load it may change their number."""
    panel = Panel()
    client = page_of(Settings.load(), panel)

    def ask() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(client.post("/swarm", data={"user_count": "1", "spawn_rate": "1"}).text)
        return found

    shown(panel, made_run(tmp_path))
    assert ask()["message"] != BUSY
    panel.load_ended()
    assert (ask()["success"], ask()["message"]) == (False, BUSY)
    panel.run_over()
    assert ask()["message"] != BUSY


@pytest.mark.parametrize("sentence", ["", "Passed.", "Failed: " + "word " * 40, "x" * 200])
def test_a_sentence_keeps_its_words(sentence: str) -> None:
    """Only the kind of some spaces changes."""
    assert unbroken(sentence).replace("\N{NO-BREAK SPACE}", " ") == sentence.strip()
