"""How good is a detector? Its alerts against the labels.

An alert finds the label of the same account and event time. Only an alert without an event time uses a window: from
the login's arrival in the topic to the account's next one, at most W.
- true positive: the first alert on a labelled login. Any further one there is `repeated`, and counts for nothing.
- false positive: every alert on a login without a label.
- ignored: alerts on logins that the rule leaves open (borderline, learning, shared addresses).
Of all kinds together the unit is the login: one that has labels of two kinds is one positive.

Delay = the alert's time − the login's arrival, both by the broker's clock.
"""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, NamedTuple

from lakestorm.model.labels import BORDERLINE, COUNTRY, LEARNT, SHARED_ADDRESS, TRAVEL
from lakestorm.verdict.score import ALL, Detection, Score

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lakestorm.model.labels import Label

SCORED_KINDS = (TRAVEL, COUNTRY)
WINDOW_MS = 60_000
"""W where nobody says otherwise: a minute."""


class Alert(NamedTuple):
    """What a detector said.

    Attributes:
        user_id: of whom.
        event_ms: event time of the login that it means; None if it does not say.
        alerted_at_ms: when it arrived; None if nobody knows.
        kind: one of SCORED_KINDS, or None if it does not say.
    """

    user_id: str
    event_ms: int | None
    alerted_at_ms: int | None
    kind: str | None = None


class Marked:
    """What the labels say of one login, and when it and the account's next one arrived."""

    __slots__ = ("arrived_ms", "excused", "found", "kinds", "until_ms")

    def __init__(self) -> None:
        self.kinds: set[str] = set()
        self.excused: set[str] = set()
        self.found: set[str] = set()
        self.arrived_ms: int | None = None
        self.until_ms: int | None = None


