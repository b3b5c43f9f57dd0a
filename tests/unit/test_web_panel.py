"""Our part of Locust's web UI, asked as a browser and a Prometheus ask it: page, data, tab, metrics, login."""

from __future__ import annotations

import html.parser
import json
from typing import TYPE_CHECKING, Any

import pytest

from lakestorm.load.web_charts import AGAIN_S, WINDOW_S, Window, tallies
from lakestorm.load.web_panel import OVER, RUNNING, Panel
from lakestorm.record.manifest import COUNTS
from lakestorm.record.readings import Reading
from tests.made_folders import Story
from tests.unit.made_panels import client_of, followed, made_run

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient

    from tests.unit.made_panels import MadeRun

OURS = ("/pipeline", "/pipeline/series", "/metrics")

pytestmark = pytest.mark.usefixtures("no_settings")


def series(client: FlaskClient, since: str = "0") -> dict[str, Any]:
    """The page's data."""
    answer = client.get(f"/pipeline/series?since={since}")
    assert answer.status_code == 200
    found: dict[str, Any] = json.loads(answer.text)
    return found


def curves(data: dict[str, Any]) -> dict[tuple[str, str], dict[float, float]]:
    """{(chart, label): {second: value}}."""
    return {
        (chart["name"], curve["label"]): dict(zip(curve["x"], curve["y"], strict=True))
        for chart in data["charts"]
        for curve in chart["curves"]
    }


def offering(run: MadeRun) -> list[Any]:
    """What was counted of the names that offer anything."""
    return [tally for tally in tallies(run.recorder).values() if tally.offers]


def test_before_a_run_there_is_nothing_to_show() -> None:
    """The page says so, the tab is empty, the metrics have no request."""
    client = client_of(Panel())
    assert series(client) == {"run": None, "state": "No run has begun yet."}
    assert {"key": "pipeline", "data": []} in json.loads(client.get("/stats/requests").text)["extended_stats"]
    assert [line for line in client.get("/metrics").text.splitlines() if line[0] != "#"] == ["lakestorm_users 0.0"]


def test_the_page_asks_for_nothing_of_others(tmp_path: Path) -> None:
    """No address in it but Locust's own page and an icon that is empty; a policy that forbids others."""
    text = client_of(followed(made_run(tmp_path))).get("/pipeline").text
    found: list[str] = []

    class References(html.parser.HTMLParser):
        def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend(str(value) for name, value in attrs if name in ("src", "href", "action", "srcset"))

    References().feed(text)
    assert sorted(found) == ["/", "data:,"]
    assert "default-src 'none'; connect-src 'self'" in text
    assert "url(" not in text


def test_curves_are_what_was_counted_and_read(tmp_path: Path) -> None:
    """Offered and answered by second, percentiles of canaries by second, readings as they are."""
    run = made_run(tmp_path)
    data = series(client_of(followed(run)))
    found = curves(data)
    offered = run.recorder.offered()
    assert found["rates", "offered"] == {second: offered[second] for second in range(29)}
    refused = [of.timeline.counts[:29, COUNTS.index("refused")].sum() for of in tallies(run.recorder).values()]
    assert sum(found["rates", "refused"].values()) == sum(refused) > 0
    of_names = [of.timeline.counts[:29, COUNTS.index("completed")].sum() for of in offering(run)]
    assert sum(found["rates", "completed"].values()) == sum(of_names)  # refusals' own name would count twice
    assert found["canary", "p95"][0.0] == 110.0
    assert found["canary", "p50"][0.0] == 100.0
    assert sorted(set(range(30)) - set(found["canary", "p50"])) == [20, 21, 22, 23, 24]  # the connector stood still
    assert found["slot", "log not confirmed"][24.3] == 5.01e6
    assert found["stock", "units left"][0.5] == 3000
    assert [(event["at_s"], event["label"]) for event in data["events"]] == [(4.0, "doors open")]
    assert (data["now_s"], data["since"], data["state"]) == (30.4, 0, RUNNING)


