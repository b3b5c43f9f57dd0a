"""The same users all the time: a level to measure at, and to compare runs by."""

from __future__ import annotations

from lakestorm.load.shape import ProfileShape
from lakestorm.model.profiles import Steady


class SteadyShape(ProfileShape):
    """All users from the first second to the last."""

    profile = Steady()
