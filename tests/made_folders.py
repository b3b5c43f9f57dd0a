"""Results folders made by the recording classes themselves, from a seed: as a real run writes them, in seconds."""

from __future__ import annotations

import dataclasses
import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from lakestorm.record.manifest import FORMAT, Run, ShapeSummary, ThresholdResult
from lakestorm.record.readings import Reading
from lakestorm.record.recorder import Recorder
from lakestorm.record.requests import Outcome
from lakestorm.record.results import ResultsWriter, new_folder
from lakestorm.verdict.backlog import trends

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from lakestorm.record.requests import RequestRecord

STARTED_AT = 1_790_000_000.0
"""2026-09-21 14:13:20 UTC."""
STOCK = 3_000
LEDGER = {
    "state": "closed", "reasons": [], "lines": 2_900, "unsettled": 0, "stock_start": STOCK, "restocked": 0,
    "stock_now": 100, "net_sold": 2_900, "sold_out_items": 9, "oversold": 0, "mismatch": 0, "oversold_items": {},
    "mismatch_items": {}, "acknowledged": 2_900, "lost": 0, "duplicate": 0, "recovered": 0, "unexplained": 0,
    "lost_cancels": 0, "unexplained_cancels": 0, "samples": {},
}  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Story:
    """What happens in a made run.

    Attributes:
        seconds: how long the load lasts.
        names: how many request names offer something.
        rate: requests a second and name, at the peak.
        warmup_s, doors_open_s: as in run.json.
        closed_loop: nothing is intended beforehand.
        failing: the share that fails in the middle third, by SQLSTATE.
        sold_out_s: from when on buys are refused; None = never.
        shaped: whether users rise and fall by a shape.
        piped: whether a pipeline behind the database is read: slot, canary, consumers.
    """

    seconds: int = 60
    names: int = 3
    rate: int = 60
    warmup_s: float = 6.0
    doors_open_s: float = 4.0
    closed_loop: bool = False
    failing: float = 0.02
    sold_out_s: float | None = 34.0
    shaped: bool = True
    piped: bool = False


def users_at(story: Story, second: float) -> float:
    """Up in the first fifth, level, down in the last tenth; from 0 to 1."""
    part = second / story.seconds
    return min(1.0, part / 0.2, (1.0 - part) / 0.1) if story.shaped else 1.0


def made_folder(where: Path, story: Story, *, killed: bool = False, **fields: Any) -> Path:
    """A results folder; `fields` replace fields of its Run. A killed run's is left as the last second left it."""
    folder = kept_folder(where, "20260921T141320Z-flashsale", 0)
    writer = ResultsWriter(folder)
    recorder = Recorder(writer, warmup_s=story.warmup_s)
    records = add_records(recorder, story)
    writer.start(STARTED_AT)
    recorder.start(0.0)
    writer.write_run(dataclasses.replace(made_run(recorder, story, complete=False), **fields))
    rng = np.random.default_rng(7)
    for second in range(story.seconds):
        for number, record in enumerate(records):
            add_second(record, story, second, rng, buys=number == 0)
        read_stock(recorder, story, second)
        if story.piped:
            read_pipeline(recorder, second)
        for _ in recorder.rotate(second + 1):
            pass
    if story.piped:  # probes go on until the pipeline has caught up
        read_pipeline(recorder, story.seconds)
    if killed:
        writer.flush()
        left = shutil.copytree(folder, where / f"{folder.name}-killed")
        writer.finish({}, [])
        return left
    for _ in recorder.finish():
        pass
    run = dataclasses.replace(made_run(recorder, story, complete=True), **fields)
    writer.write_run(run)
    if story.piped:
        (folder / "canary.json").write_text(json.dumps(canary_json()), encoding="utf-8")
    (folder / "ledger.json").write_text(json.dumps(run.ledger), encoding="utf-8")
    return folder


def add_records(recorder: Recorder, story: Story) -> list[RequestRecord]:
    """The first name buys and is refused, the others look."""
    buys = recorder.add("PG order.buy", late_after_s=0.1, closed_loop=story.closed_loop, refusals="PG order.sold_out")
    others = [recorder.add(f"PG item.view{i or ''}", closed_loop=story.closed_loop) for i in range(story.names - 1)]
    return [buys, *others][: story.names]


def add_second(record: RequestRecord, story: Story, second: int, rng: np.random.Generator, *, buys: bool) -> None:
    """All requests that are intended in one second, with their outcomes."""
    if buys and second < story.doors_open_s:
        return
    count = round(story.rate * users_at(story, second + 0.5))
    intended = np.sort(second + rng.random(count))
    wait = rng.lognormal(-8.5, 0.8, count)
    service = rng.lognormal(-5.2, 0.5, count) * (3 if story.seconds * 0.6 < second < story.seconds * 0.7 else 1)
    outcomes = outcomes_of(story, second, rng, count, buys=buys)
    started, ended = intended + wait, intended + wait + service
    columns = (intended, intended, intended + wait * 0.7, started, ended, outcomes.astype(np.float64), np.zeros(count))
    record.rows.frombytes(np.column_stack(columns).tobytes())
    for i in np.flatnonzero(outcomes == Outcome.FAILED):
        record.count_error("40P01" if wait[i] > 2e-4 else "57014", float(intended[i]), float(ended[i]))


