"""`lakestorm …`: parse, call, print. Each verb is one function here and one module below that does the work."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lakestorm.demo import demo
from lakestorm.errors import ExitCode, UsageError, exit_on_error
from lakestorm.record.manifest import write_text
from lakestorm.report import shapes
from lakestorm.report.audit import READING, audit
from lakestorm.report.rebuild import rebuild
from lakestorm.report.terminal import equations
from lakestorm.report.work_progress import work_progress
from lakestorm.sandbox import box
from lakestorm.scoring import address_table
from lakestorm.scoring.alert_places import STDOUT
from lakestorm.scoring.detect import counts_in_words, detect, told_to_stop
from lakestorm.scoring.score import Asked, scenarios_of, score
from lakestorm.scoring.score_table import print_score
from lakestorm.settings import Settings
from lakestorm.verdict.detection import WINDOW_MS

SHAPE_ROWS = 10
"""Height of a picture that stands alone."""

if TYPE_CHECKING:
    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - the type has no public name


def parser() -> argparse.ArgumentParser:
    """The command line, one sub-command a verb."""
    top = argparse.ArgumentParser(prog="lakestorm", description=__doc__.partition(":")[0])
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    audit_verb = verbs.add_parser("audit", help="check a run's orders against the database again")
    audit_verb.add_argument("run", type=Path, help="results folder, e.g. results/latest")
    audit_verb.add_argument("--quiet", action="store_true", help="write ledger.json only")
    audit_verb.set_defaults(run_verb=run_audit)
    demo_verb = verbs.add_parser("demo", help="a sale and logins on services of its own, from nothing to a verdict")
    demo_verb.set_defaults(run_verb=lambda _: demo(Settings.load(), say))
    report_verb = verbs.add_parser(
        "report", help="make a run's report again", epilog="example: lakestorm report results/latest"
    )
    report_verb.add_argument("run", type=Path, metavar="RUN", help="results folder, wherever it lies")
    report_verb.set_defaults(run_verb=run_report)
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
    sandbox_verb.set_defaults(run_verb=run_sandbox)


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
    shapes_verb.set_defaults(run_verb=run_shapes)


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
    geo_verb.set_defaults(run_verb=run_geo)


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
    detect_verb.set_defaults(run_verb=run_detect)


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
    score_verb.set_defaults(run_verb=run_score)


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
    doctor_verb.set_defaults(run_verb=run_doctor)


def seconds(text: str) -> float:
    """A number of seconds above 0."""
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above 0")
    return value


def run_shapes(arguments: argparse.Namespace) -> int:
    """`lakestorm shapes [NAME]`: pictures on standard output, or as a page."""
    from lakestorm.load import shape_files  # noqa: PLC0415 - Locust patches the standard library; only this verb needs it

    run_time_s = None if arguments.run_time is None else shape_files.seconds_from_text(arguments.run_time)
    asked = {"peak_users": arguments.users, "run_time_s": run_time_s}
    given = {field: value for field, value in asked.items() if value is not None}
    pictures = []
    for name, file in shape_files.chosen(shape_files.shape_files(), arguments.name).items():
        shape = shape_files.load_shape(file)
        plan = dataclasses.replace(shape.usual(), **given)
        pictures.append(shapes.ShapePicture(name=name, about=shape_files.about(shape), plan=plan))
    if arguments.html:
        write_page(arguments.html, shapes.html_text(pictures))
    if arguments.json or not arguments.html:
        rows = SHAPE_ROWS if arguments.name else SHAPE_ROWS // 2
        print(shapes.json_text(pictures) if arguments.json else shapes.terminal_text(pictures, rows))
    return ExitCode.PASSED


def write_page(file: Path, text: str) -> None:
    """Write a page and say where; raises UsageError where it cannot be written."""
    try:
        write_text(file, text)
    except OSError as error:
        raise UsageError(f"--html {file}: {error.strerror}. A file that can be written is wanted.") from error
    say(f"The page is {file}.")


def run_sandbox(arguments: argparse.Namespace) -> int:
    """`lakestorm sandbox up|status|env|down`: settings on standard output, all else on standard error."""
    sandbox = box.Sandbox(arguments.dir, say)
    if arguments.act == "up":
        sandbox.up(box.names_from_text(arguments.names))
    elif arguments.act == "down":
        sandbox.down(erase=arguments.erase)
    elif arguments.act == "status":
        for name, state in sandbox.states().items():
            where = "" if state.pid is None else f" (pid {state.pid}, port {state.port})"
            print(f"{name}: {state.word}{where}{state.detail and ', ' + state.detail}")
    if arguments.act in ("up", "env"):
        print("".join(f"{name}={value}\n" for name, value in sandbox.env().items()), end="")
    return ExitCode.PASSED


def say(sentence: str) -> None:
    """Tell the person at the terminal; standard output is for results."""
    print(sentence, file=sys.stderr, flush=True)


def run_geo(arguments: argparse.Namespace) -> int:
    """`lakestorm geo`: the address table on standard output."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` closes the pipe: end as other programs do
    plan = address_table.address_plan()
    print(address_table.json_text(plan) if arguments.json else address_table.csv_text(plan), end="")
    return ExitCode.PASSED


