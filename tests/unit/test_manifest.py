"""run.json: what is written reads back the same, and what is wrong is told with its place."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.errors import ResultsError
from lakestorm.record.decoding import instance_from_json, value_from_json
from lakestorm.record.manifest import (
    FORMAT,
    Latency,
    RequestSpans,
    RequestSummary,
    Run,
    ShapeSummary,
    ThresholdResult,
    run_from_json,
    run_to_json,
)

finite = st.floats(allow_nan=False, allow_infinity=False)
optional = st.none() | finite
counts = st.integers(0, 2**60)
texts = st.text(max_size=20)
codes = st.dictionaries(texts, counts, max_size=3)
free = st.recursive(
    st.none() | st.booleans() | counts | finite | texts, lambda s: st.lists(s) | st.dictionaries(texts, s), max_leaves=5
)
latencies = st.none() | st.builds(
    Latency, count=counts, min=optional, mean=optional, p50=optional, p90=optional, p95=optional, p99=optional,
    p999=optional, max=optional,
)  # fmt: skip
summaries = st.builds(
    RequestSummary, offered=st.none() | counts, started=counts, completed=counts, refused=counts, failed=counts,
    late=counts, skipped=counts, retried=counts, cancelled=counts, recovered=counts, errors=codes, retries=codes,
    response_ms=latencies, response_ms_of_offered=latencies, service_ms=latencies, wait_ms=latencies,
    slip_ms=latencies, waited_ms=st.dictionaries(texts, finite, max_size=3),
)  # fmt: skip
shapes = st.builds(
    ShapeSummary, name=texts, peak_users=counts, run_time_s=finite, doors_open_s=optional,
    users=st.lists(st.tuples(finite, finite), max_size=3),
)  # fmt: skip
thresholds = st.builds(
    ThresholdResult, target=texts, expression=texts, abort=st.booleans(),
    result=st.sampled_from(["pass", "fail", "unknown", "not applicable"]), value=texts,
)  # fmt: skip
runs = st.builds(
    Run, format=st.just(FORMAT), run_id=texts, complete=st.booleans(), started_at=finite, ended_at=optional,
    doors_open_s=optional, warmup_s=finite, scenarios=st.lists(texts, max_size=3), shape=st.none() | shapes,
    users_peak=counts, stopped_by=texts, command=texts, settings=st.dictionaries(texts, texts, max_size=3),
    environment=st.dictionaries(texts, free, max_size=2),
    requests=st.dictionaries(texts, st.builds(RequestSpans, total=summaries, measured=summaries), max_size=2),
    probes=st.dictionaries(texts, st.dictionaries(texts, free, max_size=2), max_size=2),
    ledger=st.dictionaries(texts, free, max_size=2), thresholds=st.lists(thresholds, max_size=2),
    instrument=st.dictionaries(texts, free, max_size=2),
    verdict=st.sampled_from(["pass", "fail", "unknown", "invalid"]), reasons=st.lists(texts, max_size=3),
)  # fmt: skip

SUMMARY = RequestSummary(
    offered=1, started=1, completed=1, refused=0, failed=0, late=0, skipped=0, retried=0, cancelled=0, recovered=0,
    errors={}, retries={}, response_ms=None, response_ms_of_offered=None, service_ms=None, wait_ms=None, slip_ms=None,
    waited_ms={},
)  # fmt: skip
RUN = Run(
    format=FORMAT, run_id="1", complete=True, started_at=1.0, ended_at=2.0, doors_open_s=None, warmup_s=0.0,
    scenarios=["flashsale"], shape=ShapeSummary(
        name="x", peak_users=1, run_time_s=1.0, doors_open_s=None, users=[(0.0, 1.0)]), users_peak=1,
    stopped_by="run time", command="", settings={}, environment={},
    requests={"PG order.buy": RequestSpans(total=SUMMARY, measured=SUMMARY)}, probes={}, ledger={},
    thresholds=[ThresholdResult(target="a", expression="b", abort=False, result="pass", value="1")], instrument={},
    verdict="pass", reasons=[],
)  # fmt: skip


@given(runs)
def test_a_run_reads_back(run: Run) -> None:
    """Whatever a run is, its text gives the same run again, by any JSON reader."""
    text = run_to_json(run)
    assert run_from_json(text) == run
    assert text.endswith("}\n")
    text.encode()


def changed(path: list[Any], value: Any) -> str:
    """run.json with one value replaced, or left out where `value` is `...`."""
    data: Any = json.loads(run_to_json(RUN))
    place = data
    for step in path[:-1]:
        place = place[step]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return json.dumps(data)


BUY = ["requests", "PG order.buy", "total"]


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["format"], ..., "names no format"),
        (["format"], FORMAT + 1, f"format {FORMAT + 1}; this version reads format {FORMAT}"),
        (["format"], "1", "format '1'"),
        (["run_id"], ..., "run.json has no run_id"),
        (["run_id"], 5, "run.json: run_id is 5: text is wanted"),
        (["complete"], 1, "complete is 1: true or false is wanted"),
        (["users_peak"], True, "users_peak is True: a whole number is wanted"),
        (["users_peak"], 1.5, "users_peak is 1.5: a whole number is wanted"),
        (["started_at"], True, "started_at is True: a number is wanted"),
        (["started_at"], None, "started_at is None: a number is wanted"),
        (["verdict"], "perhaps", "verdict is 'perhaps': one of pass, fail, unknown, invalid is wanted"),
        (["verdict"], [], r"verdict is \[\]: one of"),
        (["scenarios"], "flashsale", "scenarios is 'flashsale': a list is wanted"),
        (["scenarios", 0], None, r"scenarios\[0\] is None: text is wanted"),
        (["shape"], [], r"shape is \[\]: an object is wanted"),
        (["shape", "users", 0], [0.0], r"users\[0\] is \[0.0\]: a list of 2 is wanted"),
        (["settings"], [], r"settings is \[\]: an object is wanted"),
        ([*BUY, "offered"], ..., "requests: PG order.buy: total has no offered"),
        ([*BUY, "response_ms"], {"count": 1}, "response_ms has no min"),
        ([*BUY, "errors"], {"08006": "many"}, "errors: 08006 is 'many': a whole number is wanted"),
        (["thresholds", 0, "result"], "x" * 99, r"thresholds\[0\]: result is 'x{38}…: one of"),
    ],
)
def test_a_wrong_value_is_told_with_its_place(path: list[Any], value: Any, words: str) -> None:
    """A file that is incomplete, of another type or another version is refused with where and what was wanted."""
    with pytest.raises(ResultsError, match=words):
        run_from_json(changed(path, value))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "5", '"run"', "{}", '{"format": NaN}', '{"format": 1, "x": Infinity}', "[" * 10**5]
)
def test_what_is_no_run_is_refused(text: str) -> None:
    """Half a file, another file, or numbers that JSON does not have are refused in a sentence about run.json."""
    with pytest.raises(ResultsError, match=r"^run\.json "):
        run_from_json(text)


@pytest.mark.parametrize(("value", "words"), [(float("inf"), "Infinity"), (float("nan"), "NaN")])
def test_numbers_that_json_does_not_have_are_refused(value: float, words: str) -> None:
    """A file that is whole but for an infinity or NaN is no JSON, though Python's reader would take it."""
    with pytest.raises(ResultsError, match=rf"^run\.json is not JSON: it holds {words}\.$"):
        run_from_json(changed(["started_at"], value))


def test_fields_of_later_versions_are_ignored() -> None:
    """The layout may grow: what this version does not know is passed over."""
    assert run_from_json(changed(["colour"], "blue")) == RUN
    assert run_from_json(changed([*BUY, "p42"], [1])) == RUN


def test_an_infinite_number_is_never_written() -> None:
    """A number that cannot be known is null; NaN would make a file that other readers refuse."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        run_to_json(dataclasses.replace(RUN, warmup_s=float("nan")))


@dataclasses.dataclass
class Small:
    """For hints that run.json does not use yet."""

    pair: tuple[int, str]
    named: dict[str, list[float]]
    word: Literal["a", 2] = "a"


def test_whole_numbers_are_numbers_too() -> None:
    """A whole number stands for a float and becomes one; defaults are used; a pair becomes a tuple."""
    found = instance_from_json(Small, {"pair": [1, "x"], "named": {"a": [1, 2.5]}}, "f")
    assert found == Small((1, "x"), {"a": [1.0, 2.5]}, "a")
    assert type(found.named["a"][0]) is float
    assert value_from_json(Literal["a", 2], 2, "f") == 2
