"""Locust's own table, fed a second at a time, says what it would say if it were fed request by request."""

from __future__ import annotations

import subprocess
import sys

CHECK = """
import math, random
import numpy as np
from locust.env import Environment
from locust.stats import RequestStats
from lakestorm.load.locust_stats import SecondsToLocust, keep_three_digits, three_digits, times_by_three_digits

keep_three_digits()
rng = random.Random(7)
times_s = [rng.lognormvariate(-6, 2) for _ in range(5000)] + [0.0, 1e-7, 0.001, 0.0099949, 0.999, 9.995, 1.0, 100.0]
environment = Environment(user_classes=[])
batch = SecondsToLocust(environment, lambda: 1_000_000.0)
batch.add("PG order.buy", 3, np.array(times_s[:2000]))
batch.add("PG order.buy", 4, np.array(times_s[2000:]))
single = RequestStats()
for time_s in times_s:
    single.log_request("PG", "order.buy", time_s * 1e3, 0)
ours, theirs = environment.stats.get("order.buy", "PG"), single.get("order.buy", "PG")
for entry, other in ((ours, theirs), (environment.stats.total, single.total)):
    assert entry.num_requests == other.num_requests == len(times_s)
    assert math.isclose(entry.total_response_time, other.total_response_time)
    assert math.isclose(entry.max_response_time, other.max_response_time)
    assert entry.min_response_time == other.min_response_time
    for q in (0.01, 0.5, 0.9, 0.99, 0.999, 1):
        a, b = entry.get_response_time_percentile(q), other.get_response_time_percentile(q)
        assert math.isclose(a, b, rel_tol=0.006, abs_tol=1e-3), (q, a, b)
assert dict(ours.num_reqs_per_sec) == {1_000_003: 2000, 1_000_004: len(times_s) - 2000}
found = times_by_three_digits(np.array(times_s) * 1e3)
assert sum(found.values()) == len(times_s)
same = sum(three_digits(t * 1e3) in found for t in times_s)
assert same >= 0.999 * len(times_s), same
assert len(found) <= 900 * 9
"""


def test_a_second_at_a_time_is_the_same_as_one_by_one() -> None:
    """Counts, sums, extremes are equal and percentiles within the digits that are kept, for any sizes of times."""
    done = subprocess.run([sys.executable, "-c", CHECK], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
