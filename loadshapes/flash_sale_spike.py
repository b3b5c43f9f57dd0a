"""A flash sale: people look around, doors open, everybody is there within a second, interest fades."""

from __future__ import annotations

from lakestorm.load.shape import ProfileShape
from lakestorm.model.curves import Decay
from lakestorm.model.profiles import Line, Phases, Steady


class FlashSaleSpikeShape(ProfileShape):
    """Doors open after a quarter of the run; the peak holds for a fifth, then halves every 15 % of the run."""

    doors_open = 0.25
    profile = Phases(
        (
            (doors_open, Line(((0, 0.05), (1, 0.2)))),
            (0.45, Steady()),
            (1, Decay(start=1, end=0.1, half_life=0.27)),
        )
    )
    users = 200
    run_time_s = 120
