"""Does a threshold hold? Numbers in, `pass`, `fail`, `unknown` or `not applicable` out, and the numbers compared."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Literal

from lakestorm.record.figures import both, digits
from lakestorm.record.manifest import LATENCIES
from lakestorm.verdict.expressions import Expression, Name, Negative, Node, Number, Operation, names_of, text_of
from lakestorm.verdict.values import Absent, Why

if TYPE_CHECKING:
    from collections.abc import Callable

    Look = Callable[[str], float | Absent]

Result = Literal["pass", "fail", "unknown", "not applicable"]
COMPARE = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
CALCULATE = {"+": operator.add, "-": operator.sub, "*": operator.mul}


def evaluate(expression: Expression, look: Look) -> tuple[Result, str]:
    """Whether a threshold holds, and in words what it compared or why it cannot tell.

    Args:
        expression: the threshold.
        look: the value of each name; infinite where work never finished.
    """
    comparison = expression.comparison
    left, right = worth(comparison.left, look), worth(comparison.right, look)
    if isinstance(left, Absent) or isinstance(right, Absent):
        absent = gravest(left, right)
        excused = absent.why is Why.NOT_APPLICABLE or (absent.why is Why.NO_SAMPLE and expression.if_any)
        return "not applicable" if excused else "unknown", absent.reason
    holds = COMPARE[comparison.sign](left, right)
    return "pass" if holds else "fail", compared(expression, left, right, look)


def worth(node: Node, look: Look) -> float | Absent:
    """The value of a tree."""
    match node:
        case Number(value):
            return value
        case Name(path):
            return look(path)
        case Negative(of):
            found = worth(of, look)
            return found if isinstance(found, Absent) else -found
        case Operation(sign, left, right):
            return calculated(sign, worth(left, look), worth(right, look))


def calculated(sign: str, left: float | Absent, right: float | Absent) -> float | Absent:
    """One operation; dividing by zero gives no number, and neither does ∞ - ∞."""
    if isinstance(left, Absent) or isinstance(right, Absent):
        return gravest(left, right)
    if sign == "/" and right == 0:
        return Absent(Why.UNKNOWN, "it would divide by zero")
    value: float = left / right if sign == "/" else CALCULATE[sign](left, right)
    return Absent(Why.UNKNOWN, f"{digits(left)} {sign} {digits(right)} is no number") if math.isnan(value) else value


def gravest(*values: float | Absent) -> Absent:
    """Of values that are not all there the one that decides: what does not apply, then the unknown, then no sample."""
    order = [Why.NO_SAMPLE, Why.UNKNOWN, Why.NOT_APPLICABLE]
    return max((value for value in values if isinstance(value, Absent)), key=lambda absent: order.index(absent.why))


def compared(expression: Expression, left: float, right: float, look: Look) -> str:
    """The numbers of both sides that the text does not hold itself: `response p99 = 38.2 ms`."""
    comparison = expression.comparison
    sides = zip((comparison.left, comparison.right), both(left, right), strict=True)
    return "; ".join(side for node, text in sides if (side := said(node, text, look)))


def said(node: Node, value: str, look: Look) -> str:
    """One side's value with what it is made of; empty for a plain number."""
    names = list(dict.fromkeys(name.path for name in names_of(node)))
    if not names:
        return ""
    if isinstance(node, Name):
        return f"{shown(node.path)} = {value}{unit_of(node.path)}"
    parts = ((name, look(name)) for name in names)
    of = ", ".join(f"{shown(name)} {digits(v)}{unit_of(name)}" for name, v in parts if not isinstance(v, Absent))
    return f"{text_of(node)} = {value} ({of})"


def shown(name: str) -> str:
    """A name in words where that is shorter: `response_ms.p99` is `response p99`."""
    root, _, statistic = name.partition(".")
    return f"{root.removesuffix('_ms')} {statistic}" if root in LATENCIES else name


def unit_of(name: str) -> str:
    """The unit of a latency, with a space before it."""
    return " ms" if name.partition(".")[0] in LATENCIES and not name.endswith(".count") else ""
