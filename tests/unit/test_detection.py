"""Scoring detectors: good ones score well, and those that always, never or thoughtlessly alert score badly."""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.model.addresses import KINDS
from lakestorm.model.labels import BORDERLINE, COUNTRY, LEARNT, SHARED_ADDRESS, TRAVEL, Label, Labeller
from lakestorm.verdict.detection import WINDOW_MS, Alert, Scorer
from lakestorm.verdict.detector import MASKED, Detector, Seen
from lakestorm.verdict.score import ALL, Detection, Score
from tests.unit.made_logins import HARD, history, live, town

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lakestorm.model.logins import Login

    See = Callable[[str, Seen], Iterable[tuple[int, str | None]]]


def label(at_ms: int, kind: str = TRAVEL, *, scored: bool = True, user: str = "u") -> Label:
    """A label without its measures."""
    return Label(user, at_ms, kind, 0.0, 0.0, scored)


LABELS = [
    label(50, LEARNT, scored=False),
    label(100),
    label(200),
    label(200, COUNTRY),
    label(300, BORDERLINE, scored=False),
    label(400, SHARED_ADDRESS, scored=False),
    label(500, COUNTRY, scored=False),
]
LOGINS = range(0, 1000, 50)


def scored(alerts: list[Alert], *, reads_kind: bool = False, window_ms: int = 60) -> Detection:
    """A score over LABELS; the login of event time t arrives at 10,000 + t."""
    scorer = Scorer(LABELS, reads_kind=reads_kind, window_ms=window_ms)
    for at_ms in LOGINS:
        scorer.see("u", at_ms, 10_000 + at_ms)
    for alert in alerts:
        scorer.alert(alert)
    return scorer.result()


def at(event_ms: int | None, kind: str | None = None, *, alerted_ms: int | None = None, user: str = "u") -> Alert:
    """An alert 7 ms after its login arrived, unless said otherwise."""
    return Alert(user, event_ms, 10_007 + (event_ms or 0) if alerted_ms is None else alerted_ms, kind)


@pytest.mark.parametrize(
    ("alerts", "true", "false", "ignored", "repeated"),
    [
        ([], 0, 0, 0, 0),
        ([at(100)], 1, 0, 0, 0),
        ([at(100), at(100)], 1, 0, 0, 1),
        ([at(100, TRAVEL), at(100, COUNTRY)], 1, 0, 0, 1),
        ([at(200)], 1, 0, 0, 0),
        ([at(200, TRAVEL), at(200, COUNTRY)], 1, 0, 0, 1),
        ([at(150)], 0, 1, 0, 0),
        ([at(150), at(150)], 0, 2, 0, 0),
        ([at(101)], 0, 1, 0, 0),  # a millisecond off is another login
        ([at(100, user="v")], 0, 1, 0, 0),
        ([at(0), at(50), at(50)], 0, 0, 3, 0),
        ([at(300), at(300, TRAVEL)], 0, 0, 2, 0),
        ([at(300, COUNTRY)], 0, 1, 0, 0),  # open is how it travelled, not where it came from
        ([at(400), at(400, COUNTRY)], 0, 0, 2, 0),
        ([at(500, COUNTRY)], 0, 0, 1, 0),
        ([at(500, TRAVEL)], 0, 1, 0, 0),
        ([at(None, alerted_ms=10_100)], 1, 0, 0, 0),
        ([at(None, alerted_ms=10_150)], 1, 0, 0, 0),  # the next login arrives then
        ([at(None, alerted_ms=10_151)], 0, 1, 0, 0),
        ([at(None, alerted_ms=10_099)], 0, 0, 1, 0),  # before the first login that counts
        ([at(None, alerted_ms=10_260)], 0, 1, 0, 0),
        ([at(None, alerted_ms=10_350)], 0, 0, 1, 0),
        ([at(None, alerted_ms=10_060)], 0, 0, 1, 0),  # while the account was being learnt
        ([at(None, alerted_ms=10_120), at(None, alerted_ms=10_130)], 1, 0, 0, 1),
    ],
)
def test_alerts_are_counted_as_told(alerts: list[Alert], true: int, false: int, ignored: int, repeated: int) -> None:
    """One true positive a login; every alert on a login without a label is false; open ones count for nothing."""
    found = scored(alerts)
    total = found.scores[ALL]
    assert (total.true_positives, total.false_positives, found.ignored, found.repeated) == (
        true,
        false,
        ignored,
        repeated,
    )
    assert (found.alerts, found.logins, total.labelled) == (len(alerts), 20, 2)
    assert true + false + ignored + repeated == len(alerts)


def test_a_window_is_no_longer_than_it_may_be() -> None:
    """W bounds it where the account's next login is far away."""
    alert = at(None, alerted_ms=10_131)
    assert scored([alert], window_ms=30).scores[ALL].true_positives == 0
    assert scored([alert], window_ms=31).scores[ALL].true_positives == 1


