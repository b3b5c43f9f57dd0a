"""The master's side of a run across workers: who takes part, what each was told, and what each has told.

Locust brings users to workers and loses what they did in their last seconds; numbers travel by messages of our own. A
worker that is told to begin says when it is ready; it reports what it counted once a second; told to drain it stops
its users, settles what is in doubt, sends its evidence, and says that it has. Nothing waits for a worker that is gone.
"""

from __future__ import annotations

import sys
import time
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import gevent

from lakestorm.errors import LakestormError, PlatformError
from lakestorm.load import messages
from lakestorm.load.crew_member import LOST_S, Member, Presence
from lakestorm.load.part import LATE_WORKERS
from lakestorm.load.setting_differences import differences
from lakestorm.record.readings import Reading
from lakestorm.record.shipping import report_from_wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from locust.env import Environment
    from locust.rpc import Message
    from locust.runners import MasterRunner

    from lakestorm.record.recorder import Recorder

READY_S = 600.0
"""How long workers may take to get ready; a long history is written meanwhile."""
DRAIN_S = 75.0
"""How long a drain may take beyond the stop timeout: what is in doubt is settled for up to 35 s."""
LOOK_S = 0.05
GONE = f"it has not been heard of for {LOST_S:.0f} s, and the run has not begun. What it printed may say why."


