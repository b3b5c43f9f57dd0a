"""The profiles of the load shapes by the shapes' names, for whoever cannot load a shape because Locust is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakestorm.model.curves import Decay, Hill, Hills, Waves
from lakestorm.model.profiles import Line, Phases, Steady, Steps

if TYPE_CHECKING:
    from lakestorm.model.profiles import Profile

NAMED_PROFILES: dict[str, Profile] = {
    "black_friday": Hills(base=0.08, hills=(Hill(12.5 / 24, 0.7, 0.2), Hill(20.25 / 24, 1, 0.2))),
    "flash_sale_spike": Phases(
        ((0.25, Line(((0, 0.05), (1, 0.2)))), (0.45, Steady()), (1, Decay(start=1, end=0.1, half_life=0.27)))
    ),
    "ramp": Line(((0, 0), (0.8, 1), (1, 1))),
    "soak": Line(((0, 0), (0.05, 1), (0.95, 1), (1, 0))),
    "spike": Steps(((0, 0.1), (0.4, 1), (0.6, 0.1))),
    "steady": Steady(),
    "steps": Steps(((0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 1))),
    "waves": Waves(low=0.2, high=1, count=3),
}
"""A unit test holds them equal to those in loadshapes/."""