def test_windows_cover_what_they_cover() -> None:
    """Two windows of 30 of 950 ms; with W of a minute they end at the next login."""
    assert scored([], window_ms=30).window_share == pytest.approx(60 / 950)
    assert scored([], window_ms=WINDOW_MS).window_share == pytest.approx(100 / 950)
    assert Scorer([]).result().window_share is None


def test_kinds_are_scored_apart() -> None:
    """By kind an alert of the wrong kind is false; for all together it found the login."""
    found = scored([at(100, COUNTRY), at(200, COUNTRY), at(200, TRAVEL), at(600, TRAVEL)])
    assert found.scores[TRAVEL] == Score(labelled=2, true_positives=1, false_positives=1)
    assert found.scores[COUNTRY] == Score(labelled=1, true_positives=1, false_positives=1)
    assert found.scores[ALL] == Score(labelled=2, true_positives=2, false_positives=1)
    assert found.false_alerts_per_1000_logins == 50
    open_ones = scored([at(300, TRAVEL), at(500, COUNTRY), at(50, COUNTRY)])
    assert [open_ones.scores[kind].false_positives for kind in (TRAVEL, COUNTRY, ALL)] == [0, 0, 0]


def test_alerts_without_a_kind_have_recall_by_kind_only() -> None:
    """Whose false alerts they are nobody can tell."""
    found = scored([at(200), at(600)])
    assert found.scores[COUNTRY].recall == 1
    assert found.scores[TRAVEL].recall == 0.5
    assert found.scores[TRAVEL].precision is found.scores[TRAVEL].f1 is found.scores[TRAVEL].false_positives is None
    assert (found.scores[ALL].precision, found.scores[ALL].recall, found.scores[ALL].f1) == (0.5, 0.5, 0.5)


def test_who_reads_the_kinds_is_held_to_them() -> None:
    """An alert on a shared address is false for a detector that could have known."""
    assert scored([at(400)], reads_kind=True).scores[ALL].false_positives == 1
    assert scored([at(300)], reads_kind=True).ignored == 1


def test_yardsticks_are_what_such_detectors_score() -> None:
    """Alerting on every login, or on none, gives what the yardsticks say, whether kinds are read or not."""
    for reads_kind in (False, True):
        always = scored([at(t) for t in LOGINS], reads_kind=reads_kind)
        assert always.scores[ALL] == always.always
        assert scored([], reads_kind=reads_kind).scores[ALL] == always.never
        assert always.always.recall == 1
        assert always.always.precision == pytest.approx(2 / (18 - (2 if reads_kind else 3)))
    assert always.never.precision is None
    assert always.never.recall == always.never.f1 == 0


def test_delays_are_from_arrival_to_alert() -> None:
    """Negative ones are kept and counted; without a time there is none; percentiles are values that occurred."""
    found = scored([at(100, alerted_ms=10_090), at(200, alerted_ms=10_260)])
    assert found.delays_ms == [-10, 60]
    assert found.negative_delays == 1
    assert (found.delay_ms(0.5), found.delay_ms(0.51), found.delay_ms(0.95), found.delay_ms(0)) == (-10, 60, 60, -10)
    assert scored([Alert("u", 100, None)]).delay_ms(0.5) is None


def test_nothing_gives_no_ratio() -> None:
    """Without logins, labels and alerts every ratio is unknown rather than 0 or 1."""
    found = Scorer([]).result()
    total = found.scores[ALL]
    assert total.precision is total.recall is total.f1 is found.false_alerts_per_1000_logins is None


def test_wrong_questions_are_refused() -> None:
    """A kind that nobody labels, and a window that ends before it begins."""
    with pytest.raises(ValueError, match="'teleport'"):
        Scorer([]).alert(Alert("u", 1, 1, "teleport"))
    with pytest.raises(ValueError, match="-1 ms"):
        Scorer([], window_ms=-1)


TIMES = st.sampled_from([0, 50, 100, 150, 200, 300, 400, 500, 600])
SAID = st.lists(st.tuples(TIMES, st.sampled_from([None, TRAVEL, COUNTRY])), max_size=30)


@given(alerts=SAID, reads=st.booleans())
def test_every_alert_is_one_thing(alerts: list[tuple[int, str | None]], reads: bool) -> None:  # noqa: FBT001
    """True, false, ignored or repeated; ratios stay within 0 and 1, whatever is said how often."""
    found = scored([at(t, kind) for t, kind in alerts], reads_kind=reads)
    total = found.scores[ALL]
    assert total.false_positives is not None
    assert total.true_positives + total.false_positives + found.ignored + found.repeated == len(alerts)
    for score in found.scores.values():
        assert all(x is None or 0 <= x <= 1 for x in (score.precision, score.recall, score.f1))
        assert score.true_positives <= score.labelled


# --- real detectors over a made topic ---


