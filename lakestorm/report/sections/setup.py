"""What ran where: command, machine, versions, settings, and what the generator did to the numbers."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING, Any

from lakestorm.record.figures import digits
from lakestorm.report.pictures import ms_text

if TYPE_CHECKING:
    from lakestorm.record.manifest import Run


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Pairs of (what, how much) by group."""

    command: str
    machine: list[tuple[str, str]]
    generator: list[tuple[str, str]]
    settings: list[tuple[str, str]]


def setup(run: Run) -> Setup:
    """How to run it again, and on what it ran."""
    return Setup(
        command=run.command,
        machine=machine(run),
        generator=generator(run.instrument),
        settings=sorted((name, str(value)) for name, value in run.settings.items()),
    )


def machine(run: Run) -> list[tuple[str, str]]:
    """The run's identity, then everything that `environment` knows."""
    found = [("run", run.run_id), ("started", utc(run.started_at))]
    if run.ended_at is not None:
        found.append(("load ended", utc(run.ended_at)))
    for name, value in run.environment.items():
        found += environment_rows(name, value)
    return [(name, value) for name, value in found if value]


def environment_rows(name: str, value: Any) -> list[tuple[str, str]]:
    """One row a value; groups like `packages` one row each."""
    if isinstance(value, dict):
        return [(str(key), str(version)) for key, version in value.items()]
    if name == "memory_bytes":
        return [("memory", f"{digits(value / 2**30)} GiB")]
    return [(name.replace("_", " "), str(value))]


def generator(instrument: dict[str, Any]) -> list[tuple[str, str]]:
    """How busy and how late the load generator was itself."""
    found = []
    lag = instrument.get("loop_lag_ms")
    if lag and lag.get("p99") is not None:
        found.append(("its event loop was late by, p99", ms_text(lag["p99"])))
    if lag and lag.get("max") is not None:
        found.append(("at most", ms_text(lag["max"])))
    cpu = instrument.get("cpu_percent")
    if cpu:
        found.append(("CPU, percent of one core", f"{digits(cpu['mean'])} % mean, {digits(cpu['max'])} % at most"))
    return found


def utc(at: float) -> str:
    """A moment in UTC with seconds."""
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
