"""A results folder read back: everything a report is made from, and nothing else."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from lakestorm.errors import ResultsError
from lakestorm.model.event_time import Timeline
from lakestorm.record import login_places
from lakestorm.record.intervals import distribution_from_log
from lakestorm.record.login_labels import FILE, LoginTruth, labels_from_csv
from lakestorm.record.login_places import places_from_csv
from lakestorm.record.manifest import Run, run_from_json
from lakestorm.record.tables import ProbeSeries, Seconds, errors_from_csv, probes_from_csv, seconds_from_csv
from lakestorm.record.tally import KINDS

if TYPE_CHECKING:
    from pathlib import Path

    from lakestorm.record.histograms import Histogram


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a run left. Whatever a killed run did not come to write is empty.

    Attributes:
        timeline: by request name.
        errors: failed requests, {code: {second: count}}.
        probes: by (probe, name).
        ledger: the last audit; another than run.ledger if the books were audited again.
        distributions: by (request name, kind), from the end of the warm-up; kinds without a sample are absent.
        logins: what is known of logins and their anomalies; None where the run had none, or nobody audited them.
        canary: what canary.json says of the marked orders; empty where none was sent.
    """

    run: Run
    timeline: dict[str, Seconds]
    errors: dict[str, dict[int, int]]
    probes: dict[tuple[str, str], ProbeSeries]
    ledger: dict[str, Any]
    distributions: dict[tuple[str, str], Histogram]
    logins: LoginTruth | None = None
    canary: dict[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Results:
        """Raises ResultsError if this is no results folder, or a file in it is damaged."""
        run = run_in(folder)
        timeline = seconds_from_csv(text_of(folder / "timeline.csv"))
        return cls(
            run=run,
            timeline=timeline,
            errors=errors_from_csv(text_of(folder / "errors.csv")),
            probes=probes_from_csv(text_of(folder / "probes.csv")),
            ledger=object_of(folder / "ledger.json") or run.ledger,
            distributions={
                (name, kind): distribution
                for name in timeline
                for kind in KINDS
                if (distribution := read_log(folder, name, kind, run.warmup_s)).count
            },
            logins=logins_of(folder),
            canary=object_of(folder / "canary.json"),
        )


def run_in(folder: Path) -> Run:
    """What run.json tells; raises ResultsError if this is no results folder, or the file is damaged."""
    try:
        return run_from_json((folder / "run.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise ResultsError(f"{folder} is no results folder: {error.strerror}: run.json.") from error


def text_of(path: Path) -> str:
    """A file's text; empty where there is no file."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path.name} cannot be read: {error}.") from error


def read_log(folder: Path, name: str, kind: str, from_s: float) -> Histogram:
    """`histograms/<type>.<name>.<kind>.hlog` from the end of the warm-up; no sample where there is no log."""
    file = f"{name.replace(' ', '.', 1)}.{kind}.hlog"
    return distribution_from_log(text_of(folder / "histograms" / file), file, from_s)


def logins_of(folder: Path) -> LoginTruth | None:
    """What labels.csv, login_places.csv, logins.json and score.json say; None without the first."""
    text = text_of(folder / FILE)
    if not text:
        return None
    timeline = object_of(folder / "logins.json").get("timeline")
    try:
        found = Timeline(**timeline) if timeline else None
    except TypeError as error:
        raise ResultsError(f"logins.json has no time of this suite's: {error}.") from error
    return LoginTruth(
        labels=labels_from_csv(text),
        timeline=found,
        score=object_of(folder / "score.json"),
        places=places_from_csv(text_of(folder / login_places.FILE)),
    )


def object_of(path: Path) -> dict[str, Any]:
    """The object of a JSON file; empty where there is none."""
    text = text_of(path)
    try:
        found = json.loads(text) if text else {}
    except ValueError as error:
        raise ResultsError(f"{path.name} is not JSON: {error}.") from error
    if not isinstance(found, dict):
        raise ResultsError(f"{path.name} holds no object: it is none of this suite's files.")
    return found
