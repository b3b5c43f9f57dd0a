"""The master's side of a run across workers: who takes part, what each was told, and what each has told.

Locust brings users to workers and loses what they did in their last seconds; numbers travel by messages of our own. A
worker that is told to begin says when it is ready; it reports what it counted once a second; told to drain it stops
its users, settles what is in doubt, sends its evidence, and says that it has. Nothing waits for a worker that is gone.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import gevent
import gevent.event
from locust.runners import STATE_MISSING

from lakestorm.errors import PlatformError
from lakestorm.load import messages
from lakestorm.record.readings import Reading
from lakestorm.record.shipping import report_from_wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from locust.env import Environment
    from locust.rpc import Message
    from locust.runners import MasterRunner

    from lakestorm.record.recorder import Recorder

READY_S = 600.0
"""How long workers may take to get ready; a long history is written meanwhile."""
DRAIN_S = 75.0
"""How long a drain may take beyond the stop timeout: what is in doubt is settled for up to 35 s."""
LOST_S = 10.0
"""How long Locust may miss a worker before it counts as lost."""
LOOK_S = 0.05


@dataclasses.dataclass(slots=True)
class Member:
    """One worker in one run.

    Attributes:
        client_id: Locust's name of it.
        process: its number in order references and files, from 1.
        about: what it said of itself: host, pid, settings, clock error.
        state: enlisted, ready, refused, dismissed, running, drained or lost.
        told_s: the second of the run up to which it has reported.
        refused: why it could not begin.
        instrument: what it saw of its own event loop and CPU.
        missed_since_s: since when Locust misses it, by the clock; None while it does not.
    """

    client_id: str
    process: int
    about: dict[str, Any]
    state: str = "enlisted"
    told_s: int = 0
    refused: str = ""
    instrument: dict[str, Any] = dataclasses.field(default_factory=dict)
    missed_since_s: float | None = None

    @property
    def name(self) -> str:
        """As people know it."""
        return f"worker {self.process} ({self.about.get('host', '?')}, process {self.about.get('pid', '?')})"


class Crew:
    """All workers of a master; one run at a time.

    Args:
        environment: Locust's, of a master.
        settings: the master's, by name, to be compared with each worker's.
    """

    def __init__(self, environment: Environment, settings: Mapping[str, str]) -> None:
        self._environment = environment
        self._settings = settings
        self._known: dict[str, dict[str, Any]] = {}
        """What each connected worker said of itself, by client."""
        self._members: dict[str, Member] = {}
        self._begin: dict[str, Any] | None = None
        self._go: dict[str, Any] | None = None
        self._recorder: Recorder | None = None
        self._folder: Path | None = None
        self.broke = False
        """Whether a user on a worker raised what it should not."""
        environment.events.worker_report.add_listener(self._heard)
        for kind, hear in self._listeners().items():
            environment.runner.register_message(kind, hear)

    @property
    def members(self) -> list[Member]:
        """Who takes or took part in the run, in the order in which they came."""
        return list(self._members.values())

    def enlist(self, begin: Mapping[str, Any], recorder: Recorder, folder: Path) -> None:
        """Tell every worker that is there to get ready, and wait until all are.

        Args:
            begin: what all are told alike.
            recorder: takes their reports.
            folder: takes their evidence.

        Raises:
            PlatformError: a worker refused, or did not answer; says which and why.
        """
        self._recorder, self._folder, self._go = recorder, folder, None
        self._members = {}
        self.broke = False
        wait_until(lambda: all(client in self._known for client in self._clients()), READY_S)
        self._begin = dict(begin)
        for client_id in [client for client in self._clients() if client in self._known]:
            self._tell_begin(client_id)
        wait_until(lambda: not self._in_state("enlisted"), READY_S)
        late = [f"{member.name} did not get ready within {READY_S:.0f} s" for member in self._in_state("enlisted")]
        refused = [f"{member.name}: {member.refused}" for member in self._in_state("refused")]
        if late or refused:
            self.dismiss()
            raise PlatformError("A worker cannot begin. " + " ".join([*refused, *late]))

    def go(self, origin_s: float, started_at: float) -> None:
        """The clock runs: second 0 is at `origin_s` by the master's clock, and `started_at` since 1970."""
        self._go = {"origin_s": origin_s, "started_at": started_at}
        for member in self._in_state("ready"):
            self._tell_go(member)

    def dismiss(self) -> None:
        """The run does not take place."""
        for member in self.members:
            self._send(messages.DISMISS, {}, member.client_id)
        self._begin = None

    def drain(self, stop_timeout_s: float) -> None:
        """Have every worker stop its users and send what it still has; who does not is lost."""
        self._begin = None  # who comes now comes too late, and so does who is not ready yet
        for member in (*self._in_state("enlisted"), *self._in_state("ready")):
            member.state = "dismissed"
            self._send(messages.DISMISS, {}, member.client_id)
        for member in self._in_state("running"):
            self._send(messages.DRAIN, {}, member.client_id)
        wait_until(lambda: not any(map(self._is_there, self._in_state("running"))), stop_timeout_s + DRAIN_S)
        for member in self._in_state("running"):
            member.state = "lost"

    def look(self, *_: int) -> None:
        """Note who is gone, and say so once; called every second."""
        for member in self._in_state("running"):
            if not self._is_there(member):
                member.state = "lost"
                say(f"{member.name} is lost: it has not been heard of for {LOST_S:.0f} s.")

    def all_lost(self) -> bool:
        """Whether nobody is left who could still answer."""
        return bool(self._members) and all(member.state == "lost" for member in self.members)

    def gaps(self) -> list[str]:
        """What is not known of the run, a sentence for each lost worker."""
        return [
            f"{member.name[0].upper()}{member.name[1:]} was lost: what it did after second {member.told_s} of the run,"
            " and which of its answers were acknowledged, is not known."
            for member in self._in_state("lost")
        ]

    def summary(self) -> list[dict[str, Any]]:
        """For `run.json`: each worker, what became of it, how exact its clock is, and what it saw of itself."""
        return [
            {
                "process": member.process,
                "host": member.about.get("host"),
                "pid": member.about.get("pid"),
                "state": member.state,
                "reported_until_s": member.told_s,
                "clock_error_ms": member.about.get("clock_error_ms"),
                **member.instrument,
            }
            for member in self.members
        ]

    @property
    def _runner(self) -> MasterRunner:
        return self._environment.runner

    def _clients(self) -> list[str]:
        """Workers that Locust knows and hears of; one that is still checking its settings is not known to us."""
        return [client.id for client in self._runner.clients.all if client.state != STATE_MISSING]

    def _listeners(self) -> dict[str, Callable[..., None]]:
        return {
            messages.PING: self._ping,
            messages.READY: self._ready,
            messages.REFUSED: self._refused,
            messages.REPORT: self._report,
            messages.FILE: self._file,
            messages.DRAINED: self._drained,
        }

    def _in_state(self, state: str) -> list[Member]:
        return [member for member in self.members if member.state == state]

    def _is_there(self, member: Member) -> bool:
        """Whether it may still answer.

        One that took leave of Locust drains first, and Locust has forgotten it. One that Locust misses for a few
        seconds may only be short of CPU.
        """
        client = self._runner.clients.get(member.client_id)
        if client is None or client.state != STATE_MISSING:
            member.missed_since_s = None
            return True
        member.missed_since_s = member.missed_since_s or time.perf_counter()
        return time.perf_counter() - member.missed_since_s < LOST_S

    def _send(self, kind: str, data: Mapping[str, Any], client_id: str) -> None:
        self._runner.send_message(kind, dict(data), client_id)

    def _tell_begin(self, client_id: str) -> None:
        member = Member(client_id, len(self._members) + 1, self._known.get(client_id, {}))
        self._members[client_id] = member
        self._send(messages.BEGIN, {**(self._begin or {}), "process": member.process}, client_id)

    def _tell_go(self, member: Member) -> None:
        member.state = "running"
        self._send(messages.GO, self._go or {}, member.client_id)

    def _heard(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        """A worker is there. In the middle of a run it is taken in."""
        about = data.get(messages.ABOUT)
        if about is None or client_id in self._known:
            return
        self._known[client_id] = about
        for difference in differences(self._settings, about["settings"]):
            say(f"Worker on {about['host']}: {difference}")
        if self._begin is not None and client_id not in self._members:
            self._tell_begin(client_id)

    def _ping(self, msg: Message, **_: Any) -> None:
        self._send(messages.PONG, {"asked_s": msg.data["asked_s"], "master_s": time.perf_counter()}, msg.node_id)

    def _ready(self, msg: Message, **_: Any) -> None:
        member = self._members[msg.node_id]
        if member.state != "enlisted":
            return
        member.state = "ready"
        member.about = {**member.about, "clock_error_ms": msg.data["clock_error_ms"]}
        if self._go is not None:
            self._tell_go(member)

    def _refused(self, msg: Message, **_: Any) -> None:
        member = self._members[msg.node_id]
        member.state, member.refused = "refused", msg.data["why"]
        if self._go is not None:
            say(f"{member.name} came late and cannot take part: {member.refused}")

    def _report(self, msg: Message, **_: Any) -> None:
        member = self._members.get(msg.node_id)
        if member is None or self._recorder is None or msg.data["process"] != member.process:
            return
        member.told_s = msg.data["told_s"] or member.told_s
        for _step in self._recorder.take(*report_from_wire(msg.data["report"])):
            pass
        for reading in msg.data["readings"]:
            self._recorder.read(Reading(*reading))

    def _file(self, msg: Message, **_: Any) -> None:
        """A piece of a worker's evidence; pieces come in their order."""
        if self._folder is None or msg.node_id not in self._members:
            return
        with (self._folder / PurePosixPath(msg.data["name"]).name).open("ab") as out:
            out.write(msg.data["bytes"])

    def _drained(self, msg: Message, **_: Any) -> None:
        member = self._members[msg.node_id]  # though it was given up: it tells all that it knows
        member.state, member.instrument = "drained", msg.data["instrument"]
        self.broke = self.broke or msg.data["broke"]


MAY_DIFFER = {"POSTGRES_HOST", "POSTGRES_PORT", "KAFKA_BROKERS", "SCHEMA_REGISTRY_URL", "RESULTS_DIR"}
"""Each machine may know a system by another address, and has its own folders."""


def differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """A sentence for each setting by which a worker would make another load than its master believes."""
    return [
        f'{name} is "{theirs.get(name, "")}" there and "{value}" on the master. The same .env is wanted on both.'
        for name, value in ours.items()
        if name not in MAY_DIFFER and not name.startswith("WEB_") and theirs.get(name) != value
    ]


def say(text: str) -> None:
    """To whoever watches the master."""
    print(text, file=sys.stderr, flush=True)


def wait_until(is_so: Callable[[], bool], limit_s: float) -> None:
    """Let others run until it is so, or the time is over."""
    until = time.perf_counter() + limit_s
    while not is_so() and time.perf_counter() < until:
        gevent.sleep(LOOK_S)
