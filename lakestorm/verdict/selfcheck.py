"""Was the generator itself the bottleneck? Then the numbers say nothing about the system."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakestorm.record.manifest import RequestSpans

SLIP_FLOOR_MS = 20.0
SLIP_SHARE = 0.1
FEWEST = 100
"""A p99 of fewer requests is their maximum: one hiccup of the machine, which says nothing about the generator."""


def generator_faults(requests: Mapping[str, RequestSpans]) -> list[str]:
    """A sentence for each request name whose slip p99 > max(20 ms, 10 % of its response p99).

    A closed loop has no response: its service p99 stands in. Names with fewer than 100 requests are not judged.
    """
    faults = []
    for name, spans in requests.items():
        measured = spans.measured
        basis = measured.answer_ms
        slip = measured.slip_ms.p99 if measured.slip_ms else None
        if slip is None or basis is None or basis.p99 is None or basis.count < FEWEST:
            continue
        limit = max(SLIP_FLOOR_MS, SLIP_SHARE * basis.p99)
        if slip > limit:
            faults.append(
                f"{name}: the generator itself was late by {slip:.3g} ms (slip p99; at most {limit:.3g} ms is allowed)."
            )
    return faults