def test_a_run_without_a_pipeline_shows_rates_and_stock(tmp_path: Path) -> None:
    """And nothing that was not read."""
    run = made_run(tmp_path, Story(seconds=20, names=2))
    assert [chart["name"] for chart in series(client_of(followed(run)))["charts"]] == ["rates", "hot", "stock"]


@pytest.mark.parametrize(
    ("asked", "now", "first", "end"),
    [
        (0, 0.0, 0, 0),
        (0, 45.9, 0, 45),
        (45, 46.2, 45 - AGAIN_S, 46),
        (0, 5000.0, 5000 - WINDOW_S, 5000),
        (4999, 5000.0, 4999 - AGAIN_S, 5000),
        (10**12, 50.0, 50 - AGAIN_S, 50),
        (-5, 50.0, 0, 50),
    ],
)
def test_an_answer_is_bounded(asked: int, now: float, first: int, end: int) -> None:
    """Ten minutes at most, half a minute again, whatever is asked for."""
    assert Window.since(asked, now) == Window(first, end)


def test_a_question_that_is_no_number_is_answered_from_the_start(tmp_path: Path) -> None:
    """Nobody gets an error page for it."""
    client = client_of(followed(made_run(tmp_path)))
    assert series(client, since="x") == series(client)


def test_the_tab_has_a_row_a_reading(tmp_path: Path) -> None:
    """With Locust's own numbers beside, again and again, though Locust gives out one answer for two seconds."""
    run = made_run(tmp_path)
    client = client_of(followed(run))
    for _ in range(2):
        answer = json.loads(client.get("/stats/requests").text)
        assert answer["state"] == "missing"
        (table,) = (table for table in answer["extended_stats"] if table["key"] == "pipeline")
        rows = {row["name"]: row for row in table["data"]}
        assert list(rows) == list(run.recorder.readings.series)
        assert rows["connector.state"]["state"] == "cannot be read: the connection was refused"
        assert rows["connector.state"]["now"] == ""
        assert rows["stock.left"]["state"] == "ok"


def test_the_page_stands_still_when_the_run_is_over(tmp_path: Path) -> None:
    """Its end is marked, its curves stay, and no reading is called silent because time goes on."""
    run = made_run(tmp_path)
    run.stopped_by = "shape"
    panel = followed(run)
    panel.load_ended()
    panel.run_over()
    run.second = 4000.0
    data = series(client_of(panel))
    assert (data["now_s"], data["state"]) == (30.4, OVER)
    assert data["events"][-1] == {"at_s": 30.4, "label": "load ended: the shape ended"}
    assert {row["state"] for row in data["probes"]} == {"ok", "cannot be read: the connection was refused"}


@pytest.mark.parametrize("path", OURS)
def test_a_login_is_asked_for_as_everywhere(path: str) -> None:
    """With Locust's --web-login none of our routes answers a stranger."""
    client = client_of(Panel(), web_login=True)
    client.application.login_manager.user_loader(lambda _: None)  # type: ignore[attr-defined]
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer.location.startswith("/login")


@pytest.mark.parametrize("path", OURS)
def test_a_base_path_is_kept(path: str) -> None:
    """With Locust's --web-base-path our routes are below it, and nowhere else."""
    client = client_of(Panel(), web_base_path="/load")
    assert client.get(f"/load{path}").status_code == 200
    assert client.get(path).status_code == 404


def test_a_counted_second_may_still_change(tmp_path: Path) -> None:
    """What ends late counts where it was intended: the page is told again."""
    run = made_run(tmp_path)
    panel = followed(run)
    before = curves(panel.series(0))["rates", "offered"][20.0]
    tallies(run.recorder)["PG order.buy"].timeline.counts[20, 0] += 5
    assert curves(panel.series(29))["rates", "offered"][20.0] == before + 5


def test_groups_have_a_curve_each(tmp_path: Path) -> None:
    """As many as there are colours; their sum stands in the table."""
    run = made_run(tmp_path)
    for number in range(6):
        run.recorder.readings.add(Reading(30.2, "consumer_group", f"lag.group-{number}", 10.0 * number, "messages"))
    found = [label for chart, label in curves(followed(run).series(0)) if chart == "groups"]
    assert found == [f"group-{number}" for number in range(4)]
