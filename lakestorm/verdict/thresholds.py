"""The thresholds file: TOML text in, thresholds out; all of its mistakes at once.

"PG order.buy" = ["response_ms.p99 < 50", "failed / offered < 0.01"]
[login]                                   # only in runs with this scenario
"KAFKA login.produce" = ["response_ms.p99 < 100"]
"""

from __future__ import annotations

import dataclasses
import tomllib
from typing import TYPE_CHECKING, Any

from lakestorm.errors import ThresholdsError
from lakestorm.record.manifest import ThresholdResult
from lakestorm.verdict.evaluation import evaluate
from lakestorm.verdict.expressions import Expression, expression_from_text
from lakestorm.verdict.vocabulary import LEDGER, RUN, SCORE, family_of, suggestion

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from lakestorm.verdict.values import Observed
    from lakestorm.verdict.vocabulary import Vocabulary

DEFAULT_RULE = ("(failed + skipped + cancelled) / offered < 0.01", "completed + refused >= 0.95 * offered")
"""What a run must hold where no thresholds file says anything about it."""

SHOWN_MAX = 100
"""Characters of an expression that a message repeats."""


@dataclasses.dataclass(frozen=True, slots=True)
class Threshold:
    """One expression about one target, with its text as the file has it."""

    target: str
    expression: Expression
    text: str

    def result(self, observed: Observed) -> ThresholdResult:
        """What came of it."""
        result, value = evaluate(self.expression, lambda name: observed.value(self.target, name))
        return ThresholdResult(
            target=self.target, expression=self.text, abort=self.expression.abort, result=result, value=value
        )


def default_thresholds() -> list[Threshold]:
    """DEFAULT_RULE, about the run as a whole."""
    return [Threshold(RUN, expression_from_text(text), text) for text in DEFAULT_RULE]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads thresholds files.

    Attributes:
        file: its name, for messages.
        vocabulary: what targets and names there are.
        scenarios: names of all scenarios of the suite, which a table may have.
        running: those of this run.
    """

    file: str
    vocabulary: Vocabulary
    scenarios: Collection[str]
    running: Collection[str]

    def thresholds(self, text: str) -> list[Threshold]:
        """Thresholds that apply to this run; empty if the file has none.

        Raises:
            ThresholdsError: with every mistake of the file, also in tables that do not apply.
        """
        try:
            tables = tomllib.loads(text)
        except (ValueError, RecursionError) as error:  # ValueError: besides its own, numbers of thousands of digits
            raise ThresholdsError([f"{self.file} is not TOML: {error}."]) from error
        problems: list[str] = []
        found = list(self._of_tables(tables, problems))
        if problems:
            raise ThresholdsError(problems)
        return found

    def _of_tables(self, tables: Mapping[str, Any], problems: list[str]) -> Iterator[Threshold]:
        for name, content in tables.items():
            if not isinstance(content, dict):
                yield from self._of_target(name, content, problems)
            elif name not in self.scenarios:
                meant = suggestion(name, self.scenarios)
                problems.append(f"{self.file}: [{name}] is no scenario of this suite. {meant}")
            else:
                of_table = [t for key, value in content.items() for t in self._of_target(key, value, problems)]
                yield from of_table if name in self.running else ()

    def _of_target(self, target: str, texts: object, problems: list[str]) -> Iterator[Threshold]:
        place = f'{self.file}, "{target}"'
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            problems.append(f'{place} has no list of expressions; one looks like ["completed > 0"].')
            return
        if fault := self.vocabulary.target_fault(target):
            problems.append(f"{place}: {fault}")
            return
        for text in texts:
            expression, faults = self._expression(target, text)
            shown = text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"
            problems += [f'{place}, "{shown}", {fault}' for fault in faults]
            if expression and not faults:
                yield Threshold(target, expression, text)

    def _expression(self, target: str, text: str) -> tuple[Expression | None, list[str]]:
        try:
            expression = expression_from_text(text)
        except ThresholdsError as error:
            return None, list(error.problems)
        faults = [fault for name in expression.names if (fault := self.vocabulary.name_fault(target, name))]
        if expression.abort and target == LEDGER:
            faults.append("the books are only known when the run is over, so they cannot abort it.")
        if expression.abort and family_of(target) == SCORE:
            faults.append("scores are only known when the run is over, so they cannot abort it.")
        return expression, faults
