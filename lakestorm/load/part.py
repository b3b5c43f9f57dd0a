"""What a scenario brings to a run: its checks, its requests, its books."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from locust.env import Environment

    from lakestorm.model.orders import RunKey
    from lakestorm.record.readings import Reading, Readings
    from lakestorm.record.requests import RequestRecord
    from lakestorm.settings import Settings


LATE_WORKERS = "late_workers"
"""An entry of a scenario's orders: what is to be said of a worker that comes in the middle of a run."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What a process does in a run: one that is alone does everything.

    Attributes:
        process: its number in order references and names of files; 0 leads.
        leads: whether it photographs the books, watches, and writes the results.
        loads: whether users run in it.
    """

    process: int = 0
    leads: bool = True
    loads: bool = True

    def file(self, name: str) -> str:
        """A file's name that is this process's alone: `orders.bin`, or `orders-2.bin`."""
        stem, dot, ending = name.partition(".")
        return f"{stem}-{self.process}{dot}{ending}" if self.process else name


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What a part of a run is given when it begins."""

    environment: Environment
    settings: Settings
    role: Role
    recorder: RunRecord
    key: RunKey
    folder: Path
    doors_open_s: float
    run_time_s: float | None
    """How long the run will last; None if nobody knows."""
    users: int | None
    """Most users at one time; None if nobody knows, as where people move them by hand."""
    clock_origin: Callable[[], float]
    """The clock's reading at second 0, once the run has started."""
    started_at: Callable[[], float]
    """When that was, in seconds since 1970 by the leader's clock."""
    orders: dict[str, dict[str, Any]]
    """By scenario, what its part on the leader decides for all processes, of what msgpack takes: written there in
    `begin`, read by the workers in theirs."""
    shares: Callable[[], int]
    """Among how many processes there is to be dealt out what only one of them may have: the workers of processes 1 to
    so many. Those that come later have no share. The leader knows it once the run has started."""


class RunRecord(Protocol):
    """Where a part counts its requests: the run's recorder, or a worker's reports to it."""

    readings: Readings
    gaps: list[str]

    def add(
        self, name: str, *, late_after_s: float = 0.0, closed_loop: bool = False, refusals: str | None = None
    ) -> RequestRecord:
        """See record.records.Records."""

    def read(self, reading: Reading) -> None:
        """Take what a probe read."""


class RunPart(Protocol):
    """A scenario while a run goes on."""

    has_books: bool
    """Whether it writes evidence that an audit can read."""

    def start(self) -> None:
        """The clock runs: whatever goes on beside the users begins."""

    def stop(self) -> None:
        """The last user has stopped: settle what is in doubt, write what the audit needs, let go of everything.

        The audit itself is one for all parts: `lakestorm.report.audit` reads what they wrote.
        """

    def abandon(self) -> None:
        """Another part refused before the clock ran: let go of everything. Its folder goes too."""


class Scenario(Protocol):
    """A scenario before and between runs."""

    name: str

    def vocabulary(self) -> Mapping[str, frozenset[str]]:
        """Targets that thresholds may name, with what each has beyond its family's own names: see verdict/vocabulary.

        Request names usually have nothing of their own; `ledger` has its entries; `probe stock.left` is a target too.
        """

    def check(self, settings: Settings) -> dict[str, str]:
        """Refuse before any load what cannot work; returns versions of the services. Raises LakestormError."""

    def begin(self, context: RunContext) -> RunPart:
        """Prepare a run: connections, stock, a snapshot of the books. Raises LakestormError."""