class Scorer:
    """Takes all labels, then all logins in the topic's order, then all alerts in theirs; memory: labels and accounts.

    Args:
        labels: of the run.
        window_ms: W, ≥ 0.
        reads_kind: the detector reads the address table's kinds, so it must not alert on shared addresses.
    """

    def __init__(self, labels: Iterable[Label], *, window_ms: int = WINDOW_MS, reads_kind: bool = False) -> None:
        if window_ms < 0:
            raise ValueError(f"a window of {window_ms} ms: a number ≥ 0 is wanted")
        self._window_ms = window_ms
        self._reads_kind = reads_kind
        self._marked: dict[tuple[str, int], Marked] = {}
        self._of_user: dict[str, list[Marked]] = collections.defaultdict(list)
        self._learnt_ms: dict[str, int] = {}
        self._judged_from_ms: dict[str, int] = {}
        for label in labels:
            self._mark(label)
        self._open: dict[str, list[Marked]] = {}
        self._times: dict[str, tuple[int, int]] = {}
        self._counts: collections.Counter[str] = collections.Counter()
        self._true: collections.Counter[str] = collections.Counter()
        self._false: collections.Counter[str] = collections.Counter()
        self._delays_ms: list[int] = []

    def _mark(self, label: Label) -> None:
        if label.kind == LEARNT:
            self._learnt_ms[label.user_id] = max(label.at_ms, self._learnt_ms.get(label.user_id, label.at_ms))
        elif label.scored or not (label.kind == SHARED_ADDRESS and self._reads_kind):
            marked = self._marked.setdefault((label.user_id, label.at_ms), Marked())
            if label.scored:
                marked.kinds.add(label.kind)
            else:
                marked.excused |= excused_by(label.kind)

    def see(self, user_id: str, event_ms: int, arrived_ms: int) -> None:
        """A login of the topic, not its duplicates: in the order in which they arrived, by the broker's clock."""
        for earlier in self._open.pop(user_id, ()):
            earlier.until_ms = min(arrived_ms, (earlier.arrived_ms or 0) + self._window_ms)
        first_ms, _ = self._times.get(user_id, (arrived_ms, 0))
        self._times[user_id] = first_ms, arrived_ms
        marked = self._marked.get((user_id, event_ms))
        self._counts["logins"] += 1
        is_learning = self._is_learning(user_id, event_ms)
        if not is_learning:
            self._judged_from_ms.setdefault(user_id, arrived_ms)
        if is_learning or (marked is not None and not marked.kinds and marked.excused):
            self._counts["unscored"] += 1
        if marked is not None and marked.arrived_ms is None:
            marked.arrived_ms = arrived_ms
            marked.until_ms = arrived_ms + self._window_ms
            self._open[user_id] = [marked]
            self._of_user[user_id].append(marked)

    def alert(self, alert: Alert) -> None:
        """Something that the detector said.

        Raises:
            ValueError: its kind is none of SCORED_KINDS.
        """
        if alert.kind is not None and alert.kind not in SCORED_KINDS:
            raise ValueError(f"an alert's kind is {alert.kind!r}: one of {', '.join(SCORED_KINDS)} or None is wanted")
        self._counts["alerts"] += 1
        if alert.kind is None:
            self._counts["kindless"] += 1
        if alert.event_ms is None:
            self._counts["by_window"] += 1
            is_learning = (alert.alerted_at_ms or 0) < self._judged_from_ms.get(alert.user_id, 0)
            self._judge(alert, self._in_window(alert), is_learning=is_learning)
        else:
            marked = self._marked.get((alert.user_id, alert.event_ms))
            self._judge(alert, marked, is_learning=self._is_learning(alert.user_id, alert.event_ms))

    def _is_learning(self, user_id: str, event_ms: int) -> bool:
        return event_ms <= self._learnt_ms.get(user_id, -1)

    def _in_window(self, alert: Alert) -> Marked | None:
        """The labelled login in whose window an alert without event time falls; the first, if there are more."""
        if alert.alerted_at_ms is None:
            return None
        at_ms = alert.alerted_at_ms
        windows = self._of_user.get(alert.user_id, ())
        return next((m for m in windows if (m.arrived_ms or 0) <= at_ms <= (m.until_ms or 0)), None)

    def _judge(self, alert: Alert, marked: Marked | None, *, is_learning: bool) -> None:
        if is_learning:
            self._counts["ignored"] += 1
            return
        meant = {alert.kind} if alert.kind else set(SCORED_KINDS)
        labelled = marked.kinds if marked else set()
        excused = marked.excused if marked else set()
        for kind in meant:
            self._judge_kind(alert, kind, marked, is_labelled=kind in labelled, is_excused=kind in excused)
        if marked is not None and labelled:
            self._found(alert, marked)
        elif meant & excused:
            self._counts["ignored"] += 1
        else:
            self._false[ALL] += 1

    def _judge_kind(
        self, alert: Alert, kind: str, marked: Marked | None, *, is_labelled: bool, is_excused: bool
    ) -> None:
        if marked is not None and is_labelled:
            self._true[kind] += kind not in marked.found
            marked.found.add(kind)
        elif alert.kind and not is_excused:
            self._false[kind] += 1

    def _found(self, alert: Alert, marked: Marked) -> None:
        """An alert on a labelled login: the first is the one that counts."""
        if ALL in marked.found:
            self._counts["repeated"] += 1
            return
        marked.found.add(ALL)
        self._true[ALL] += 1
        if alert.alerted_at_ms is not None and marked.arrived_ms is not None:
            self._delays_ms.append(alert.alerted_at_ms - marked.arrived_ms)

    def result(self) -> Detection:
        """The score of what came so far."""
        counts = self._counts
        labelled = [marked.kinds for marked in self._marked.values() if marked.kinds]
        scores = {
            kind: Score(
                labelled=sum(kind in kinds for kinds in labelled),
                true_positives=self._true[kind],
                false_positives=None if counts["kindless"] else self._false[kind],
            )
            for kind in SCORED_KINDS
        }
        false_always = max(0, counts["logins"] - counts["unscored"] - len(labelled))
        return Detection(
            scores={
                **scores,
                ALL: Score(labelled=len(labelled), true_positives=self._true[ALL], false_positives=self._false[ALL]),
            },
            logins=counts["logins"],
            alerts=counts["alerts"],
            repeated=counts["repeated"],
            ignored=counts["ignored"],
            delays_ms=sorted(self._delays_ms),
            window_ms=self._window_ms,
            by_window=counts["by_window"],
            window_share=self._window_share(),
            always=Score(labelled=len(labelled), true_positives=len(labelled), false_positives=false_always),
            never=Score(labelled=len(labelled), true_positives=0, false_positives=0),
        )

    def _window_share(self) -> float | None:
        """Windows of scored labels, cut at the account's last login, of all accounts' time."""
        whole_ms = sum(last_ms - first_ms for first_ms, last_ms in self._times.values())
        covered_ms = sum(
            max(0, min(marked.until_ms or 0, self._times[user_id][1]) - (marked.arrived_ms or 0))
            for user_id, found in self._of_user.items()
            for marked in found
            if marked.kinds
        )
        return covered_ms / whole_ms if whole_ms else None


def excused_by(kind: str) -> set[str]:
    """What an unscored label says nothing about, so that an alert of that kind counts for nothing."""
    if kind == SHARED_ADDRESS:
        return set(SCORED_KINDS)
    return {TRAVEL} if kind == BORDERLINE else {kind}
