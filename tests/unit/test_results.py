"""Results folders: made, linked, pruned and written so that a kill at any moment leaves something true."""

from __future__ import annotations

import contextlib
import csv
import io
from typing import TYPE_CHECKING

import numpy as np
import pytest

from lakestorm.errors import SettingsError
from lakestorm.record.histograms import Batch
from lakestorm.record.manifest import write_text
from lakestorm.record.readings import Reading
from lakestorm.record.recorder import PROVISIONAL_S, Recorder
from lakestorm.record.requests import Outcome
from lakestorm.record.results import ResultsWriter, new_folder
from tests.made_folders import kept_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "20260101T000000Z-flashsale"


def names(results: Path) -> list[str]:
    """What stands in a results folder, without the link."""
    return sorted(path.name for path in results.iterdir() if path.name != "latest")


def test_a_folder_is_made_and_linked(tmp_path: Path) -> None:
    """The first run makes everything on the way; `latest` is a relative link, so the folder can be moved as a whole."""
    results = tmp_path / "new" / "results"
    folder = kept_folder(results, NAME, 20)
    assert folder == results / NAME
    assert (folder / "histograms").is_dir()
    assert str((results / "latest").readlink()) == NAME


def test_runs_of_one_second_get_numbers(tmp_path: Path) -> None:
    """Two runs that start in one second have two folders, and `latest` is the later."""
    found = [kept_folder(tmp_path, NAME, 20).name for _ in range(3)]
    assert found == [NAME, f"{NAME}-2", f"{NAME}-3"]
    assert str((tmp_path / "latest").readlink()) == f"{NAME}-3"


def test_only_the_oldest_runs_are_deleted(tmp_path: Path) -> None:
    """Beyond `keep` the oldest runs go; files, links and folders of other names are never touched."""
    for day in range(1, 6):
        (tmp_path / f"2025010{day}T000000Z-login" / "histograms").mkdir(parents=True)
    (tmp_path / "my notes").mkdir()
    (tmp_path / "20250101T000000Z").mkdir()
    (tmp_path / "20250101T000000Z-file").write_text("x")
    (tmp_path / "outside").mkdir()
    (tmp_path / "20250101T000000Z-link").symlink_to("outside")
    kept_folder(tmp_path, NAME, 3)
    others = {"20250101T000000Z", "20250101T000000Z-file", "20250101T000000Z-link", "my notes", "outside"}
    assert set(names(tmp_path)) == others | {"20250104T000000Z-login", "20250105T000000Z-login", NAME}


def test_0_keeps_all(tmp_path: Path) -> None:
    """`RESULTS_KEEP=0` deletes nothing."""
    for day in range(1, 6):
        (tmp_path / f"2025010{day}T000000Z-login").mkdir()
    kept_folder(tmp_path, NAME, 0)
    assert len(names(tmp_path)) == 6


def test_a_run_is_never_deleted_for_being_old(tmp_path: Path) -> None:
    """A clock that went back, or folders from a machine whose clock is ahead, do not cost the run that begins."""
    for number in range(3):
        (tmp_path / f"2099010{number + 1}T000000Z-login").mkdir()
    folder = kept_folder(tmp_path, NAME, 2)
    assert folder.is_dir()
    assert names(tmp_path) == [NAME, "20990103T000000Z-login"]


@pytest.mark.parametrize("kind", ["file", "broken link", "latest is a folder"])
def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, kind: str) -> None:
    """Where no folder can be made, the setting, its value and the reason are said."""
    results = tmp_path / "results"
    if kind == "file":
        results.write_text("x")
    elif kind == "broken link":
        results.symlink_to("/nowhere/at/all")
    else:
        (results / "latest" / "x").mkdir(parents=True)
    with pytest.raises(
        SettingsError, match=r'^RESULTS_DIR is ".*results": .*A folder that can be written is wanted\.$'
    ):
        kept_folder(results, NAME, 20)


