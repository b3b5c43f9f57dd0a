"""Rates and totals from counters that others count up, and now and then begin anew."""

from __future__ import annotations


class Rate:
    """How fast a counter grows.

    Args:
        from_zero: a counter that stands lower than before began anew at zero (a restarted process, a topic made
            again): what it shows is what came since. False for a position that may also be set back: then nothing
            can be said about that once.
    """

    def __init__(self, *, from_zero: bool = True) -> None:
        self._from_zero = from_zero
        self._last: tuple[float, float] | None = None

    def per_s(self, at: float, count: float) -> float | None:
        """The mean rate per second since the last call; None where there is nothing to compare with.

        Args:
            at: the moment of the count, in seconds.
            count: what the counter shows.
        """
        last, self._last = self._last, (at, count)
        if last is None or at <= last[0]:
            return None
        grown = increase(last[1], count, from_zero=self._from_zero)
        return None if grown is None else grown / (at - last[0])


class Total:
    """How much a counter has grown since the first look at it."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._total = 0.0

    def since_start(self, count: float) -> float:
        """All that was counted since the first call, also across new beginnings."""
        if self._last is not None:
            self._total += increase(self._last, count) or 0.0
        self._last = count
        return self._total


def increase(before: float, now: float, *, from_zero: bool = True) -> float | None:
    """What a counter gained between two looks; None where it was set back to who knows where."""
    if now >= before:
        return now - before
    return now if from_zero else None
