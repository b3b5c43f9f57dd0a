"""The language of thresholds."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.errors import ThresholdsError
from lakestorm.verdict.evaluation import evaluate
from lakestorm.verdict.expressions import (
    COMPARES,
    Comparison,
    Expression,
    Name,
    Negative,
    Number,
    Operation,
    expression_from_text,
)
from lakestorm.verdict.values import Absent, Why

VALUES: dict[str, float | Absent] = {
    "a": 6.0,
    "b": 3.0,
    "zero": 0.0,
    "e.40001": 2.0,
    "e.'user killed'": 5.0,
    "endless": math.inf,
    "none": Absent(Why.NO_SAMPLE, "no sample of it"),
    "dark": Absent(Why.UNKNOWN, "nobody knows"),
    "never": Absent(Why.NOT_APPLICABLE, "it does not apply"),
}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("a == 6", "pass"),
        ("a < 6", "fail"),
        ("a <= 6", "pass"),
        ("a > 6", "fail"),
        ("a >= 6", "pass"),
        ("a != 6", "fail"),
        ("a - b - 1 == 2", "pass"),  # from the left
        ("a / b / 2 == 1", "pass"),
        ("a + b * 2 == 12", "pass"),  # products first
        ("(a + b) * 2 == 18", "pass"),
        ("-a + 7 == 1", "pass"),
        ("--a == 6", "pass"),
        ("2 * -b == -6", "pass"),
        ("a<500e6", "pass"),
        ("a > .5", "pass"),
        ("a > 1E-3", "pass"),
        ("10. > a", "pass"),
        ("e.40001 == 2", "pass"),
        ("e.'user killed' == 5", "pass"),
        (" a\t==\n6 ", "pass"),
        ("abort: a < 7", "pass"),
        ("if any: abort: a < 7", "pass"),
        ("endless < 50", "fail"),
        ("b / endless == 0", "pass"),
        ("zero / a == 0", "pass"),
        ("a / zero < 1", "unknown"),
        ("a / (b - 3) < 1", "unknown"),
        ("endless - endless < 1", "unknown"),
        ("zero * endless < 1", "unknown"),
        ("none < 1", "unknown"),
        ("dark < 1", "unknown"),
        ("never < 1", "not applicable"),
        ("a + never < none", "not applicable"),
        ("if any: none < 1", "not applicable"),
        ("if any: a < none * 2", "not applicable"),
        ("if any: dark < 1", "unknown"),
        ("if any: none < dark", "unknown"),
        ("if any: a / zero < 1", "unknown"),
    ],
)
def test_what_a_threshold_comes_to(text: str, result: str) -> None:
    """Arithmetic binds as usual, ∞ is a number, and what is not known never passes."""
    assert evaluate(expression_from_text(text), VALUES.__getitem__)[0] == result


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a < 7", "a = 6"),
        ("7 > a", "a = 6"),
        ("a < b * 3", "a = 6; b * 3 = 9 (b 3)"),
        ("(a + b) / a < 2", "(a + b) / a = 1.5 (a 6, b 3)"),
        ("endless < 5", "endless = ∞"),
        ("a / zero < 1", "it would divide by zero"),
        ("none < 1", "no sample of it"),
    ],
)
def test_the_numbers_compared_are_said(text: str, said: str) -> None:
    """A result shows both sides' values and what they are made of, or why there is none."""
    assert evaluate(expression_from_text(text), VALUES.__getitem__)[1] == said


def test_latencies_are_said_with_their_unit_and_enough_digits() -> None:
    """A p99 just above its limit is not shown as equal to it."""
    expression = expression_from_text("response_ms.p99 <= 50")
    assert evaluate(expression, lambda _: 38.24) == ("pass", "response p99 = 38.2 ms")
    assert evaluate(expression, lambda _: 50.0004) == ("fail", "response p99 = 50.0004 ms")


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ("", "at its end", "wanted"),
        ("a", "at its end", "a comparison is wanted"),
        ("a <", "at its end", "a number"),
        ("a < 1 < 2", "character 7", "one comparison"),
        ("a = 1", "character 3", "=="),
        ("a < 50ms", "character 7", "no units"),
        ("a < 1 and b < 1", "character 7", "two expressions"),
        ("a < 1%", "character 6", "0.01"),
        ("a ≤ 1", "character 3", "<="),
        ("a < 1,000", "character 6", "no thousands"),
        ("(a < 1", "character 4", "parenthesis"),
        ("a) < 1", "character 2", "a comparison"),
        ("a b < 1", "character 3", "a comparison"),
        ("a ** 2 < 1", "character 4", "a number"),
        ("a < 1e999", "character 5", "too large"),
        ("1 < 2", "names no number", "always or never"),
        ("abrot: a < 1", "character 1", "abort:"),
        ("abort: abort: a < 1", "character 8", "twice"),
        (": a < 1", "character 1", "wanted"),
        ("__import__('os').system('true') < 1", "character 12", "means nothing"),
        ("a; b", "character 2", "means nothing"),
        ("a\x00 < 1", "character 2", "means nothing"),
        ("(" * 41 + "a" + ")" * 41 + " < 1", "character 41", "40"),
        ("-" * 399 + "a", "character 41", "40"),
        ("a" * 401, "401", "400"),
    ],
)
def test_what_is_no_threshold_is_refused(text: str, place: str, hint: str) -> None:
    """A refusal names the place in the text and a way out."""
    with pytest.raises(ThresholdsError) as refusal:
        expression_from_text(text)
    assert place in str(refusal.value)
    assert hint in str(refusal.value)


def test_the_longest_sum_is_read_and_evaluated() -> None:
    """400 characters of sum are within what Python's stack holds."""
    text = "a" + "+a" * 197 + " < 1"
    assert evaluate(expression_from_text(text), lambda _: 1.0)[0] == "fail"


NODES = st.recursive(
    st.builds(Number, st.floats(0, 1e300))
    | st.builds(Name, st.sampled_from(["offered", "response_ms.p99", "errors.40001", "e.'user killed'"])),
    lambda inner: st.builds(Negative, inner) | st.builds(Operation, st.sampled_from("+-*/"), inner, inner),
    max_leaves=8,
)
EXPRESSIONS = st.builds(
    Expression,
    comparison=st.builds(Comparison, st.sampled_from(COMPARES), NODES, NODES),
    abort=st.booleans(),
    if_any=st.booleans(),
)


@given(EXPRESSIONS.filter(lambda e: e.names and len(str(e)) <= 400))
def test_text_reads_back_as_the_same_threshold(expression: Expression) -> None:
    """Written out and read again, a threshold is the same tree."""
    assert expression_from_text(str(expression)) == expression


@given(st.text() | st.text("ab.1e(<>=!+-*/): 'ifanyort", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever somebody types is a threshold or a ThresholdsError, and a threshold always comes to a result."""
    try:
        expression = expression_from_text(text)
    except ThresholdsError as refusal:
        outcome = "refused" if str(refusal) else "refused without a word"
    else:
        outcome = evaluate(expression, lambda _: 0.0)[0]
    assert outcome in ("refused", "pass", "fail", "unknown")


@given(NODES, NODES)
def test_any_tree_comes_to_a_result(left: object, right: object) -> None:
    """No arithmetic, however large its numbers, breaks the judge."""
    comparison = Comparison("<", left, right)  # type: ignore[arg-type]
    for number in (0.0, 1e308, math.inf):
        result, value = evaluate(Expression(comparison=comparison), lambda _, n=number: n)  # type: ignore[misc]
        assert result in ("pass", "fail", "unknown")
        assert "nan" not in value
