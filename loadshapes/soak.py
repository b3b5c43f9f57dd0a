"""Hours at one level: does anything leak, fill up, or drift?"""

from __future__ import annotations

from lakestorm.load.shape import ProfileShape
from lakestorm.model.profiles import Line


class SoakShape(ProfileShape):
    """In and out over 5 % of the run each, level between."""

    profile = Line(((0, 0), (0.05, 1), (0.95, 1), (1, 0)))
    run_time_s = 8 * 3600
