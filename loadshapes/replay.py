"""A recording, replayed: the CSV file of second,users that REPLAY_FILE names, scaled to -u and -t."""

from __future__ import annotations

from pathlib import Path

from lakestorm.load.shape import RecordedShape


class ReplayShape(RecordedShape):
    """Without -u and -t as it was recorded; without REPLAY_FILE the example that comes with the suite."""

    example = Path(__file__).with_name("replay_example.csv")
