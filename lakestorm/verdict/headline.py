"""What a run that passed achieved, in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakestorm.record.figures import digits, grouped

if TYPE_CHECKING:
    from lakestorm.record.manifest import RequestSpans, Run

IRREGULAR = {"buy": "bought", "cancel": "cancelled", "read": "read", "send": "sent", "write": "written"}
NONE_WRONG = ("oversold", "lost")
"""Of the ledger's invariants those that a headline names."""


def headline(run: Run) -> str:
    """`41 203 orders bought, none oversold, none lost; p99 38 ms`."""
    offering = ((name, spans) for name, spans in run.requests.items() if spans.total.offered)
    name, spans = next(offering, ("", None))
    if spans is None:
        return "nothing was offered"
    parts = [f"{grouped(spans.total.completed)} {deeds_of(name)}"]
    if spans.total.refused:
        parts.append(f"{grouped(spans.total.refused)} refused")
    if run.ledger.get("state") == "closed":
        parts += [f"none {wrong}" for wrong in NONE_WRONG if run.ledger.get(wrong) == 0]
    return ", ".join(parts) + p99_of(spans)


def p99_of(spans: RequestSpans) -> str:
    """`; p99 38 ms` of the response, or of the service in a closed loop; empty without a sample."""
    measured = spans.measured
    found, word = (measured.response_ms, "") if measured.response_ms else (measured.service_ms, "service ")
    return f"; {word}p99 {digits(found.p99)} ms" if found and found.p99 is not None else ""


def deeds_of(name: str) -> str:
    """A request name as deeds done: `PG order.buy` is `orders bought`, `CDC order.to_kafka` `orders completed`."""
    noun, _, verb = name.partition(" ")[2].partition(".")
    if not verb.isalpha():
        return f"{noun}s completed"
    return f"{noun}s {IRREGULAR.get(verb) or verb.removesuffix('e') + 'ed'}"
