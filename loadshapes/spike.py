"""Ten times the users from one second to the next, and back: how deep is the dent, how long the recovery?"""

from __future__ import annotations

from lakestorm.load.shape import ProfileShape
from lakestorm.model.profiles import Steps


class SpikeShape(ProfileShape):
    """10 % of the peak; all of it from 40 to 60 % of the run; 10 % again."""

    profile = Steps(((0, 0.1), (0.4, 1), (0.6, 0.1)))
    users = 200
