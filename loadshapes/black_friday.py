"""A whole Black Friday in minutes: a quiet night, a rush at noon, a higher one in the evening."""

from __future__ import annotations

from lakestorm.load.shape import ProfileShape
from lakestorm.model.curves import Hill, Hills


class BlackFridayShape(ProfileShape):
    """Midnight to midnight: 70 % of the peak at 12:30, all of it at 20:15, 8 % at night."""

    profile = Hills(base=0.08, hills=(Hill(12.5 / 24, 0.7, 0.2), Hill(20.25 / 24, 1, 0.2)))
    users = 200
    run_time_s = 600
