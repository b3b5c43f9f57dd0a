"""The audit across with ten million orders: about ten minutes, most of them to make table and topic. Only by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.benchmarks.across import SERVICES, rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.benchmarks.harness import Row

__all__ = ["SERVICES", "run"]

LINES = 10_000_000


def run(env: Mapping[str, str], _rounds: int) -> list[Row]:
    """See across."""
    return rows_of(env, LINES, 1)
