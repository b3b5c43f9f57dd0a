"""The CPU controller: right over any ten seconds on an idle machine, never too much on a busy one."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysload.cpu import CYCLE_S, Controller, Demand, share_of_each

WINDOW_S = 10.0
POINTS_S = 0.02 * WINDOW_S
"""CPU time that ± 2 points are, over ten seconds of one CPU."""
shares = st.floats(0, 1)


def simulated(demand: Demand, lost: list[float], for_s: float = 30.0, begins_s: float = 0.0) -> list[float]:
    """CPU time used up to the end of each cycle, where others hold the CPU for a part of each, again and again."""
    controller, used = Controller(begins_s, 0.0), [0.0]
    for number, part in zip(range(round(for_s / CYCLE_S)), itertools.cycle(lost), strict=False):
        burn_s = controller.burn_s(begins_s + number * CYCLE_S, used[-1], demand)
        assert 0 <= burn_s <= CYCLE_S
        used.append(used[-1] + min(burn_s, CYCLE_S * (1 - part)))
    return used


def windows(used: list[float], over_s: float = WINDOW_S) -> list[float]:
    """What each stretch of that length used, one a cycle."""
    cycles = round(over_s / CYCLE_S)
    return [after - before for before, after in zip(used, used[cycles:], strict=False)]


@given(share=shares)
@settings(max_examples=50)
def test_an_idle_machine_gives_any_ten_seconds_their_share(share: float) -> None:
    """Over any ten seconds the use is within two points of the share."""
    assert all(abs(used - share * WINDOW_S) <= POINTS_S for used in windows(simulated(Demand(share), [0.0])))


@given(share=shares)
@settings(max_examples=50)
def test_smooth_is_smooth_within_a_tenth_of_a_second(share: float) -> None:
    """Every 100 ms hold their share, not only every ten seconds."""
    assert all(abs(used - share * 0.1) < 1e-6 for used in windows(simulated(Demand(share), [0.0], 3.0), 0.1))


@given(share=shares, lost=st.lists(st.floats(0, 1), min_size=1, max_size=400))
@settings(max_examples=100)
def test_whatever_others_take_no_ten_seconds_hold_too_much(share: float, lost: list[float]) -> None:
    """What a busy machine withheld is never made up for beyond two points."""
    assert all(used <= share * WINDOW_S + POINTS_S for used in windows(simulated(Demand(share), lost)))


def test_a_short_theft_is_made_up_for() -> None:
    """A tenth of a second that others took is there again a second later."""
    used = simulated(Demand(0.5), [1.0, 1.0] + [0.0] * 600)
    assert used[20] == pytest.approx(0.5, abs=0.01)


def test_a_long_theft_is_not() -> None:
    """After ten seconds of nothing no burst follows: at most 0.17 s more than the share."""
    used = simulated(Demand(0.5), [1.0] * 200 + [0.0] * 400)
    assert used[200] == 0
    assert 5.0 <= used[400] <= 5.0 + 0.17


@given(share=st.floats(0.05, 0.95), begins_s=st.floats(0, 1e6))
@settings(max_examples=50)
def test_bursty_has_its_share_over_whole_bursts(share: float, begins_s: float) -> None:
    """Bursts and rests together hold the share, whenever the process began."""
    used = simulated(Demand(share, "bursty", 5.0), [0.0], begins_s=begins_s)
    assert all(abs(got - share * WINDOW_S) <= POINTS_S for got in windows(used))


def test_bursty_is_all_or_nothing() -> None:
    """Of each five seconds at 40 % the first two are full and the others empty."""
    seconds = [
        after - before for before, after in itertools.pairwise(simulated(Demand(0.4, "bursty", 5.0), [0.0])[::20])
    ]
    assert seconds[:10] == pytest.approx([1, 1, 0, 0, 0, 1, 1, 0, 0, 0], abs=0.06)


@pytest.mark.parametrize(
    ("target", "cores", "workers", "others", "share"),
    [
        (50, 2, 2, 0.0, 0.5),
        (100, 2, 2, 0.0, 1.0),
        (40, 0.5, 1, 0.0, 0.2),
        (50, 1.5, 2, 0.0, 0.375),
        (50, 2, 2, 0.2, 0.4),  # what the other processes take is not taken again
        (0, 2, 2, 0.0, 0.0),
        (1, 2, 2, 0.5, 0.0),  # they take more than all: nothing is left, never below
        (100, 2, 1, 0.0, 1.0),
    ],
)
def test_the_share_of_each_worker(target: float, cores: float, workers: int, others: float, share: float) -> None:
    """The target of all processes together, less what others of ours use, evenly."""
    assert share_of_each(target, cores, workers, others) == pytest.approx(share)