class Crew:
    """All workers of a master; one run at a time.

    Args:
        environment: Locust's, of a master.
        settings: the master's, by name, to be compared with each worker's.
    """

    def __init__(self, environment: Environment, settings: Mapping[str, str]) -> None:
        self._environment = environment
        self._settings = settings
        self._presence = Presence(environment.runner.clients)
        self._known: dict[str, dict[str, Any]] = {}
        """What each connected worker said of itself, by client."""
        self._turned_away: dict[str, str] = {}
        """Why a worker that had come is not ready for any run, by client."""
        self._members: dict[str, Member] = {}
        self._begin: dict[str, Any] | None = None
        self._go: dict[str, Any] | None = None
        self._recorder: Recorder | None = None
        self._folder: Path | None = None
        self.broke = False
        """Whether something on a worker raised what it should not."""
        environment.events.worker_report.add_listener(self._heard)
        for kind, hear in self._listeners().items():
            environment.runner.register_message(kind, hear)

    @property
    def members(self) -> list[Member]:
        """Who takes or took part in the run, in the order in which they came."""
        return list(self._members.values())

    def enlist(self, begin: Mapping[str, Any], recorder: Recorder, folder: Path) -> int:
        """Tell every worker that is there to get ready, and wait until all are; how many they are.

        Args:
            begin: what all are told alike.
            recorder: takes their reports.
            folder: takes their evidence.

        Raises:
            PlatformError: a worker refused, was lost, or did not answer; says which and why.
            LakestormError: the suite itself broke on a worker.
        """
        self._recorder, self._folder, self._go = recorder, folder, None
        self._members = {}
        self.broke = False
        called = self._presence.there()
        self._wait_for(lambda: all(client in self._known for client in called), called)
        self._begin = {**begin, "shares": len(called)}
        for client_id in called:
            self._tell_begin(client_id)
        self._wait_for(lambda: not self._in_state("enlisted"), called)
        return len(called)

    def _wait_for(self, is_so: Callable[[], bool], called: Sequence[str]) -> None:
        """Wait for workers that were called; as soon as one cannot begin, the run does not take place."""
        wait_until(lambda: is_so() or bool(self._refusals(called)), READY_S)
        problems = self._refusals(called)
        if not problems and not is_so():
            slow = [member.name for member in self._in_state("enlisted")] or ["one that had come"]
            problems = [f"{', '.join(slow)} did not get ready within {READY_S:.0f} s."]
        if problems:
            self.dismiss()
            raise (LakestormError if self.broke else PlatformError)("A worker cannot begin. " + " ".join(problems))

    def _refusals(self, called: Sequence[str]) -> list[str]:
        """Why the run cannot begin, a sentence for each worker; empty while all may still get ready."""
        for member in (*self._in_state("enlisted"), *self._in_state("ready")):
            if not self._presence.may_get_ready(member.client_id):
                member.refuse(GONE, "lost")
        told = [(member.name, member.refused) for member in self.members if member.refused]
        told += [(f"a worker on {host_of(client)}", why) for client in called if (why := self._turned_down(client))]
        return [f"{name[0].upper()}{name[1:]}: {why}" for name, why in told]

    def _turned_down(self, client_id: str) -> str:
        """Why one that has not introduced itself never will; empty while it may."""
        if client_id in self._known:
            return ""
        return self._turned_away.get(client_id) or ("" if self._presence.may_get_ready(client_id) else GONE)

    def go(self, origin_s: float, started_at: float) -> None:
        """The clock runs: second 0 is at `origin_s` by the master's clock, and `started_at` since 1970."""
        self._go = {"origin_s": origin_s, "started_at": started_at}
        for member in self._in_state("ready"):
            self._tell_go(member)

    def dismiss(self) -> None:
        """The run does not take place."""
        self._begin = None
        for member in self.members:
            member.state = "dismissed"
            self._send(messages.DISMISS, {}, member.client_id)

    def drain(self, stop_timeout_s: float) -> None:
        """Have every worker stop its users and send what it still has; who does not is lost."""
        self._begin = None  # who comes now comes too late, and so does who is not ready yet
        for member in (*self._in_state("enlisted"), *self._in_state("ready")):
            member.state = "dismissed"
            self._send(messages.DISMISS, {}, member.client_id)
        for member in self._in_state("running"):
            self._send(messages.DRAIN, {}, member.client_id)
        wait_until(lambda: not any(map(self._may_answer, self._in_state("running"))), stop_timeout_s + DRAIN_S)
        for member in self._in_state("running"):
            member.state = "lost"

    def look(self, *_: int) -> None:
        """Note who is gone, and say so once; called every second."""
        for member in self._in_state("running"):
            if not self._may_answer(member):
                member.state = "lost"
                say(f"{member.name} is lost: it has not been heard of for {LOST_S:.0f} s.")

    def all_lost(self) -> bool:
        """Whether nobody is left who could still answer."""
        return bool(self._members) and all(member.state == "lost" for member in self.members)

    def gaps(self) -> list[str]:
        """What is not known of the run, a sentence for each lost worker."""
        return [member.gap() for member in self._in_state("lost")]

    def summary(self) -> list[dict[str, Any]]:
        """For `run.json`: each worker."""
        return [member.summary() for member in self.members]

    @property
    def _runner(self) -> MasterRunner:
        return self._environment.runner

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

    def _may_answer(self, member: Member) -> bool:
        return self._presence.may_answer(member.client_id)

    def _send(self, kind: str, data: Mapping[str, Any], client_id: str) -> None:
        self._runner.send_message(kind, dict(data), client_id)

    def _tell_begin(self, client_id: str) -> None:
        member = Member(client_id, len(self._members) + 1, self._known.get(client_id, {}))
        self._members[client_id] = member
        self._send(messages.BEGIN, {**(self._begin or {}), "process": member.process}, client_id)

    def _tell_go(self, member: Member) -> None:
        member.state = "running"
        self._send(messages.GO, self._go or {}, member.client_id)
        begin = self._begin or {}
        for orders in begin["orders"].values() if member.process > begin["shares"] else ():
            if LATE_WORKERS in orders:
                say(f"{member.name} came late: {orders[LATE_WORKERS]}")

    def _heard(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        """A worker is there. In the middle of a run it is taken in, also one that Locust had forgotten meanwhile."""
        about = data.get(messages.ABOUT)
        if about is None:
            return
        if client_id not in self._known:
            for difference in differences(self._settings, about["settings"]):
                say(f"Worker on {about['host']}: {difference}")
        self._known[client_id] = about
        if self._begin is not None and client_id not in self._members:
            self._tell_begin(client_id)

    def _ping(self, msg: Message, **_: Any) -> None:
        self._send(messages.PONG, {"asked_s": msg.data["asked_s"], "master_s": time.perf_counter()}, msg.node_id)

    def _preparing(self, msg: Message) -> Member | None:
        """Who said that it is ready, or cannot be; None where it speaks of a run that does not take place."""
        member = self._members.get(msg.node_id)
        is_of_run = self._begin is not None and msg.data["run"] == self._begin["run"]
        return member if member is not None and is_of_run and member.state in ("enlisted", "ready") else None

    def _ready(self, msg: Message, **_: Any) -> None:
        member = self._preparing(msg)
        if member is None:
            return
        member.state = "ready"
        member.about = {**member.about, "clock_error_ms": msg.data["clock_error_ms"]}
        if self._go is not None:
            self._tell_go(member)

    def _refused(self, msg: Message, **_: Any) -> None:
        why = msg.data["why"]
        member = self._preparing(msg)
        if msg.data["run"] is None:
            self._turned_away[msg.node_id] = why
        elif member is not None:
            member.refuse(why)
            if self._go is not None:
                say(f"{member.name} came late and cannot take part: {why}")
            else:
                self.broke = self.broke or msg.data["broke"]

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


def host_of(client_id: str) -> str:
    """Where a worker is that has not introduced itself: Locust's name of it begins with the host's."""
    return client_id.rpartition("_")[0]


def say(text: str) -> None:
    """To whoever watches the master."""
    print(text, file=sys.stderr, flush=True)


def wait_until(is_so: Callable[[], bool], limit_s: float) -> None:
    """Let others run until it is so, or the time is over."""
    until = time.perf_counter() + limit_s
    while not is_so() and time.perf_counter() < until:
        gevent.sleep(LOOK_S)
