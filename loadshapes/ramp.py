"""Evenly more users until all are there, then held: where does the system begin to bend?"""

from __future__ import annotations

from lakestorm.load.shape import ProfileShape
from lakestorm.model.profiles import Line


class RampShape(ProfileShape):
    """Nobody at first; the peak after 80 % of the run."""

    profile = Line(((0, 0), (0.8, 1), (1, 1)))
    users = 200
    run_time_s = 600
