"""Three waves: does a backlog from one crest drain before the next?"""

from __future__ import annotations

from lakestorm.load.shape import ProfileShape
from lakestorm.model.curves import Waves


class WavesShape(ProfileShape):
    """From 20 % of the peak to all of it and back, three times."""

    profile = Waves(low=0.2, high=1, count=3)
    users = 100
    run_time_s = 600