def run_detect(arguments: argparse.Namespace) -> int:
    """`lakestorm detect`: alerts to their place, counts on standard error."""
    settings = Settings.load()
    topic, alerts, from_beginning = arguments.topic, arguments.alerts, arguments.from_beginning
    with told_to_stop(arguments.duration) as is_over:
        counts = detect(
            settings, topic or settings.login.topic, alerts, from_beginning=from_beginning, is_over=is_over, say=say
        )
    say(counts_in_words(counts))
    return ExitCode.PASSED


def run_score(arguments: argparse.Namespace) -> int:
    """`lakestorm score RUN`: 0 all thresholds on the score hold, 3 one does not, 4 it cannot be known.

    Writes score.json, and the report again with the score in it.
    """
    from lakestorm.load.verdicts import score_thresholds  # noqa: PLC0415 - see run_shapes

    settings = Settings.load()
    asked = Asked(
        folder=arguments.run,
        alerts=arguments.alerts,
        window_ms=round(arguments.window * 1e3),
        reads_kind=arguments.reads_kind,
        thresholds=score_thresholds(settings.run.thresholds_file, scenarios_of(arguments.run)),
    )
    with work_progress("Reading logins") as read:
        found = score(asked, settings, read)
    rebuild(arguments.run)
    if arguments.json:
        print(json.dumps(found, indent=1))
    else:
        print_score(found)
    results = {of["result"] for of in found["thresholds"]}
    return ExitCode.FAILED if "fail" in results else ExitCode.UNKNOWN if "unknown" in results else ExitCode.PASSED


def run_doctor(arguments: argparse.Namespace) -> int:
    """`lakestorm doctor`: 0 all is well, 5 something is not."""
    from lakestorm.doctor import examination, terminal  # noqa: PLC0415 - clients of every system; see run_shapes

    services = examination.services_from_text(arguments.only)
    found = examination.examine(Settings.load(), services, arguments.workers, say)
    terminal.print_checkups(found, as_json=arguments.json, verbose=arguments.verbose)
    return ExitCode.PASSED if all(checkup.is_well for checkup in found) else ExitCode.SETTINGS


def run_audit(arguments: argparse.Namespace) -> int:
    """`lakestorm audit RUN`: 0 the books balance, 3 they do not, 4 it cannot be known."""
    with work_progress(READING) as read:
        ledger = audit(arguments.run, Settings.load(), read)
    if not arguments.quiet:
        print(*equations(ledger), *ledger["reasons"], sep="\n")
    codes = {"closed": ExitCode.PASSED, "open": ExitCode.FAILED}
    return codes.get(ledger["state"], ExitCode.UNKNOWN)


def run_report(arguments: argparse.Namespace) -> int:
    """`lakestorm report RUN`: report.html, summary.md and junit.xml from the folder alone; prints the page's path."""
    print(rebuild(arguments.run))
    return ExitCode.PASSED


def main() -> int:
    """Entry point of the console script; returns the exit code."""
    arguments = parser().parse_args()
    return exit_on_error(lambda: int(arguments.run_verb(arguments)))


if __name__ == "__main__":
    sys.exit(main())
