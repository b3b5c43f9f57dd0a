"""Alerts as JSON, and where they stand: files and topics, this run's and others'."""

from __future__ import annotations

import json
import re
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.errors import ResultsError, UsageError
from lakestorm.scoring.alert_places import alerts_of_file, is_file, sink_of
from lakestorm.scoring.detect import told_to_stop
from lakestorm.scoring.score import Span
from lakestorm.settings import KafkaSettings
from lakestorm.verdict import detector
from lakestorm.verdict.alerts import alert_from_json, alert_to_json
from lakestorm.verdict.detection import SCORED_KINDS, Alert

if TYPE_CHECKING:
    from pathlib import Path

AT_MS = 1_772_357_400_250
AT = "2026-03-01T09:30:00.250Z"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{"user_id": "7"}', Alert("7", None, None)),
        ('{"user_id": 7, "amount": 3}', Alert("7", None, None)),
        ('{"user_id": "ü", "kind": "unseen_country"}', Alert("ü", None, None, "unseen_country")),
        (f'{{"user_id": "7", "timestamp": "{AT}"}}', Alert("7", AT_MS, None)),
        (f'{{"user_id": "7", "timestamp": {AT_MS}, "alerted_at": "{AT}"}}', Alert("7", AT_MS, AT_MS)),
        ('{"user_id": "7", "timestamp": "2026-03-01T10:30:00.250999+01:00"}', Alert("7", AT_MS, None)),
        ('{"user_id": "7", "timestamp": null, "kind": null}', Alert("7", None, None)),
    ],
)
def test_an_alert_says_who_and_maybe_when_and_why(text: str, wanted: Alert) -> None:
    """Times are ISO 8601 or milliseconds; what is not known is ignored."""
    assert alert_from_json(text) == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        (b"\xff\xfe\xfd", "not JSON"),
        ("7", "no JSON object"),
        ("{}", "user_id is None"),
        ('{"user_id": ""}', "user_id is ''"),
        ('{"user_id": true}', "user_id is True"),
        ('{"user_id": 1.5}', "user_id is 1.5"),
        ('{"user_id": "7", "timestamp": "yesterday"}', "timestamp is 'yesterday'"),
        ('{"user_id": "7", "timestamp": "2026-03-01T09:30:00"}', "has no zone"),
        ('{"user_id": "7", "alerted_at": 1.5}', "alerted_at is 1.5"),
        ('{"user_id": "7", "timestamp": true}', "timestamp is True"),
        ('{"user_id": "7", "kind": "borderline"}', "kind is 'borderline'"),
        ('{"user_id": "7", "kind": ["unseen_country"]}', "kind is ['unseen_country']"),
    ],
)
def test_what_is_no_alert_is_refused(text: str | bytes, said: str) -> None:
    """With what is wrong."""
    with pytest.raises(ValueError, match=re.escape(said)):
        alert_from_json(text)


@given(st.text(min_size=1), st.integers(0, 4_000_000_000_000), st.sampled_from(SCORED_KINDS), st.integers(0, 10**12))
def test_what_the_detector_writes_is_what_the_score_reads(user: str, at_ms: int, kind: str, alerted_ms: int) -> None:
    """On one line, to the millisecond; a record's own time wins over what the alert says."""
    text = alert_to_json(detector.Alert(user, at_ms, kind), alerted_ms)
    assert "\n" not in text
    assert alert_from_json(text) == Alert(user, at_ms, alerted_ms, kind)
    assert alert_from_json(text, 5) == Alert(user, at_ms, 5, kind)


@pytest.mark.parametrize(
    ("place", "wanted"),
    [("-", True), ("a.jsonl", True), ("./alerts", True), ("/dev/stdin", True), ("alerts", False), ("a.b-c_d", False)],
)
def test_a_place_is_a_file_or_a_topic(place: str, wanted: bool) -> None:  # noqa: FBT001 - a table
    """No topic can have a / in its name; one that ends like a file cannot be named."""
    assert is_file(place) is wanted


def test_alerts_go_to_a_file_and_come_back(tmp_path: Path) -> None:
    """Each at once, a line each; empty lines are nothing."""
    file = tmp_path / "alerts.jsonl"
    with sink_of(str(file), KafkaSettings()) as sink:
        sink.write([detector.Alert("7", AT_MS, "unseen_country")], AT_MS + 40)
        assert json.loads(file.read_text()) == {
            "user_id": "7", "timestamp": AT, "kind": "unseen_country", "alerted_at": "2026-03-01T09:30:00.290Z",
        }  # fmt: skip
    file.write_text(file.read_text() + "\n\n")
    assert list(alerts_of_file(file)) == [Alert("7", AT_MS, AT_MS + 40, "unseen_country")]


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    """One that is not there, one that is no text, one where none can be."""
    (tmp_path / "x.json").write_bytes(b"\xff\xff\n")
    for name in ("nosuch.json", "x.json"):
        with pytest.raises(ResultsError, match=f"{name} cannot be read"):
            list(alerts_of_file(tmp_path / name))
    with (
        pytest.raises(UsageError, match=r"nosuch/a\.jsonl: No such file"),
        sink_of(f"{tmp_path}/nosuch/a.jsonl", KafkaSettings()),
    ):
        pass


@pytest.mark.parametrize(
    ("alert", "wanted"),
    [
        (Alert("u", 100, None), True),
        (Alert("u", 200, 0), True),
        (Alert("u", 99, 1100), False),
        (Alert("u", 201, 1100), False),
        (Alert("u", None, None), True),
        (Alert("u", None, 1000), True),
        (Alert("u", None, 1260), True),
        (Alert("u", None, 999), False),
        (Alert("u", None, 1261), False),
    ],
)
def test_an_alert_is_of_the_run_if_its_time_is(alert: Alert, wanted: bool) -> None:  # noqa: FBT001 - a table
    """By the event time if it has one, else by its own, up to a window after the last login."""
    span = Span()
    assert not span.holds(Alert("u", 100, None), 60), "a run without logins has no time"
    span.add(200, 1000)
    span.add(100, 1200)
    assert span.holds(alert, 60) is wanted


def test_a_detector_stops_when_the_time_is_up_or_it_is_told() -> None:
    """A signal inside the block is remembered and does nothing else; afterwards signals do what they did before."""
    before = signal.getsignal(signal.SIGTERM)
    now = iter([0.0, 9.9, 10.0])
    with told_to_stop(10, clock=lambda: next(now)) as is_over:
        assert [is_over(), is_over()] == [False, True]
    for number in (signal.SIGTERM, signal.SIGINT):
        with told_to_stop(None) as is_over:
            assert not is_over()
            signal.raise_signal(number)
            assert is_over()
    assert signal.getsignal(signal.SIGTERM) is before