def outcomes_of(
    story: Story, second: int, rng: np.random.Generator, count: int, *, buys: bool
) -> npt.NDArray[np.int64]:
    """Refused once sold out, failed now and then in the middle."""
    found = np.full(count, Outcome.COMPLETED, dtype=np.int64)
    if buys and story.sold_out_s is not None and second >= story.sold_out_s:
        found[rng.random(count) < min(1.0, (second - story.sold_out_s + 1) / 6)] = Outcome.REFUSED
    if story.seconds / 3 <= second < story.seconds * 2 / 3:
        found[rng.random(count) < story.failing] = Outcome.FAILED
    return found


def read_stock(recorder: Recorder, story: Story, second: int) -> None:
    """What a probe would have read: the hot items go first."""
    part = 0.0 if story.sold_out_s is None else min(1.0, max(0.0, second - story.doors_open_s) / 24)
    recorder.read(Reading(second + 0.5, "stock", "left", round(STOCK * (1 - 0.96 * part)), "units"))
    recorder.read(Reading(second + 0.5, "stock", "hot_left", round(500 * (1 - part)), "units"))


def read_pipeline(recorder: Recorder, second: int) -> None:
    """Orders take 100 ms; in seconds 20 to 24 the connector stands still, then it works off what waited."""
    paused = 20 <= second < 25
    waiting = max(0, second - 19) * 1e6 if paused else max(0.0, 4e6 - (second - 25) * 1e6) if second >= 25 else 0.0
    lag = 1e4 + waiting
    for probe, name, value, unit in (
        ("replication_slot", "lag_bytes", lag, "bytes"),
        ("replication_slot", "written_bytes", 1e6 * second, "bytes of log"),
        ("replication_slot", "confirmed_bytes", 1e6 * second - lag, "bytes of log"),
        ("wal", "bytes_per_s", 1e6, "bytes/s"),
        ("consumer_group", "lag", 40 + waiting / 1e4, "messages"),
    ):
        recorder.read(Reading(second + 0.3, probe, name, value, unit))
    if not paused:
        for hop, value in HOPS_MS.items():
            for i in range(2):
                recorder.read(Reading(second + 0.4 + i / 2, "canary", hop, value + 10 * i, "ms"))


HOPS_MS = {"sent_to_source": 1.0, "source_to_connect": 60.0, "connect_to_record": 29.0, "record_to_seen": 10.0}
HOPS_MS |= {"sent_to_seen": 100.0, "commit": 2.0, "schedule_delay": 0.2}


def canary_json() -> dict[str, Any]:
    """canary.json of such a run: three orders never came, which leaves no p99."""
    hops: dict[str, dict[str, Any]] = {
        hop: {"count": 110, "negative": 0, "min": ms, "p50": ms, "p95": ms + 10, "p99": ms + 10, "max": ms + 10}
        for hop, ms in HOPS_MS.items()
    }
    hops["sent_to_seen"] |= {"count": 113, "p99": None, "max": None}
    hops["sent_to_source"] |= {"negative": 7, "min": -0.4}
    return {"every_ms": 500, "timeout_s": 30.0, "sent": 113, "completed": 110, "failed": 3, "hops_ms": hops}


def made_run(recorder: Recorder, story: Story, *, complete: bool) -> Run:
    """The run's summary, with a verdict that fits."""
    peak = 20
    moments = [story.seconds * i / 200 for i in range(200)]
    shape = ShapeSummary(
        name="FlashSaleSpikeShape", peak_users=peak, run_time_s=float(story.seconds), doors_open_s=story.doors_open_s,
        users=[(at, round(peak * users_at(story, at))) for at in moments],
    )  # fmt: skip
    spans = recorder.spans()
    p99 = next(iter(spans.values())).measured.response_ms if spans else None
    limit = ThresholdResult(
        target="PG order.buy", expression="response_ms.p99 < 50", abort=False, result="pass",
        value=f"response p99 = {p99.p99 if p99 else 0:.3g} ms",
    )  # fmt: skip
    return Run(
        format=FORMAT, run_id="0192f3c0a1b2c3d4", complete=complete, started_at=STARTED_AT,
        ended_at=STARTED_AT + story.seconds - 0.1 if complete else None, doors_open_s=story.doors_open_s,
        warmup_s=story.warmup_s, scenarios=["flashsale"], shape=shape if story.shaped else None, users_peak=peak,
        stopped_by="shape" if complete else "", command="locust -f locustfiles/flashsale.py --headless -u 20 -t 60s",
        settings={"PURCHASE_GEN_EVERY_MS": "100", "POSTGRES_PASSWORD": "**********"},
        environment={"cores": 2, "memory_bytes": 2**33, "packages": {"locust": "2.47.0"}, "commit": "abc"},
        requests=spans if complete else {}, probes=made_trends(recorder, story, complete=complete),
        ledger=LEDGER if complete else {},
        thresholds=[limit] if complete else [], instrument={"loop_lag_ms": {"p99": 0.8, "max": 4.0}, "invalid": []},
        verdict="pass" if complete else "unknown",
        reasons=["Passed: 2 900 orders bought, none oversold, none lost; p99 15 ms."] if complete
        else ["The run has not come to its end."],
    )  # fmt: skip


def made_trends(recorder: Recorder, story: Story, *, complete: bool) -> dict[str, Any]:
    """What `run.json` has of probes."""
    return trends(recorder.readings, recorder.offered(), story.warmup_s, story.seconds - 0.1 if complete else None)


def kept_folder(results: Path, name: str, keep: int) -> Path:
    """A results folder of a run that has begun."""
    with new_folder(results, name, keep) as folder:
        return folder
