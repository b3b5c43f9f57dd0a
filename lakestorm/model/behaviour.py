"""How often people do what: the shares of anomalies and of honest logins that look like them."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ANOMALIES = ("impossible_travel", "unseen_country")
"""What `anomaly_mix` may name."""
HARD_NEGATIVES = ("flight", "vpn", "nat", "address", "pair")
"""What `hard_mix` may name; see Behaviour. Border commuters are accounts, not logins: see `accounts`."""
TRIP_SHARE = 0.02
"""Of logins those at which a known place is visited, if it can be reached by then."""
ANOMALY_MIX = {"impossible_travel": 60.0, "unseen_country": 40.0}
HARD_MIX = {"flight": 10.0, "vpn": 30.0, "nat": 30.0, "address": 20.0, "pair": 10.0}

FLIGHT_KM = 400.0
"""The shortest flight."""
FLIGHT_KMH = (560, 690)
"""From, and below."""
JOURNEY_KMH = 600
"""Of the owner on the way to an unseen country."""
PAIR_MS = (50, 550)
"""Wall clock's milliseconds between the two logins of a pair."""
CALM = ("vpn", "nat", "address", "trip")
"""What may happen before the labels count, and to a late login."""
WORK_HOURS = range(8, 17)
"""Local hours at which a border commuter is at work."""

POSITIVES_A_JUMP = 1.5
"""Every second stranger is followed at once by the owner at home, which is a second impossible journey."""
POSITIVES = {"impossible_travel": POSITIVES_A_JUMP, "unseen_country": 1.0}
"""Labelled logins that one anomaly makes."""
EXTRA_LOGINS = {"impossible_travel": POSITIVES_A_JUMP, "unseen_country": 0.8}
"""Logins that one anomaly adds; an unseen country that is reached in time adds none."""
SCALE = 2**32


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """Shares of logins.

    Attributes:
        anomaly_ratio: of live logins those that the rule labels, 0…0.5; about, as the rule has the last word.
        anomaly_mix: weights of the kinds among them. `impossible_travel`: a stranger far away, at once.
            `unseen_country`: the owner in a country for the first time, by an honest journey; where event time is too
            short for one, a stranger there.
        hard_ratio: of live logins those that are honest and look wrong, 0…1 − anomaly_ratio.
        hard_mix: weights of the kinds among them. `flight`: to a known place at 560 to 689 km/h. `vpn`: by an exit
            that many accounts share. `nat`: by a mobile carrier's gateway in another city, shared by many. `address`:
            the same city by an address never seen. `pair`: two logins produced in the wrong order.
        domestic: impossible journeys stay inside a country, and no country is unseen.

    Raises:
        ValueError: a share or a weight is out of bounds, or a kind is unknown.
    """

    anomaly_ratio: float = 0.01
    anomaly_mix: Mapping[str, float] = dataclasses.field(default_factory=lambda: dict(ANOMALY_MIX))
    hard_ratio: float = 0.05
    hard_mix: Mapping[str, float] = dataclasses.field(default_factory=lambda: dict(HARD_MIX))
    domestic: bool = False

    def __post_init__(self) -> None:
        problems = [
            *wrong_ratio("anomaly_ratio", self.anomaly_ratio, 0.5),
            *wrong_ratio("hard_ratio", self.hard_ratio, 1 - min(self.anomaly_ratio, 1)),
            *wrong_mix("anomaly_mix", self.anomaly_mix, ANOMALIES),
            *wrong_mix("hard_mix", self.hard_mix, HARD_NEGATIVES),
        ]
        if problems:
            raise ValueError("\n".join(problems))

    def shares(self) -> dict[str, float]:
        """Of the logins at which an account is free to choose: how often each kind begins; the rest are usual ones."""
        starts = self._anomaly_starts()
        left = 1 - sum(starts.values())
        hard = min(self.hard_ratio, left)
        weights = sum(self.hard_mix.values())
        kinds = {kind: hard * self.hard_mix.get(kind, 0) / weights for kind in HARD_NEGATIVES}
        return {**starts, **kinds, "trip": min(TRIP_SHARE, left - hard)}

    def _anomaly_starts(self) -> dict[str, float]:
        """Starts s so that labelled = s × positives is the ratio of all logins, 1 + s × extra.

        With weights w of the labelled logins: starts of a kind are in proportion to w / positives.
        """
        mix = {"impossible_travel": 1.0} if self.domestic else self.anomaly_mix
        parts = {kind: mix.get(kind, 0) / POSITIVES[kind] for kind in ANOMALIES}
        whole = sum(parts.values())
        positives = sum(parts[kind] * POSITIVES[kind] for kind in ANOMALIES) / whole
        extra = sum(parts[kind] * EXTRA_LOGINS[kind] for kind in ANOMALIES) / whole
        starts = min(1.0, self.anomaly_ratio / (positives - self.anomaly_ratio * extra))
        return {kind: starts * parts[kind] / whole for kind in ANOMALIES}


def wrong_ratio(name: str, ratio: float, most: float) -> list[str]:
    """What is wrong with a ratio: a sentence, or nothing."""
    return [] if 0 <= ratio <= most else [f"{name} is {ratio:g}: a number ≥ 0, ≤ {most:g} is wanted."]


def wrong_mix(name: str, mix: Mapping[str, float], kinds: tuple[str, ...]) -> list[str]:
    """What is wrong with a mix: a sentence, or nothing."""
    is_right = (
        set(mix) <= set(kinds) and all(0 <= weight < float("inf") for weight in mix.values()) and any(mix.values())
    )
    return [] if is_right else [f"{name} is {dict(mix)}: weights ≥ 0 of {', '.join(kinds)} are wanted, not all 0."]


def edges_of(shares: Mapping[str, float]) -> list[int]:
    """Cumulative shares in parts of 2^32: an even number of 32 bits falls into each as often as it is large."""
    return [round(edge * SCALE) for edge in itertools.accumulate(shares.values())]
