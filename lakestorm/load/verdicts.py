"""From a finished run to its verdict, its exit code and what CI reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lakestorm.errors import ExitCode, ThresholdsError
from lakestorm.load import beside
from lakestorm.load.aborting import AbortWatch, observed_now
from lakestorm.load.suite import SCENARIOS
from lakestorm.record.manifest import write_text
from lakestorm.report.junit import junit_xml
from lakestorm.report.page import write_page
from lakestorm.report.summary import summary_md
from lakestorm.settings import RunSettings
from lakestorm.verdict.thresholds import Reader, default_thresholds
from lakestorm.verdict.values import Observed
from lakestorm.verdict.verdict import EXIT_CODES, judged
from lakestorm.verdict.vocabulary import SCORE, Vocabulary, family_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lakestorm.load.live_run import LiveRun
    from lakestorm.load.part import Scenario
    from lakestorm.record.manifest import Run, ThresholdResult
    from lakestorm.settings import Settings
    from lakestorm.verdict.thresholds import Threshold


class Judge:
    """Holds the thresholds of this process.

    Args:
        settings: as loaded at the edge.
        scenarios: what runs.

    Raises:
        ThresholdsError: the thresholds file is wrong or missing.
    """

    def __init__(self, settings: Settings, scenarios: Sequence[Scenario]) -> None:
        self._thresholds = read_thresholds(settings.run.thresholds_file, scenarios)
        self._grace_s = settings.run.abort_grace_s
        self._watch: AbortWatch | None = None

    def watch(self, live: LiveRun, stop: Callable[[ThresholdResult], None]) -> None:
        """Look after a new run once a second; `stop` is called with the first abort threshold that does not hold."""
        aborting = [threshold for threshold in self._thresholds if threshold.expression.abort]
        self._watch = AbortWatch(aborting, live, grace_s=self._grace_s, stop=stop)
        if aborting:
            live.each_second.append(self._watch.look)

    def final(self, run: Run) -> Run:
        """The run with thresholds evaluated and a verdict."""
        observed = Observed.of_run(run)
        broken = self._watch.broken if self._watch else {}
        return judged(run, [broken.get(threshold) or threshold.result(observed) for threshold in self._thresholds])

    def so_far(self, live: LiveRun, second: int) -> list[ThresholdResult]:
        """The thresholds of a run that goes on, over the seconds that are over."""
        observed = observed_now(live, self._thresholds, second)
        broken = self._watch.broken if self._watch else {}
        return [broken.get(threshold) or threshold.result(observed) for threshold in self._thresholds]

    def report(self, run: Run, folder: Path) -> None:
        """Write what people and CI read."""
        write_text(folder / "junit.xml", junit_xml(run))
        write_text(folder / "summary.md", summary_md(run))
        write_page(folder)

    def exit_code(self, run: Run, *, broke: bool) -> int:
        """As documented."""
        return ExitCode.BROKE if broke else EXIT_CODES[run.verdict]


def read_thresholds(file: str, scenarios: Sequence[Scenario]) -> list[Threshold]:
    """Thresholds of a file that a run of these scenarios must hold; the default rule where there are none.

    Raises:
        ThresholdsError: the file is wrong, or was asked for by name and is missing.
    """
    of_run = [found for found in all_thresholds(file, scenarios) if family_of(found.target) != SCORE]
    return of_run or default_thresholds()


def score_thresholds(file: str, names: Sequence[str]) -> list[Threshold]:
    """What a file asks of a detector's score over a run of these scenarios, by name; raises as read_thresholds does."""
    found = all_thresholds(file, [scenario for scenario in SCENARIOS if scenario.name in names])
    return [threshold for threshold in found if family_of(threshold.target) == SCORE]


def all_thresholds(file: str, scenarios: Sequence[Scenario]) -> list[Threshold]:
    """Thresholds of a file that apply to these scenarios, of runs and scores.

    Raises:
        ThresholdsError: the file is wrong, or was asked for by name and is missing.
    """
    try:
        text = Path(file).read_text(encoding="utf-8") if file else ""
    except FileNotFoundError as error:
        if file != RunSettings.model_fields["thresholds_file"].default:
            raise ThresholdsError([unreadable(file, str(error.strerror))]) from error
        text = ""
    except (OSError, ValueError) as error:
        raise ThresholdsError([unreadable(file, getattr(error, "strerror", None) or str(error))]) from error
    reader = Reader(
        file=file,
        vocabulary=vocabulary_of((*SCENARIOS, *scenarios)),
        scenarios=sorted({scenario.name for scenario in (*SCENARIOS, *scenarios)}),
        running=[scenario.name for scenario in scenarios],
    )
    return reader.thresholds(text)


def vocabulary_of(scenarios: Iterable[Scenario]) -> Vocabulary:
    """All that these scenarios bring."""
    targets: dict[str, frozenset[str]] = {}
    for brought in (beside.vocabulary(), *(scenario.vocabulary() for scenario in scenarios)):
        for target, names in brought.items():
            targets[target] = targets.get(target, frozenset()) | names
    return Vocabulary(targets)


def unreadable(file: str, reason: str) -> str:
    """The sentence for a thresholds file that cannot be read."""
    return (
        f'THRESHOLDS_FILE is "{file}": {reason}. A readable TOML file in UTF-8 is wanted'
        " (empty = a run's default rule). Set it in .env or the environment."
    )