def begin(results: Path, refusal: BaseException) -> None:
    """A run that has written something when it is refused."""
    with new_folder(results, NAME, 1) as folder:
        (folder / "logins.json").write_text("{}")
        raise refusal


def test_a_refused_run_leaves_nothing(tmp_path: Path) -> None:
    """What raises while it begins leaves no folder, the same `latest`, and all older runs that were to be deleted."""
    results = tmp_path / "results"
    with pytest.raises(KeyboardInterrupt):
        begin(results, KeyboardInterrupt())
    assert not results.exists()
    before = kept_folder(results, "20250101T000000Z-login", 1)
    with pytest.raises(SettingsError, match="too fast"):
        begin(results, SettingsError(["too fast"]))
    assert names(results) == [before.name]
    assert (results / "latest").resolve() == before.resolve()


def test_a_text_is_replaced_at_once(tmp_path: Path) -> None:
    """A reader that opened the old text keeps it whole; the new one stands under the name; nothing else is left."""
    path = tmp_path / "run.json"
    write_text(path, "alt " * 1000)
    with path.open(encoding="utf-8") as reader:
        write_text(path, "neu 店")
        assert reader.read() == "alt " * 1000
    assert path.read_text(encoding="utf-8") == "neu 店"
    assert [p.name for p in tmp_path.iterdir()] == ["run.json"]


@contextlib.contextmanager
def run_in(folder: Path) -> Iterator[Recorder]:
    """A recorder whose run began, finished in the end."""
    recorder = Recorder(writer_of(folder), warmup_s=0)
    yield recorder
    finish(recorder)


def finish(recorder: Recorder) -> None:
    """All steps of the end."""
    for _ in recorder.finish():
        pass


