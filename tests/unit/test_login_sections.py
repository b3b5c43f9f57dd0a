"""What the report says of logins: labels read back, anomalies over time, their map, the detector's score."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.errors import ResultsError
from lakestorm.model.event_time import Timeline
from lakestorm.model.labels import BORDERLINE, COUNTRY, LEARNT, SHARED_ADDRESS, TRAVEL, Label, Labeller
from lakestorm.record.folder import logins_of
from lakestorm.record.login_labels import WAY, LoginTruth, Way, labels_from_csv
from lakestorm.report.land import land_outline
from lakestorm.report.login_audit import HEADER, row_of
from lakestorm.report.page import page_html
from lakestorm.report.sections.anomalies import anomalies
from lakestorm.report.sections.detector import detector
from lakestorm.report.sections.login_map import login_map
from lakestorm.verdict.score_values import score_json
from tests.unit.made_logins import HARD, history, live, town
from tests.unit.made_results import results, scale
from tests.unit.test_detection import at, scored

if TYPE_CHECKING:
    from pathlib import Path

    from lakestorm.record.login_places import CityLogins

ORIGIN_MS = 1_000_000
CLOCK = Timeline(history_ms=0, origin_ms=ORIGIN_MS, scale=100.0, run_s=8.0)
HOME = Way("Berlin", 52.5, 13.4, "Lima", -12.0, -77.0)


def label(kind: str, second: float, *, scored: bool = True, user: str = "u", way: Way | None = HOME) -> Label:
    """A label at a second of the run."""
    return Label(user, round(ORIGIN_MS + second * 100_000), kind, 1.0, 1.0, scored, way)


def truth(
    *labels: Label,
    timeline: Timeline | None = CLOCK,
    score: dict[str, Any] | None = None,
    cities: list[CityLogins] | None = None,
) -> LoginTruth:
    """What a folder with these labels knows."""
    return LoginTruth(labels=list(labels), timeline=timeline, score=score or {}, places=cities or [])


def made_labels() -> list[Label]:
    """Labels of a whole town, as the audit has them."""
    made = town(accounts=60, behaviour=HARD)
    labeller = Labeller()
    for number, login in enumerate([*history(made), *live(made, 1500)]):
        labeller.add(login.record["user_id"], login.at_ms, login.city, login.kind, ("logins", 0, number))
    return list(labeller.finish())


def test_labels_are_read_back_as_the_audit_wrote_them() -> None:
    """User, time, kind, measures to the metre, and from which city to which; also speeds without end."""
    labels = made_labels()
    labels += [labels[-1]._replace(speed_kmh=math.inf)]
    out = io.StringIO()
    writer = csv.DictWriter(out, (*HEADER, *WAY))
    writer.writeheader()
    writer.writerows(map(row_of, labels))
    found = labels_from_csv(out.getvalue())
    assert [of[:3] for of in found] == [of[:3] for of in labels]
    assert [of.scored for of in found] == [of.scored for of in labels]
    assert [of.distance_km for of in found] == pytest.approx([of.distance_km for of in labels], abs=0.001)
    assert [of.speed_kmh for of in found] == pytest.approx([of.speed_kmh for of in labels], abs=0.001)
    travels = [(of, like) for of, like in zip(found, labels, strict=True) if of.kind == TRAVEL]
    assert len(travels) > 10
    for of, like in travels:
        assert like.start is not None
        assert like.goal is not None
        assert of.ref == Way(
            like.start.name, like.start.lat, like.start.lon, like.goal.name, like.goal.lat, like.goal.lon
        )
        assert like.start is not like.goal
    assert all(of.ref is None for of in found if of.kind == LEARNT)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n", "has no column user_id, timestamp"),
        ("user_id,timestamp,kind,distance_km,speed_kmh,scored\n1,now,learning,0,0,True\n", "line 2, is no label"),
        ("user_id,timestamp,kind,distance_km,speed_kmh,scored\n1,2026-03-01T09:30:00Z,odd,0,0,True\n", "kind 'odd'"),
        ("user_id,timestamp,kind,distance_km,speed_kmh,scored\n1,2026-03-01T09:30:00Z\n", "line 2, is no label"),
    ],
)
def test_damaged_labels_are_refused(text: str, said: str) -> None:
    """With where and what."""
    with pytest.raises(ResultsError, match=said):
        labels_from_csv(text)


def test_a_folder_tells_what_it_knows_of_logins(tmp_path: Path) -> None:
    """Nothing without labels; labels alone in folders of older versions; a time that is none is refused."""
    assert logins_of(tmp_path) is None
    (tmp_path / "labels.csv").write_text("user_id,timestamp,kind,distance_km,speed_kmh,scored\n")
    assert logins_of(tmp_path) == LoginTruth(labels=[], timeline=None, score={})
    clock = {"history_ms": 0, "origin_ms": ORIGIN_MS, "scale": 100.0, "run_s": 8.0}
    (tmp_path / "logins.json").write_text(json.dumps({"timeline": clock}))
    (tmp_path / "score.json").write_text('{"logins": 3}')
    assert logins_of(tmp_path) == LoginTruth(labels=[], timeline=CLOCK, score={"logins": 3})
    (tmp_path / "logins.json").write_text('{"timeline": {"at": 0}}')
    with pytest.raises(ResultsError, match=r"logins\.json has no time"):
        logins_of(tmp_path)


@given(st.floats(-100, 100), st.floats(1, 1000), st.sampled_from([0.0, 8.0]))
def test_event_time_turns_back_into_the_time_since_the_start(elapsed_s: float, factor: float, run_s: float) -> None:
    """To the millisecond of event time, in history, in the run, and beyond its end."""
    clock = Timeline(history_ms=0, origin_ms=ORIGIN_MS, scale=factor, run_s=run_s)
    assert clock.elapsed_s(clock.at_ms(elapsed_s)) == pytest.approx(elapsed_s, abs=0.0011)


def test_anomalies_are_shown_when_they_were_produced() -> None:
    """By kind, scored ones apart from those left open; learning is none, history is told apart."""
    found = results(
        logins=truth(
            label(TRAVEL, 1.2), label(TRAVEL, 1.9), label(TRAVEL, 99), label(COUNTRY, 3.0), label(LEARNT, 2.0),
            label(COUNTRY, 3.5, scored=False), label(BORDERLINE, 0.0, scored=False),
            label(SHARED_ADDRESS, -4.0, scored=False),
        )
    )  # fmt: skip
    picture = anomalies(found, scale(5))
    assert picture is not None
    assert picture.answer.endswith(
        "3 by impossible travel, 1 from an unseen country, 2 left open by the rule. 1 more are in the history before"
        " the run."
    )
    assert [trace["y"] for trace in picture.figure["data"]] == [
        [0, 2, 0, 0, 1, 1],
        [0, 0, 0, 1, 0, 0],
        [1, 0, 0, 1, 0, 0],
    ]


def test_without_labels_or_their_time_there_is_no_picture() -> None:
    """Nothing is made up."""
    for logins in (None, truth(), truth(label(TRAVEL, 1), timeline=None), truth(label(LEARNT, 1, scored=False))):
        assert anomalies(results(logins=logins), scale(5)) is None
    for logins in (None, truth(), truth(label(TRAVEL, 1, way=None)), truth(label(BORDERLINE, 1, scored=False))):
        assert login_map(results(logins=logins), land_outline) is None
    assert detector(results()) is None
    assert detector(results(logins=truth())) is None


def test_the_page_shows_all_of_it_and_asks_nobody() -> None:
    """Pictures, the score's table with both yardsticks, and what it had to hold."""
    score = {
        **json.loads(json.dumps(score_json(scored([at(100, TRAVEL)])))), "outside": 0, "alerts_from": "a<b.jsonl",
        "thresholds": [{"target": "score all", "expression": "recall > 0.9", "result": "fail", "value": "0.5"}],
    }  # fmt: skip
    text = page_html(results(logins=truth(label(TRAVEL, 1), score=score)))
    body = text.partition('<script type="application/json"')[0]
    for wanted in (
        'id="anomalies"', 'id="login-map"', "How good was the detector?", "Alerts were read from a&lt;b.jsonl.",
        '<th scope="row">alerts always</th>', '<span class="result fail">fail</span> score all: recall &gt; 0.9',
    ):  # fmt: skip
        assert wanted in body
    assert "How good was the detector?" not in page_html(results())
