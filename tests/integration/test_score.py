"""Logins with known anomalies, a detector beside them, and its score: all on a real Kafka and a real registry."""

from __future__ import annotations

import bisect
import csv
import dataclasses
import io
import ipaddress
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from confluent_kafka import Consumer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer

from tests.integration.locust_process import ROOT, run_locust
from tests.integration.test_sandbox_kafka import topic_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LOGIN = ROOT / "locustfiles" / "login.py"
LIMIT_S = 60


def lakestorm(*args: str, env: Mapping[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """`lakestorm …` to its end, as a user runs it."""
    command = [sys.executable, "-m", "lakestorm.cli", *args]
    return subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


@dataclasses.dataclass(frozen=True)
class Watched:
    """A run, and what the detector beside it said on standard error."""

    env: dict[str, str]
    cwd: Path
    said: str

    @property
    def folder(self) -> Path:
        """The run's results."""
        return self.cwd / "results" / "latest"

    def score(self, alerts: str, *args: str, **env: str) -> tuple[int, dict[str, Any]]:
        """Exit code and score of alerts."""
        done = lakestorm(
            "score", "results/latest", "--alerts", alerts, "--json", *args, env=self.env | env, cwd=self.cwd
        )
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def alerts(self, lines: list[dict[str, Any]]) -> str:
        """A file of alerts."""
        file = self.cwd / f"{secrets.token_hex(4)}.jsonl"
        file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        return str(file)


@pytest.fixture(scope="module")
def watched(kafka: dict[str, str], registry: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """A run with 1 % anomalies, many hard cases and disorder, which `lakestorm detect` watches from beside."""
    topic, cwd = topic_of(kafka), tmp_path_factory.mktemp("logins")
    disorder = {f"LOGIN_{kind}_RATIO": "0.01" for kind in ("LATE", "DUPLICATE", "POISON")}
    env = kafka | registry | disorder | {
        "LOGIN_TOPIC": topic, "LOGIN_LABELS_TOPIC": f"{topic}-labels", "LOGIN_ACCOUNTS": "300",
        "LOGIN_TIME_SCALE": "1000", "LOGIN_ANOMALY_RATIO": "0.01", "LOGIN_HARD_RATIO": "0.2", "THRESHOLDS_FILE": "",
    }  # fmt: skip
    detector = subprocess.Popen(
        [sys.executable, "-m", "lakestorm.cli", "detect", "--from-beginning", "--alerts", "alerts.jsonl"],
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        cwd=cwd,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        run = run_locust("-u", "30", "-r", "30", "-t", "15s", env=env, cwd=cwd, file=LOGIN)
        assert run.sound_code == 0, run.output
        detector.send_signal(signal.SIGTERM)
        _, said = detector.communicate(timeout=LIMIT_S)
    finally:
        detector.kill()
    assert detector.returncode == 0, said
    return Watched(env, cwd, said.replace("\u2009", ""))


class Seen(NamedTuple):
    """A login as a stranger's consumer sees it."""

    user_id: str
    timestamp: str
    ip: str
    class_: str


@pytest.fixture(scope="module")
def logins(watched: Watched) -> list[Seen]:
    """The topic without poison and duplicates, read by confluent-kafka's own consumer and deserializer."""
    return list(read_topic(watched.env))


def read_topic(env: dict[str, str]) -> Iterator[Seen]:
    """Every record but poison and duplicates, each partition in order."""
    consumer = Consumer(
        {
            "bootstrap.servers": env["KAFKA_BROKERS"],
            "group.id": secrets.token_hex(4),
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
    )
    consumer.subscribe([env["LOGIN_TOPIC"]])
    left, until_s = 3, time.monotonic() + LIMIT_S
    with SchemaRegistryClient({"url": env["SCHEMA_REGISTRY_URL"]}) as registry:
        read: Any = AvroDeserializer(registry)
        while left and time.monotonic() < until_s:
            message = consumer.poll(1)
            if message is not None and message.error() is not None:
                left -= 1
            elif message is not None:
                class_ = dict(message.headers() or [])["lakestorm-class"].decode()  # type: ignore[union-attr]
                if class_ not in ("poison", "duplicate"):
                    record = read(message.value(), None)
                    yield Seen(record["user_id"], record["timestamp"], record["ip"], class_)
    consumer.close()
    assert not left, "the topic was not read to its end"


def test_the_reference_detector_scores_well(watched: Watched) -> None:
    """Beside a run with 1 % anomalies it finds ≥ 99 % of them, ≥ 95 % of its alerts are right, and it is quick."""
    code, score = watched.score("alerts.jsonl", "--reads-kind")
    assert code == 0
    for kind in ("all", "impossible_travel", "unseen_country"):
        of = score["kinds"][kind]
        assert of["labelled"] >= 10, kind
        assert of["recall"] >= 0.99, kind
        assert of["precision"] >= 0.95, kind
    assert 0 <= score["delay_ms"]["p50"] <= score["delay_ms"]["p95"] < 5000
    assert score["delay_ms"]["count"] == score["kinds"]["all"]["true_positives"]
    assert json.loads((watched.folder / "score.json").read_text())["kinds"] == score["kinds"]


def test_the_score_reaches_what_ci_reads(watched: Watched) -> None:
    """summary.md has its table and what it had to hold; junit.xml its figures, and a red case for what it did not."""
    (watched.cwd / "ci.toml").write_text('"score all" = ["recall >= 0.99", "recall < 0.5"]\n')
    code, score = watched.score("alerts.jsonl", "--reads-kind", THRESHOLDS_FILE="ci.toml")
    assert code == 3
    summary = (watched.folder / "summary.md").read_text()
    of = score["kinds"]["all"]
    row = next(line for line in summary.splitlines() if line.startswith("| all, by login"))
    assert row.split(" | ")[1:3] == [str(of["labelled"]), str(of["true_positives"])]
    assert "to its alert: p50" in summary
    suite = ET.parse(watched.folder / "junit.xml").getroot()[0]  # noqa: S314 - written by ourselves
    properties = {p.get("name"): p.get("value") for p in suite.findall("properties/property")}
    assert float(properties["score all precision"] or "") == of["precision"]
    assert float(properties["score all delay_ms.p95"] or "") == score["delay_ms"]["p95"]
    cases = {c.get("name"): len(c) for c in suite.findall("testcase") if c.get("classname") == "login.score"}
    assert cases == {"score all: recall >= 0.99": 0, "score all: recall < 0.5": 1}


def test_the_detector_read_everything_and_skipped_the_poison(watched: Watched) -> None:
    """What it says it read and skipped is what the run was told was acknowledged, class by class."""
    classes = json.loads((watched.folder / "login_counts.json").read_text())["acknowledged"]
    assert classes["poison"] > 10
    assert classes["duplicate"] > 10
    poison = classes.pop("poison")
    said = f"{sum(classes.values())} logins read, {poison} records skipped as poison, 0 from addresses that are not"
    assert said in watched.said


def test_a_detector_that_always_alerts_scores_badly(watched: Watched, logins: list[Seen]) -> None:
    """It finds everything, and hardly one alert in twenty is right; the table's yardstick says the same."""
    alerts = [{"user_id": login.user_id, "timestamp": login.timestamp} for login in logins]
    _, score = watched.score(watched.alerts(alerts), "--reads-kind")
    always, good = score["kinds"]["all"], watched.score("alerts.jsonl", "--reads-kind")[1]["kinds"]["all"]
    assert always["recall"] == 1.0
    assert always["precision"] < 0.05
    assert always["f1"] < good["f1"] / 5
    assert always == score["yardsticks"]["always"]
    assert score["false_alerts_per_1000_logins"] > 300


def test_a_detector_that_never_alerts_scores_badly(watched: Watched) -> None:
    """It finds nothing: recall and F1 are 0, and there is no precision."""
    _, score = watched.score(watched.alerts([]), "--reads-kind")
    never = score["kinds"]["all"]
    assert (never["recall"], never["f1"], never["precision"]) == (0.0, 0.0, None)
    assert {**never, "false_positives": 0} == score["yardsticks"]["never"]


def test_a_detector_without_history_scores_badly(watched: Watched, logins: list[Seen]) -> None:
    """Who has not seen the days before the run takes every country for new; countries are those of `lakestorm geo`."""
    table = list(csv.DictReader(io.StringIO(lakestorm("geo", "--csv", env={}, cwd=watched.cwd).stdout)))
    starts = [int(ipaddress.ip_address(row["start"])) for row in table]
    seen: set[tuple[str, str]] = set()
    alerts = []
    for login in logins:
        address = int(ipaddress.ip_address(login.ip))
        row = table[bisect.bisect(starts, address) - 1]
        assert address <= int(ipaddress.ip_address(row["end"])), login.ip
        is_new = (login.user_id, row["country"]) not in seen
        if login.class_ != "backfill" and row["kind"] in ("residential", "mobile") and is_new:
            seen.add((login.user_id, row["country"]))
            alerts.append({"user_id": login.user_id, "timestamp": login.timestamp, "kind": "unseen_country"})
    _, score = watched.score(watched.alerts(alerts), "--reads-kind")
    assert score["kinds"]["unseen_country"]["precision"] < 0.5
    assert score["kinds"]["all"]["f1"] < 0.6


def test_alerts_may_go_through_a_topic(watched: Watched, kafka: dict[str, str]) -> None:
    """Written to a topic and read from there they score the same; their times are those of the topic's records."""
    topic = topic_of(kafka)
    command = ("detect", "--from-beginning", "--alerts", topic, "--duration", "6")
    assert lakestorm(*command, env=watched.env, cwd=watched.cwd).returncode == 0
    _, by_topic = watched.score(topic, "--reads-kind")
    _, by_file = watched.score("alerts.jsonl", "--reads-kind")
    assert by_topic["alerts"] > 0
    assert by_topic["kinds"] == by_file["kinds"]
    assert by_topic["delay_ms"]["p50"] > 5000, "the detector came after the run"


def test_alerts_of_other_runs_are_told_apart(watched: Watched) -> None:
    """An alert on a login before this run's first counts for nothing, and is told."""
    alerts = [{"user_id": "1", "timestamp": "2020-01-01T00:00:00.000Z"}] * 3
    _, score = watched.score(watched.alerts(alerts))
    assert (score["outside"], score["alerts"]) == (3, 0)


@pytest.mark.parametrize(
    ("expression", "code"),
    [("recall >= 0.99", 0), ("recall < 0.5", 3), ("delay_ms.p95 < 5000", 0), ("false_alerts_per_1000_logins > 500", 3)],
)
def test_thresholds_on_scores_decide_the_exit_code(watched: Watched, expression: str, code: int) -> None:
    """One that fails ends with 3; a run itself does not look at them."""
    (watched.cwd / "score.toml").write_text(f'"score all" = ["{expression}"]\n')
    found, score = watched.score("alerts.jsonl", "--reads-kind", THRESHOLDS_FILE="score.toml")
    assert found == code
    assert [of["expression"] for of in score["thresholds"]] == [expression]


def test_the_table_fits_a_terminal(watched: Watched) -> None:
    """80 columns hold it, with both yardsticks, and the sentences below say what it does not."""
    done = lakestorm(
        *("score", "results/latest", "--alerts", "alerts.jsonl"), env={**watched.env, "COLUMNS": "80"}, cwd=watched.cwd
    )
    table = done.stdout.splitlines()[:6]
    assert max(map(len, table)) <= 80
    assert [line.split("  ")[0] for line in table][1:] == [
        *("impossible travel", "unseen country", "all, by login", "alerts always", "alerts never"),
    ]
    assert "false alerts in 1" in done.stdout
    assert "to its alert: p50" in done.stdout


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 1 is no alert: it is not JSON"),
        ("[]", "line 1 is no alert: it is no JSON object"),
        ('{"timestamp": 5}', "line 1 is no alert: its user_id is None"),
        ('{"user_id": 5, "kind": "fraud"}', "line 1 is no alert: its kind is 'fraud'"),
    ],
)
def test_what_is_no_alert_is_refused(watched: Watched, line: str, said: str) -> None:
    """A sentence says where it stands and what is wrong with it; exit code 2."""
    (watched.cwd / "wrong.jsonl").write_text(line)
    done = lakestorm("score", "results/latest", "--alerts", "wrong.jsonl", env=watched.env, cwd=watched.cwd)
    assert done.returncode == 2
    assert said in done.stderr


def test_places_that_are_not_there_are_named(watched: Watched) -> None:
    """No topic, no file, no run: one sentence each, and nothing is left behind."""
    for args, code, said in (
        (("score", "results/latest", "--alerts", "nosuch"), 5, "The topic nosuch cannot be read"),
        (("score", "results/latest", "--alerts", "nosuch.json"), 2, "nosuch.json cannot be read"),
        (("score", "nosuch", "--alerts", "alerts.jsonl"), 2, "nosuch is no results folder"),
        (("detect", "--topic", "nosuch", "--alerts", "left.jsonl"), 5, "The topic nosuch cannot be read"),
        (("detect", "--alerts", "nosuch/alerts.jsonl", "--duration", "1"), 2, "--alerts nosuch/alerts.jsonl"),
    ):
        done = lakestorm(*args, env=watched.env, cwd=watched.cwd)
        assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert not (watched.cwd / "left.jsonl").exists()
