"""How hard does sys-load press, in which phase is it, and do the health checks that it watches answer?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import httpx2

from lakestorm.errors import ProbeError
from lakestorm.probes.asking import Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ANSWER_S = 2.0
FRESH_S = 5.0
"""A last second that is older says nothing of now."""


class Sysload:
    """One `python -m sysload`, by its own port.

    `phase.<name>` is 1 while that phase lasts and 0 afterwards: a run's results then have where each began and ended.
    `up.<address>` and `latency_ms.<address>` are of each health check that it watches.

    Args:
        url: of the port. It is asked directly, whatever proxy the environment names.
    """

    name: ClassVar[str] = "sysload"
    units: ClassVar[Mapping[str, str]] = {
        "target_cpu_percent": "% of the CPU that it may use",
        "cpu_percent": "% of the CPU that it may use",
        "target_memory_mb": "MB",
        "memory_mb": "MB",
        "target_disk_mbps": "MB/s",
        "disk_mbps": "MB/s",
        "shortfalls": "targets not reached",
        "checks_down": "watched checks",
        "flapping": "watched checks",
    }
    of_many: ClassVar[Mapping[str, str]] = {"phase": "1 now, 0 over", "up": "1 yes, 0 no", "latency_ms": "ms"}
    """{beginning of a name: unit} of what it reads of each phase or check."""

    def __init__(self, url: str) -> None:
        self._url = f"{url.rstrip('/')}/phase"
        self._client = httpx2.Client(timeout=ANSWER_S, trust_env=False)
        self._phases: list[str] = []

    def sample(self) -> Iterator[Value]:
        """See Probe."""
        now = self._document()
        try:
            yield from self._pressure(now)
            yield from self._phase(now["phase"])
            for check in now["watched"]:
                yield from self._check(check)
        except (KeyError, TypeError) as error:
            raise ProbeError(f"{self._url} is not what a sys-load says: {type(error).__name__} {error}") from error

    def _document(self) -> Any:
        """What it says of its last second."""
        try:
            document = self._client.get(self._url).raise_for_status().json()
            age_s = float(document["age_s"])
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ProbeError(f"{type(error).__name__} {error}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ProbeError(f"{self._url} is not what a sys-load says: {type(error).__name__} {error}") from error
        if age_s > FRESH_S:
            raise ProbeError(f"its last second is {age_s:.0f} s old")
        return document

    def _pressure(self, now: Any) -> Iterator[Value]:
        """Targets, what was achieved of them, and how many checks are not well."""
        targets, achieved, watched = now["targets"], now["achieved"], now["watched"]
        numbers = {
            "target_cpu_percent": targets["cpu_percent"],
            "cpu_percent": achieved["cpu_percent"],
            "target_memory_mb": targets["memory_mb"],
            "memory_mb": achieved["memory_mb"],
            "target_disk_mbps": targets["disk_mbps"],
            "disk_mbps": achieved["disk_read_mbps"] + achieved["disk_write_mbps"],
            "shortfalls": len(now["shortfalls"]),
            "checks_down": sum(check["state"] == "down" for check in watched),
            "flapping": sum(check["is_flapping"] for check in watched),
        }
        for name, value in numbers.items():
            yield Value(name, float(value), self.units[name])

    def _phase(self, current: str) -> Iterator[Value]:
        """1 for the phase that is, 0 for those that were."""
        if current not in self._phases:
            self._phases.append(current)
        for phase in self._phases:
            yield Value(f"phase.{phase}", float(phase == current), self.of_many["phase"])

    def _check(self, check: Any) -> Iterator[Value]:
        """A watched check; before it was asked once it has no reading."""
        target, state, latency_ms = check["target"], check["state"], check["latency_ms"]
        if state == "unknown":
            return
        yield Value(f"up.{target}", float(state == "up"), self.of_many["up"])
        error = "" if latency_ms is not None else str(check["error"])
        yield Value(f"latency_ms.{target}", latency_ms, self.of_many["latency_ms"], error)
