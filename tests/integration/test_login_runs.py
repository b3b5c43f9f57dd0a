"""How a run with logins begins: its time is the load's, behind the history; and what is refused leaves nothing."""

from __future__ import annotations

from signal import SIGINT
from typing import TYPE_CHECKING

import pytest

from lakestorm.model.event_time import ms_from_timestamp
from lakestorm.sandbox.service import free_port
from tests.integration.locust_process import FLASHSALE, LocustProcess, make_shop, run_locust
from tests.integration.login_topics import LOGIN_FILE, fresh, topic_of
from tests.integration.test_web import Page

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.locust_process import Finished

RUN_S = 2.0
HISTORY = {"LOGIN_ACCOUNTS": "5000", "LOGIN_GEN_EVERY_MS": "20"}
"""60,000 logins of history, which take about as long to write as the run lasts."""


@pytest.fixture(scope="module")
def platform(kafka: dict[str, str], registry: dict[str, str]) -> dict[str, str]:
    """Settings of broker and registry."""
    return {**kafka, **registry}


def assert_whole_run_time(done: Finished, env: dict[str, str], *names: str) -> None:
    """The load lasted for its run time, the history's time not counted; event time ends with it."""
    assert done.ledger["state"] == "closed", done.output  # a busy machine may make it late, hence invalid
    assert done.run["stopped_by"] == "run time"
    lasted_s = done.run["ended_at"] - done.run["started_at"]
    assert lasted_s > 0.95 * RUN_S
    topic = topic_of(env)
    live = topic.of("live")
    written = [message.timestamp()[1] / 1e3 for message in live]
    history_s = min(written) - topic.of("backfill")[0].timestamp()[1] / 1e3
    assert history_s > 0.2 * RUN_S, "too quick a history to tell the difference"
    assert max(written) - min(written) > 0.75 * RUN_S
    for name in names:
        assert done.total(name)["offered"] > 0.75 * RUN_S * 20 * 10
    events = [ms_from_timestamp(topic.record(message)["timestamp"]) / 1e3 for message in live]
    assert all(event <= at for event, at in zip(events, written, strict=True)), "nothing is written into the future"
    assert max(events) > max(written) - 1, "event time begins where the load does, and ends at now"
    past = max(ms_from_timestamp(topic.record(message)["timestamp"]) / 1e3 for message in topic.of("backfill")[-200:])
    assert past <= min(events)


def test_the_run_time_begins_behind_the_history(platform: dict[str, str], tmp_path: Path) -> None:
    """`-t 2s` is two seconds of load, however long the history takes to write."""
    env = fresh(platform, **HISTORY)
    done = run_locust("-u", "20", "-r", "20", "-t", f"{RUN_S:g}s", env=env, cwd=tmp_path, file=LOGIN_FILE)
    assert_whole_run_time(done, env)


def test_the_run_time_of_a_mixed_run(platform: dict[str, str], database: dict[str, str], tmp_path: Path) -> None:
    """A sale beside logins waits for their history, and has its whole time too."""
    make_shop(database, items=50)
    env = fresh({**platform, **database}, **HISTORY, PURCHASE_GEN_EVERY_MS="50")
    both = f"{FLASHSALE},{LOGIN_FILE}"
    done = run_locust("-u", "40", "-r", "40", "-t", f"{RUN_S:g}s", env=env, cwd=tmp_path, file=both)
    assert_whole_run_time(done, env, "PG order.buy")


def test_the_run_time_of_the_page(platform: dict[str, str], tmp_path: Path) -> None:
    """A run that was started on the page with a run time lasts as long."""
    env, port = fresh(platform, **HISTORY), free_port()
    with LocustProcess("--web-port", str(port), env=env, cwd=tmp_path, file=LOGIN_FILE) as locust:
        page = Page(port)
        page.wait_until_up()
        page.get("/swarm", {"user_count": 20, "spawn_rate": 20, "run_time": f"{RUN_S:g}s"})
        locust.wait_for("verdict: ", 60)
        locust.signal(SIGINT)
        done = locust.wait()
    assert_whole_run_time(done, env)


def test_a_refused_run_leaves_the_results_as_they_were(platform: dict[str, str], tmp_path: Path) -> None:
    """A second run that cannot go on behind the topic's last event: exit 5, no new folder, `latest` is the first's."""
    env = fresh(platform)
    first = run_locust("-u", "5", "-r", "5", "-t", "1s", env=env, cwd=tmp_path, file=LOGIN_FILE)
    assert first.ledger["state"] == "closed", first.output
    before = {path.name: path.resolve().name for path in (tmp_path / "results").iterdir()}
    env["LOGIN_TIME_SCALE"] = "100000"
    second = run_locust("-u", "5", "-r", "5", "-t", "2s", env=env, cwd=tmp_path, file=LOGIN_FILE)
    assert second.code == 5, second.output
    assert "an account would be in two places at one time" in second.output
    assert {path.name: path.resolve().name for path in (tmp_path / "results").iterdir()} == before
