"""What a scenario brings to a run: its checks, its requests, its books."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from locust.env import Environment

    from lakestorm.model.orders import RunKey
    from lakestorm.record.recorder import Recorder
    from lakestorm.settings import Settings


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What a part of a run is given when it begins."""

    environment: Environment
    settings: Settings
    recorder: Recorder
    key: RunKey
    folder: Path
    doors_open_s: float
    run_time_s: float | None
    """How long the run will last; None if nobody knows."""
    users: int | None
    """Most users at one time; None if nobody knows, as where people move them by hand."""
    clock_origin: Callable[[], float]
    """The clock's reading at second 0, once the run has started."""


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
