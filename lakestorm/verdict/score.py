"""What a detector scores: how often it was right, how much it missed, how soon it told.

Precision = true / (true + false positives), recall = found / labelled, F1 = 2 P R / (P + R); None where nothing is
divided by nothing.
"""

from __future__ import annotations

import bisect
import dataclasses
import math

ALL = "all"
"""Every kind together, where the unit is the login."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One kind's figures, or those of all together. Ratios are 0…1, None where they would be 0 / 0."""

    labelled: int
    true_positives: int
    false_positives: int | None
    """None for one kind where alerts do not say theirs."""

    @property
    def precision(self) -> float | None:
        """Of the alerts that count, how many were right."""
        if self.false_positives is None:
            return None
        return ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float | None:
        """Of the labels, how many were found."""
        return ratio(self.true_positives, self.labelled)

    @property
    def f1(self) -> float | None:
        """The harmonic mean of both: 2 TP / (2 TP + FP + FN)."""
        if self.false_positives is None:
            return None
        # the true positives and the missed are together the labelled
        return ratio(2 * self.true_positives, self.true_positives + self.false_positives + self.labelled)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """A detector's whole score.

    Attributes:
        scores: by kind, and ALL.
        logins: seen in the topic.
        alerts: all there were, and how many of them were `repeated` and `ignored`.
        delays_ms: of the true positives whose times are known, ascending; negative ones are kept.
        window_ms: W.
        by_window: alerts that had no event time.
        window_share: of all accounts' time, from each one's first login to its last, how much windows cover: what an
            alert at a random time would find.
        always, never: what detectors would score that alert on every login, and on none.
    """

    scores: dict[str, Score]
    logins: int
    alerts: int
    repeated: int
    ignored: int
    delays_ms: list[int]
    window_ms: int
    by_window: int
    window_share: float | None
    always: Score
    never: Score

    @property
    def false_alerts_per_1000_logins(self) -> float | None:
        """How often people are bothered for nothing."""
        false_positives = self.scores[ALL].false_positives
        return None if false_positives is None or not self.logins else 1000 * false_positives / self.logins

    def delay_ms(self, quantile: float) -> int | None:
        """The smallest delay that at least this share of the true positives keeps; None without any."""
        if not self.delays_ms:
            return None
        return self.delays_ms[max(0, math.ceil(quantile * len(self.delays_ms)) - 1)]

    @property
    def negative_delays(self) -> int:
        """Alerts before their login arrived: clocks differ, or the alerts are of another run."""
        return bisect.bisect_left(self.delays_ms, 0)


def ratio(part: int, whole: int) -> float | None:
    """Part / whole; None if there is no whole."""
    return part / whole if whole else None
