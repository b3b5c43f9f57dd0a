"""The command line of `lakestorm …`: one sub-command a verb, what each takes, and which function does it."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from lakestorm.cli import runs
from lakestorm.scoring.alert_places import STDOUT
from lakestorm.verdict.detection import WINDOW_MS

if TYPE_CHECKING:
    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - the type has no public name


def parser() -> argparse.ArgumentParser:
    """The command line, one sub-command a verb."""
    top = argparse.ArgumentParser(prog="lakestorm", description="Load on lakehouse platforms, and what it shows.")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    audit_verb = verbs.add_parser("audit", help="check a run's orders against the database again")
    audit_verb.add_argument("run", type=Path, help="results folder, e.g. results/latest")
    audit_verb.add_argument("--quiet", action="store_true", help="write ledger.json only")
    audit_verb.set_defaults(run_verb=runs.run_audit)
    demo_verb = verbs.add_parser("demo", help="a sale before a pipeline of its own, from nothing to a verdict")
    demo_verb.set_defaults(run_verb=runs.run_demo)
    report_verb = verbs.add_parser(
        "report", help="make a run's report again", epilog="example: lakestorm report results/latest"
    )
    report_verb.add_argument("run", type=Path, metavar="RUN", help="results folder, wherever it lies")
    report_verb.set_defaults(run_verb=runs.run_report)
    compare_verb = verbs.add_parser(
        "compare",
        help="what changed from one run to another",
        epilog="example: lakestorm compare results/20261124T101500Z-flashsale results/latest",
        description="Two runs side by side, as Markdown; and whatever makes their numbers hard to compare.",
    )
    compare_verb.add_argument("before", type=Path, metavar="BEFORE", help="results folder")
    compare_verb.add_argument("after", type=Path, metavar="AFTER", help="results folder")
    compare_verb.set_defaults(run_verb=runs.run_compare)
    add_sandbox(verbs)
    add_shapes(verbs)
    add_geo(verbs)
    add_detect(verbs)
    add_score(verbs)
    add_doctor(verbs)
    return top


def add_sandbox(verbs: Verbs) -> None:
    """`lakestorm sandbox …`."""
    sandbox_verb = verbs.add_parser(
        "sandbox",
        help="real services on this machine, without Docker",
        epilog="example: lakestorm sandbox up > .env",
        description="Start real services as local processes on loopback; data stay until `down --erase`.",
    )
    sandbox_verb.add_argument("act", choices=("up", "status", "env", "down"), metavar="up|status|env|down")
    sandbox_verb.add_argument("--with", dest="names", default="postgres", help="names, comma between, or all")
    sandbox_verb.add_argument("--dir", type=Path, default=Path(".sandbox"), help="its folder (default: .sandbox)")
    sandbox_verb.add_argument("--erase", action="store_true", help="with down: delete the data too")
    sandbox_verb.set_defaults(run_verb=runs.run_sandbox)


def add_shapes(verbs: Verbs) -> None:
    """`lakestorm shapes …`."""
    shapes_verb = verbs.add_parser(
        "shapes",
        help="list and draw the load shapes",
        epilog="example: lakestorm shapes flash_sale_spike -u 200 -t 2m",
        description="List and draw the load shapes in loadshapes/: users over time, for a peak and a run time.",
    )
    shapes_verb.add_argument("name", nargs="?", metavar="NAME", help="one shape only, e.g. spike")
    shapes_verb.add_argument("-u", "--users", type=int, help="the peak (default: each shape's own)")
    shapes_verb.add_argument("-t", "--run-time", help="e.g. 90s, 2m, 1h30m (default: each shape's own)")
    shapes_verb.add_argument("--html", type=Path, metavar="FILE", help="write one page with pictures")
    shapes_verb.add_argument("--json", action="store_true", help="print them as JSON")
    shapes_verb.set_defaults(run_verb=runs.run_shapes)


def add_geo(verbs: Verbs) -> None:
    """`lakestorm geo …`."""
    geo_verb = verbs.add_parser(
        "geo",
        help="write the address table that detectors join",
        epilog="example: lakestorm geo --csv > addresses.csv",
        description="Write all ranges of addresses that logins come from, with city and kind of line.",
    )
    forms = geo_verb.add_mutually_exclusive_group()
    forms.add_argument("--csv", action="store_true", help="as CSV with a header (the default)")
    forms.add_argument("--json", action="store_true", help="as a JSON list of objects")
    geo_verb.set_defaults(run_verb=runs.run_geo)


def add_detect(verbs: Verbs) -> None:
    """`lakestorm detect …`."""
    detect_verb = verbs.add_parser(
        "detect",
        help="the reference detector behind a topic of logins",
        epilog="example: lakestorm detect --from-beginning --alerts alerts.jsonl --duration 60",
        description="Read logins, alert on impossible travel and unseen countries, until the time is up or Ctrl-C.",
    )
    detect_verb.add_argument("--topic", help="of the logins (default: LOGIN_TOPIC)")
    detect_verb.add_argument(
        "--alerts",
        default=STDOUT,
        metavar="TOPIC|FILE",
        help="a name with / or ending in .jsonl is a file (default: -)",
    )
    detect_verb.add_argument("--duration", type=seconds, metavar="S", help="seconds (default: until told to stop)")
    detect_verb.add_argument("--from-beginning", action="store_true", help="learn from what the topic holds already")
    detect_verb.set_defaults(run_verb=runs.run_detect)


def add_score(verbs: Verbs) -> None:
    """`lakestorm score …`."""
    score_verb = verbs.add_parser(
        "score",
        help="how good a detector was in a run",
        epilog="example: lakestorm score results/latest --alerts alerts.jsonl --reads-kind",
        description="Hold a detector's alerts against a run's labels; thresholds on `score …` decide the exit code.",
    )
    score_verb.add_argument("run", type=Path, metavar="RUN", help="results folder of a run with logins")
    score_verb.add_argument("--alerts", required=True, metavar="TOPIC|FILE", help="what the detector said")
    score_verb.add_argument(
        "--window", type=seconds, default=WINDOW_MS / 1e3, metavar="S",
        help="seconds within which an alert without a timestamp finds its login (default: %(default)g)",
    )  # fmt: skip
    score_verb.add_argument(
        "--reads-kind", action="store_true", help="the detector knows VPN and NAT addresses, so alerts there are wrong"
    )
    score_verb.add_argument("--json", action="store_true", help="print score.json instead of a table")
    score_verb.set_defaults(run_verb=runs.run_score)


def add_doctor(verbs: Verbs) -> None:
    """`lakestorm doctor …`."""
    doctor_verb = verbs.add_parser(
        "doctor",
        help="whether the platform is fit for a run, and what mends it",
        epilog="example: lakestorm doctor --only postgres,connect --verbose",
        description="Ask every service that the settings name; nothing is changed. Ends with 0 if all is well, else 5.",
    )
    doctor_verb.add_argument("--only", default="all", metavar="NAMES", help="postgres,kafka,registry,connect,minio")
    doctor_verb.add_argument("--workers", type=int, default=1, metavar="N", help="processes that will make load")
    doctor_verb.add_argument("--verbose", action="store_true", help="say too what is as it should be")
    doctor_verb.add_argument("--json", action="store_true", help="print all findings as JSON")
    doctor_verb.set_defaults(run_verb=runs.run_doctor)


def seconds(text: str) -> float:
    """A number of seconds above 0."""
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above 0")
    return value