def record(recorder: Recorder, seconds: int) -> None:
    """Take a request every 100 ms for some seconds, each second rotated as a run does."""
    buys = recorder.add("PG order.buy", refusals="PG order.sold_out")
    recorder.start(100.0)
    for tenth in range(10 * seconds):
        at = 100.0 + tenth / 10
        outcome = Outcome.REFUSED if tenth % 5 == 0 else Outcome.COMPLETED
        buys.rows.extend((at, at - 1, at - 1, at, at + 0.02, outcome, 0))
        if tenth % 10 == 9:
            for _ in recorder.rotate(tenth // 10 + 1.005):
                pass


def writer_of(folder: Path) -> ResultsWriter:
    """A writer whose run began."""
    writer = ResultsWriter(folder)
    writer.start(1_760_000_000.0)
    return writer


def timeline(folder: Path) -> list[dict[str, str]]:
    """Rows of timeline.csv."""
    return list(csv.DictReader(io.StringIO((folder / "timeline.csv").read_text(encoding="utf-8"))))


def test_a_killed_run_leaves_its_seconds(tmp_path: Path) -> None:
    """While it goes on, each second is on disk soon after it is over: one header, then rows, nothing twice."""
    folder = kept_folder(tmp_path, NAME, 20)
    with run_in(folder) as recorder:
        record(recorder, 8)
        rows, text = timeline(folder), (folder / "timeline.csv").read_text(encoding="utf-8")
        log = (folder / "histograms" / "PG.order.buy.response.hlog").read_text(encoding="utf-8")
    seconds = [str(second) for second in range(8 - PROVISIONAL_S)]
    assert text.count("offered") == 1
    assert [row["second"] for row in rows if row["name"] == "PG order.buy"] == seconds
    assert sum(int(row["offered"]) for row in rows) == 10 * len(seconds)
    assert log.count("StartTime:") == 1
    assert len([line for line in log.splitlines() if line[0].isdigit()]) == 8


def test_a_finished_run_is_whole(tmp_path: Path) -> None:
    """At the end timeline.csv is written whole, late changes included, and errors.csv beside it."""
    folder = kept_folder(tmp_path, NAME, 20)
    with run_in(folder) as recorder:
        record(recorder, 5)
        buys = recorder.own.by_name["PG order.buy"]
        buys.rows.extend((100.2, 99.0, 99.0, 100.3, 104.7, Outcome.FAILED, 1))
        buys.count_error("08006", 100.2, 104.7)
    rows = [row for row in timeline(folder) if row["name"] == "PG order.buy"]
    assert [int(row["offered"]) for row in rows] == [11, 10, 10, 10, 10]
    assert [int(row["failed"]) for row in rows] == [0, 0, 0, 0, 1]
    assert [int(row["refused"]) for row in rows] == [2] * 5
    assert (folder / "errors.csv").read_text() == "second,name,code,count\n4,PG order.buy,08006,1\n"
    assert logs(folder) == [
        f"PG.order.{name}.{kind}.hlog"
        for name in ("buy", "sold_out")
        for kind in ("response", "service", "slip", "wait")
    ]


def logs(folder: Path) -> list[str]:
    """Names of the histogram logs."""
    return sorted(path.name for path in (folder / "histograms").iterdir())


def test_a_run_of_a_moment_writes_its_files(tmp_path: Path) -> None:
    """A run that ends before its first second has a timeline with its header; names that did not run are left out."""
    folder = kept_folder(tmp_path, NAME, 20)
    with run_in(folder) as recorder:
        record(recorder, 0)
        assert recorder.spans() == {}
    assert (folder / "timeline.csv").read_text().count("\n") == 1


def test_readings_are_lines_and_sums(tmp_path: Path) -> None:
    """Each reading is a line of probes.csv as it comes; run.json has sums, and an error is never a 0."""
    folder = kept_folder(tmp_path, NAME, 20)
    with run_in(folder) as recorder:
        for second, value in enumerate([3.0, None, 1.0]):
            recorder.read(Reading(second, "stock", "left", value, "units", "" if value else 'lost, "gone"'))
    lines = list(csv.DictReader(io.StringIO((folder / "probes.csv").read_text())))
    assert [line["value"] for line in lines] == ["3", "", "1"]
    assert lines[1]["error"] == 'lost, "gone"'
    summary = recorder.readings.summary()["stock.left"]
    numbers = {"first": 3.0, "min": 1.0, "mean": 2.0, "max": 3.0, "max_at_s": 0, "last": 1.0}
    assert summary == {"unit": "units", "count": 2, "errors": 1, **numbers}


def test_readings_that_all_failed_have_no_numbers(tmp_path: Path) -> None:
    """A probe that never answered has errors, and no minimum, mean or maximum."""
    with run_in(kept_folder(tmp_path, NAME, 20)) as recorder:
        recorder.read(Reading(0.0, "stock", "left", None, "units", "lost"))
    summary = recorder.readings.summary()["stock.left"]
    assert (summary["count"], summary["errors"]) == (0, 1)
    assert [summary[name] for name in ("min", "mean", "max", "last")] == [None] * 4


@pytest.mark.parametrize(
    ("value", "text"), [(5e8, "500000000"), (1 / 3, "0.333333333333"), (0.0, "0"), (2.0**53, "9.00719925474e+15")]
)
def test_values_keep_twelve_digits(value: float, text: str) -> None:
    """Bytes and ratios alike are written so that they read back to twelve digits."""
    assert Reading(1.5, "slot", "lag", value, "bytes").line() == f"1.500,slot,lag,{text},bytes,\n"


def test_durations_are_logged_per_name_and_kind(tmp_path: Path) -> None:
    """One file a name and kind, called after both."""
    folder = kept_folder(tmp_path, NAME, 20)
    writer = writer_of(folder)
    writer.log_second("PG order.buy", "response", 0, Batch.of(np.array([0.1])))
    writer.log_second("KAFKA login.produce", "slip", 0, Batch.of(np.array([0.1])))
    writer.finish({}, [])
    assert logs(folder) == ["KAFKA.login.produce.slip.hlog", "PG.order.buy.response.hlog"]
