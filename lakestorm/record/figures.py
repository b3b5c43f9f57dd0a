"""Numbers as people read them: thin spaces for thousands, three significant digits, durations in words."""

from __future__ import annotations

import math

THIN = "\u2009"
"""Between thousands."""


def grouped(number: float) -> str:
    """A whole number with thin spaces for thousands."""
    return f"{number:,.0f}".replace(",", THIN)


def digits(value: float, significant: int = 3) -> str:
    """A number with so many significant digits, whole ones with all of theirs; ∞ where it is infinite."""
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value == round(value) or abs(value) >= 10**significant - 0.5:
        return grouped(value)
    return f"{value:.{significant}g}"


def prefixed(largest: float, unit: str) -> tuple[float, str]:
    """(divisor, unit) that make numbers up to `largest` short: bytes become kB, MB, GB; what is no bytes stays."""
    if unit.partition(" ")[0].partition("/")[0] != "bytes":
        return 1.0, unit
    for divisor, prefix in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if abs(largest) >= divisor:
            return divisor, unit.replace("bytes", prefix, 1)
    return 1.0, unit


def amount(value: float, unit: str) -> str:
    """A number with its unit: `1.25 MB`, `310 messages`."""
    divisor, shown = prefixed(value, unit)
    return f"{digits(value / divisor)} {shown}"


def both(left: float, right: float) -> tuple[str, str]:
    """Two numbers with as few digits as tell them apart, three at least."""
    for significant in (3, 5, 8, 12):
        texts = digits(left, significant), digits(right, significant)
        if left == right or texts[0] != texts[1]:
            return texts
    return repr(left), repr(right)


def duration(seconds: float) -> str:
    """`850 ms`, `12.5 s`, `1 m 20 s`, `2 h 5 m`."""
    if seconds < 1:
        return f"{seconds * 1e3:.0f} ms"
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{digits(seconds)} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} m" if hours else f"{minutes} m {rest} s"
