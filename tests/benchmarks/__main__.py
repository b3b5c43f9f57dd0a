"""`python -m tests.benchmarks [NAME …]`: run benchmarks on a sandbox of their own, print ratios, keep the numbers."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

from lakestorm.sandbox.box import Sandbox
from tests.benchmarks.harness import Row, render

NAMES = (
    "buys",
    "schedule",
    "request",
    "workers",
    "seed",
    "memory",
    "logins",
    "pressure",
    "probing",
    "canary",
    "across",
)
ALONE = ("balance", "soak", "across_long")
"""Run only by name: what must hold every time or for long, over many minutes."""
KNOWN = (*NAMES, *ALONE)
OUT = Path("bench")


def main() -> int:
    """Run what was asked for, one after the other; 0 if all ran."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(KNOWN)}; without one, all but {', '.join(ALONE)}"
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often each side of a pair runs (default: 5)")
    arguments = parser.parse_args()
    names = arguments.names or NAMES
    if strange := set(names) - set(KNOWN):
        parser.error(f"{', '.join(strange)}: names of {', '.join(KNOWN)} are wanted")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        sandbox = Sandbox(Path(folder) / "sandbox", say=lambda _: None)
        try:
            for name in names:
                print(f"{name} …", file=sys.stderr, flush=True)
                benchmark = importlib.import_module(f"tests.benchmarks.{name}")
                sandbox.up(getattr(benchmark, "SERVICES", ("postgres",)))
                rows += benchmark.run(sandbox.env(), arguments.rounds)
                print(render(rows[-20:]), file=sys.stderr, flush=True)
        finally:
            sandbox.down(erase=True)
    print(render(rows))
    keep(rows)
    return 0


def keep(rows: list[Row]) -> None:
    """Write the numbers with the machine they were measured on."""
    OUT.mkdir(exist_ok=True)
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    path = OUT / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.json"
    path.write_text(json.dumps({"machine": machine, "rows": [row.as_dict() for row in rows]}, indent=1) + "\n")
    print(f"kept in {path}")


if __name__ == "__main__":
    sys.exit(main())
