"""docs/run.schema.json describes what a run writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from lakestorm.errors import ResultsError
from lakestorm.record.manifest import FORMAT, Run, ShapeSummary, ThresholdResult, run_from_json, run_to_json
from scripts import schema
from tests.unit import made_runs

if TYPE_CHECKING:
    from collections.abc import Sequence

FILE = Path(__file__).parents[2] / "docs" / "run.schema.json"
RUN: TypeAdapter[Run] = TypeAdapter(Run)


def full_run() -> Run:
    """A run in which nothing optional is missing."""
    return made_runs.run(
        shape=ShapeSummary(name="Wave", peak_users=40, run_time_s=60.0, doors_open_s=15.0, users=[(0.0, 0), (0.3, 9)]),
        thresholds=[
            ThresholdResult(target="run", expression="failed == 0", abort=False, result="pass", value="failed = 0")
        ],
        verdict="pass",
        reasons=["Passed: 990 orders bought."],
    )


def written(run: Run) -> dict[str, Any]:
    """run.json as a JSON value."""
    found: dict[str, Any] = json.loads(run_to_json(run))
    return found


def test_the_file_equals_the_code() -> None:
    """docs/run.schema.json is what scripts/schema.py prints."""
    message = "run `.venv/bin/python scripts/schema.py > docs/run.schema.json`"
    assert FILE.read_text(encoding="utf-8") == schema.schema_text(), message


def test_the_script_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    """The script prints the schema and nothing else."""
    assert schema.main() == 0
    assert capsys.readouterr().out == schema.schema_text()


def test_the_schema_names_its_dialect_and_the_format() -> None:
    """A reader learns from the file by which rules it is written, and for which format of run.json."""
    found = schema.run_schema()
    assert found["$schema"].endswith("/draft/2020-12/schema")
    assert found["properties"]["format"]["const"] == FORMAT


def test_every_field_that_is_written_is_described() -> None:
    """On every level the fields of a written run are exactly those that the schema requires."""
    found, run = schema.run_schema(), written(full_run())
    summary = run["requests"][made_runs.BUY]["measured"]
    levels = {"RequestSummary": summary, "Latency": summary["response_ms"], "ShapeSummary": run["shape"]}
    levels |= {"RequestSpans": run["requests"][made_runs.BUY], "ThresholdResult": run["thresholds"][0]}
    assert set(run) == set(found["required"]) == set(found["properties"])
    assert set(levels) == set(found["$defs"])
    for name, value in levels.items():
        assert set(value) == set(found["$defs"][name]["required"]) == set(found["$defs"][name]["properties"]), name


def test_docstrings_become_descriptions() -> None:
    """What stands below a field in the code stands beside it in the schema, on one line and in JSON's words."""
    source = 'F = 1\n"""Version."""\nclass A:\n    b: int | None\n    """None where\n    unknown."""\n    c: int\n'
    assert schema.field_docstrings(source) == {"": {"F": "Version."}, "A": {"b": "None where\n    unknown."}}
    assert schema.in_words_of_json("None where\n    unknown.") == "null where unknown."
    assert schema.run_schema()["properties"]["settings"]["description"] == "By environment name; secrets as stars."


@pytest.mark.parametrize("run", [full_run(), made_runs.run()], ids=["all fields", "no shape"])
def test_a_written_run_is_valid(run: Run) -> None:
    """What a run writes fits the types that the schema is made from, and reads back as the same run."""
    text = run_to_json(run)
    assert RUN.validate_json(text, strict=True) == run
    assert run_from_json(text) == run


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("users_peak",), "40"),
        (("users_peak",), None),
        (("users_peak",), 1.5),
        (("complete",), 1),
        (("verdict",), "green"),
        (("scenarios",), "flashsale"),
        (("settings",), {"RANDOM_SEED": 1}),
        (("shape", "users"), [[0.0, 0, 0]]),
        (("thresholds", 0, "result"), "skipped"),
        (("requests", made_runs.BUY, "total"), None),
        (("requests", made_runs.BUY, "total", "failed"), "0"),
        (("requests", made_runs.BUY, "measured", "errors"), {"40P01": "many"}),
        (("requests", made_runs.BUY, "measured", "response_ms", "p99"), "38 ms"),
    ],
)
def test_a_wrong_value_is_invalid(path: Sequence[Any], value: Any) -> None:
    """A value of another type or outside the list of words fits neither the schema's types nor the reader."""
    found = written(full_run())
    place: Any = found
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    refused(found)


@pytest.mark.parametrize("field", sorted(written(full_run())))
def test_a_missing_field_is_invalid(field: str) -> None:
    """Every field of a run must be there."""
    found = written(full_run())
    del found[field]
    refused(found)


def refused(found: dict[str, Any]) -> None:
    """Assert that neither the schema's types nor the reader of run.json take a value."""
    text = json.dumps(found)
    with pytest.raises(ValidationError):
        RUN.validate_json(text, strict=True)
    with pytest.raises(ResultsError):
        run_from_json(text)
