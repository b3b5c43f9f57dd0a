"""What the doctor found, on the terminal: a line a service, then what is wrong and what mends it; or as JSON."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lakestorm.record.figures import digits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakestorm.doctor.finding import Checkup, Finding

STYLES = {"ok": "green", "note": "yellow", "wrong": "bold red", "off": "dim"}


def print_checkups(checkups: Sequence[Checkup], *, as_json: bool, verbose: bool) -> None:
    """Print it on stdout; what is as it should be only if `verbose`, or as JSON."""
    if as_json:
        print(json_text(checkups))
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(service_table(checkups))
    for checkup in checkups:
        for finding in checkup.findings:
            if verbose or finding.level != "ok":
                print_finding(console, checkup.service, finding)


def service_table(checkups: Sequence[Checkup]) -> Table:
    """A row a service."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("service", no_wrap=True)
    table.add_column("address", no_wrap=True)
    table.add_column("version", no_wrap=True)
    table.add_column("answer\nms", justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for checkup in checkups:
        answer = "" if checkup.round_trip_ms is None else digits(checkup.round_trip_ms)
        word = state_of(checkup)
        table.add_row(checkup.service, Text(checkup.where), checkup.version, answer, Text(word, STYLES[word]))
    return table


def state_of(checkup: Checkup) -> str:
    """A service in one word: ok, wrong, or off where the settings leave it out."""
    if not checkup.where:
        return "off"
    return "ok" if checkup.is_well else "wrong"


def print_finding(console: Console, service: str, finding: Finding) -> None:
    """A sentence, and below it what can be pasted."""
    console.print(Text.assemble((finding.level, STYLES[finding.level]), f"  {service}: {finding.says}"))
    if finding.mend:
        console.print(Text(f"       {finding.mend}"))


def json_text(checkups: Sequence[Checkup]) -> str:
    """All of it as a JSON list; each service's `state` is the word of its line."""
    return json.dumps([{**dataclasses.asdict(checkup), "state": state_of(checkup)} for checkup in checkups], indent=1)
