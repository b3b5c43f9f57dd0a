"""A score on the terminal: what was found, what was not, how soon, and two yardsticks beside it. 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from lakestorm.verdict.score_words import COLUMNS, score_rows, sentences

if TYPE_CHECKING:
    from collections.abc import Mapping


def print_score(score: Mapping[str, Any]) -> None:
    """Print all of it on stdout."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(score_table(score))
    for line in sentences(score):
        console.print(line, markup=False)
    for of in score["thresholds"]:
        console.print(f"{of['target']}: {of['expression']}: {of['result']} ({of['value']})", markup=False)


def score_table(score: Mapping[str, Any]) -> Table:
    """A row a kind, then the yardsticks."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("kind", no_wrap=True)
    for column in COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    for name, cells in score_rows(score):
        table.add_row(name, *cells)
    return table
