"""A run on a worker: users run here, and what they did is told to the master."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent

from lakestorm.load import messages
from lakestorm.load.live_run import to_locust
from lakestorm.load.part import Role
from lakestorm.load.process_run import ProcessRun, RunFacts
from lakestorm.load.run_options import MEND
from lakestorm.model.orders import RunKey
from lakestorm.record.readings import Readings
from lakestorm.record.records import Records
from lakestorm.record.shipping import report_to_wire
from lakestorm.settings import overridden

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from locust.env import Environment

    from lakestorm.load.part import Scenario
    from lakestorm.record.readings import Reading
    from lakestorm.record.requests import RequestRecord
    from lakestorm.settings import Settings

    Send = Callable[..., None]


class Reports:
    """What a worker tells of its requests, once a second: see RunRecord.

    Args:
        records: of this process.
        send: tells the master.
        process: this one.
    """

    def __init__(self, records: Records, send: Send, process: int) -> None:
        self.add: Callable[..., RequestRecord] = records.add
        self.readings = Readings()
        self.gaps: list[str] = []
        self._records = records
        self._send = send
        self._process = process
        self._unsent: list[Reading] = []

    def read(self, reading: Reading) -> None:
        """Take what a probe read; it goes with the next report."""
        self.readings.add(reading)
        self._unsent.append(reading)

    def tell(self, second: float) -> Iterator[None]:
        """Count what ended before a moment, and report it; yields between steps."""
        seconds = []
        for of_second in self._records.absorb(second):
            seconds.append(of_second)
            yield
        readings, self._unsent = self._unsent, []
        self._send(
            messages.REPORT,
            process=self._process,
            told_s=None if math.isinf(second) else int(second),
            report=report_to_wire(self._records.cut(), seconds),
            readings=[[r.second, r.probe, r.name, r.value, r.unit, r.error] for r in readings],
        )


class WorkerRun(ProcessRun):
    """See ProcessRun.

    Args:
        environment: Locust's.
        settings: as loaded at the edge.
        scenarios: what runs.
        told: the master's BEGIN message.
        send: tells the master.
    """

    def __init__(
        self,
        environment: Environment,
        settings: Settings,
        scenarios: Sequence[Scenario],
        told: Mapping[str, Any],
        send: Send,
    ) -> None:
        facts = RunFacts(
            key=RunKey.from_hex(told["run"]),
            doors_open_s=told["doors_open_s"],
            run_time_s=told["run_time_s"],
            users=told["users"],
            orders=told["orders"],
        )
        role = Role(process=told["process"], leads=False)
        settings = overridden(settings, told["overrides"], mend=MEND)
        super().__init__(environment, settings, facts, role)
        self.shares = told["shares"]
        self._records = Records(warmup_s=settings.run.warmup_s, tell=to_locust(self))
        self._reports = Reports(self._records, send, role.process)
        self._folder = tempfile.TemporaryDirectory(prefix="lakestorm-worker-")
        try:
            self.begin(scenarios, self._reports, Path(self._folder.name))
        except BaseException:
            self.abandon()
            raise

    def start(self, origin: float, started_at: float) -> None:
        """The master's clock runs; `origin` is its second 0 by ours."""
        self._records.start(origin)
        self.start_clock(origin, started_at)

    def rotate(self, second: int) -> Iterator[None]:
        """See ProcessRun."""
        yield from self._reports.tell(second)

    def stop(self) -> dict[str, Any]:
        """The last user has stopped: settle what is in doubt, report the rest; what the process saw of itself."""
        self.end()
        for _ in self._reports.tell(math.inf):
            gevent.sleep(0)
        return self.self_readings()

    def evidence(self) -> Iterator[tuple[str, bytes]]:
        """Files for the results folder: (name, content)."""
        for path in sorted(Path(self._folder.name).iterdir()):
            yield path.name, path.read_bytes()

    def abandon(self) -> None:
        """See ProcessRun."""
        super().abandon()
        self._folder.cleanup()

    def forget(self) -> None:
        """Everything was sent."""
        self._folder.cleanup()