@functools.cache
def topic() -> tuple[list[Login], list[Label], int]:
    """Logins in the order in which they are produced, their labels, and how many of them are history."""
    made = town(accounts=800, behaviour=HARD)
    past = history(made)
    logins = [*past, *live(made, 10_000, late_every=50)]
    labeller = Labeller()
    for login in logins:
        labeller.add(login.record["user_id"], login.at_ms, login.city, login.kind)
    return logins, list(labeller.finish()), len(past)


def judged(see: See, *, reads_kind: bool, skip_history: bool = False) -> Detection:
    """The score of a detector that reads the topic."""
    logins, labels, past = topic()
    scorer, said = Scorer(labels, reads_kind=reads_kind), []
    for n, login in enumerate(logins):
        user = login.record["user_id"]
        scorer.see(user, login.at_ms, n)
        if n >= past or not skip_history:
            city = login.city
            seen = Seen(login.at_ms, city.lat, city.lon, city.country, KINDS[login.kind])
            said += [Alert(user, at_ms, n + 3, kind) for at_ms, kind in see(user, seen)]
    for alert in said:
        scorer.alert(alert)
    return scorer.result()


def reference() -> See:
    """The detector that ships."""
    detector = Detector()
    return lambda user, seen: [(alert.at_ms, alert.kind) for alert in detector.see(user, seen)]


def thoughtless() -> See:
    """One that takes every address for where a person is."""
    detector = Detector()
    return lambda user, seen: [(a.at_ms, a.kind) for a in detector.see(user, seen._replace(kind="residential"))]


def always() -> See:
    """One that alerts on every login."""
    return lambda _, seen: [(seen.at_ms, None)]


def never() -> See:
    """One that does not alert."""
    return lambda _user, _seen: []


def forgetful() -> See:
    """One that knows an account's last country only, in order of arrival."""
    last: dict[str, Seen] = {}

    def see(user: str, seen: Seen) -> list[tuple[int, str | None]]:
        before = last.get(user)
        last[user] = seen
        return [(seen.at_ms, COUNTRY)] if before is None or before.country != seen.country else []

    return see


@pytest.mark.parametrize("reads_kind", [True, False])
def test_the_reference_detector_is_right(reads_kind: bool) -> None:  # noqa: FBT001
    """Though hard negatives are everywhere and logins come late and swapped."""
    found = judged(reference(), reads_kind=reads_kind)
    for score in found.scores.values():
        assert score.labelled > 100
        assert score.recall is not None
        assert score.precision is not None
        assert score.recall >= 0.99
        assert score.precision >= 0.95
    assert found.delay_ms(0.5) == 3


@pytest.mark.parametrize(
    ("detector", "reads_kind", "skip_history"),
    [
        (always, True, False),
        (never, True, False),
        (thoughtless, True, False),
        (forgetful, False, False),
        (forgetful, True, True),
        (reference, True, True),  # it starts to learn when everybody else has learnt
    ],
    ids=["always", "never", "thoughtless", "forgetful", "forgetful, without history", "reference, without history"],
)
def test_bad_detectors_score_badly(detector: Callable[[], See], reads_kind: bool, skip_history: bool) -> None:  # noqa: FBT001
    """Those that always or never alert, do not read kinds, or have no history: F1 far below the reference's."""
    best = judged(reference(), reads_kind=reads_kind).scores[ALL].f1
    found = judged(detector(), reads_kind=reads_kind, skip_history=skip_history).scores[ALL].f1
    assert best is not None
    assert found is not None
    assert best > 0.97
    assert found < 0.7


def test_masked_addresses_leave_no_trace() -> None:
    """After a login by VPN the reference detector knows what it knew before."""
    detector = Detector()
    home = Seen(0, 50.0, 8.0, "DE", "residential")
    for n in range(20):
        assert detector.see("u", home._replace(at_ms=n * 1000)) == []
    for kind in MASKED:
        assert detector.see("u", Seen(30_000, -33.0, 151.0, "AU", kind)) == []
    assert detector.see("u", home._replace(at_ms=31_000)) == []
    found = detector.see("u", Seen(32_000, -33.0, 151.0, "AU", "mobile"))
    assert [alert.kind for alert in found] == [TRAVEL, COUNTRY]


def test_a_late_login_is_put_in_its_place() -> None:
    """It may explain a journey, or make the next one impossible: whatever the order, the same logins are found."""
    here, there = (50.0, 8.0, "DE", "residential"), (40.0, -73.0, "US", "residential")
    logins = [Seen(n * 86_400_000, *here) for n in range(12)] + [Seen(11 * 86_400_000 + 60_000, *there)]
    for last_two in itertools.permutations(logins[-2:]):
        detector, found = Detector(), set()
        for seen in [*logins[:-2], *last_two]:
            found |= {alert for alert in detector.see("u", seen) if alert.kind == TRAVEL}
        assert {alert.at_ms for alert in found} == {logins[-1].at_ms}
