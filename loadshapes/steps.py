"""Five levels, each held for a fifth of the run: what does each level cost?"""

from __future__ import annotations

from lakestorm.load.shape import ProfileShape
from lakestorm.model.profiles import Steps


class StepsShape(ProfileShape):
    """20, 40, 60, 80, 100 % of the peak. Plateaus, so that the slope of a lag can be read on each."""

    profile = Steps(((0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 1)))
    users = 200
    run_time_s = 600
