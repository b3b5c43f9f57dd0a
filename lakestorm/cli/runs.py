"""What each verb of `lakestorm …` does: call the module below that does the work, print what it says."""

from __future__ import annotations

import json
import signal
import sys
from typing import TYPE_CHECKING

from lakestorm.demo import demo
from lakestorm.errors import ExitCode, UsageError
from lakestorm.record.folder import run_in
from lakestorm.record.manifest import write_text
from lakestorm.report import shapes
from lakestorm.report.audit import READING, audit
from lakestorm.report.comparison import comparison
from lakestorm.report.rebuild import rebuild
from lakestorm.report.terminal import equations
from lakestorm.report.work_progress import work_progress
from lakestorm.sandbox import box
from lakestorm.scoring import address_table
from lakestorm.scoring.detect import counts_in_words, detect, told_to_stop
from lakestorm.scoring.score import Asked, scenarios_of, score
from lakestorm.scoring.score_table import print_score
from lakestorm.settings import Settings

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

SHAPE_ROWS = 10
"""Height of a picture that stands alone."""


def run_demo(_arguments: argparse.Namespace) -> int:
    """`lakestorm demo`: services, a shop, a sale before a pipeline, a verdict."""
    return demo(Settings.load(), say)


def run_shapes(arguments: argparse.Namespace) -> int:
    """`lakestorm shapes [NAME]`: pictures on standard output, or as a page."""
    from lakestorm.load import shape_files  # noqa: PLC0415 - Locust patches the standard library; only this verb needs it

    run_time_s = None if arguments.run_time is None else shape_files.seconds_from_text(arguments.run_time)
    pictures = []
    for name, file in shape_files.chosen(shape_files.shape_files(), arguments.name).items():
        shape = shape_files.load_shape(file)
        plan = shape.plan_of(arguments.users, run_time_s)
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


def run_compare(arguments: argparse.Namespace) -> int:
    """`lakestorm compare BEFORE AFTER`: both runs' numbers side by side."""
    before, after = (run_in(folder) for folder in (arguments.before, arguments.after))
    print(comparison(before, after), end="")
    return ExitCode.PASSED
