"""Every scenario of the suite, so that a thresholds file may speak of those that are not in a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakestorm.load.catalogue import Catalogue
from lakestorm.load.logins import LoginStream
from lakestorm.load.purchases import FlashSale

if TYPE_CHECKING:
    from lakestorm.load.part import Scenario

SCENARIOS: tuple[Scenario, ...] = (FlashSale(), LoginStream(), Catalogue())
