"""Disorder: exactly as much as was asked for, and poison that nobody can read."""

from __future__ import annotations

import collections
import io
import struct

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.model.disorder import BLOCK, Disorder, Disturbance, Poison, Ratios, poisoned

FIELDS = ("user_id", "timestamp", "ip", "device", "platform", "user_agent")
SCHEMA = fastavro.parse_schema(
    {"type": "record", "name": "LoginEvent", "fields": [{"name": name, "type": "string"} for name in FIELDS]}
)


@pytest.mark.parametrize(
    "ratios",
    [
        (0, 0, 0),
        (0.01, 0.02, 0.03),
        (0.9, 0, 0),
        (0, 0, 0.9),
        (0.2999, 0.2999, 0.3001),
        (0.0005, 0, 0.0001),
        (0.003, 0, 0),
    ],
)
def test_counts_are_exact(ratios: tuple[float, float, float]) -> None:
    """Of 20,000 logins to the unit as many are disturbed as the ratios say, in no block more than one off."""
    late, duplicate, poison = ratios
    plan = Disorder(1, 0, Ratios(late=late, duplicate=duplicate, poison=poison))
    found = [plan.at(n) for n in range(20 * BLOCK)]
    counts = collections.Counter(found)
    wanted = {Disturbance.LATE: late, Disturbance.DUPLICATE: duplicate, Disturbance.POISON: poison}
    for what, ratio in wanted.items():
        assert counts[what] == int(ratio * 20 * BLOCK + 1e-6)
        blocks = [found[b * BLOCK : (b + 1) * BLOCK].count(what) for b in range(20)]
        assert all(abs(count - ratio * BLOCK) <= 1 for count in blocks)


@given(seed=st.integers(0, 2**63), numbers=st.lists(st.integers(0, 10**9), min_size=1, max_size=30))
def test_disorder_depends_on_the_number_alone(seed: int, numbers: list[int]) -> None:
    """Asked in any order, twice, the same login is disturbed the same way; another process's otherwise."""
    ratios = Ratios(late=0.2, duplicate=0.3, poison=0.25)
    plan, again = Disorder(seed, 0, ratios), Disorder(seed, 0, ratios)
    assert [plan.at(n) for n in numbers] == [again.at(n) for n in reversed(numbers)][::-1]
    assert [plan.poison_at(n) for n in numbers] == [again.poison_at(n) for n in numbers]
    other = Disorder(seed, 1, ratios)
    assert [plan.at(n) for n in range(300)] != [other.at(n) for n in range(300)]


def test_every_poison_comes_as_often() -> None:
    """A quarter each."""
    plan = Disorder(1, 0, Ratios(poison=0.8))
    counts = collections.Counter(plan.poison_at(n) for n in range(8000))
    assert set(counts) == set(Poison)
    assert all(abs(count - 2000) < 200 for count in counts.values())


@pytest.mark.parametrize("ratios", [{"late": -0.1}, {"late": 0.5, "poison": 0.6}, {"duplicate": float("nan")}])
def test_impossible_ratios_are_refused(ratios: dict[str, float]) -> None:
    """Below 0, together above 0.9, or no number."""
    with pytest.raises(ValueError, match=r"together at most 0\.9"):
        Ratios(**ratios)


def read(message: bytes, known_id: int) -> object:
    """A message as a strict consumer reads it."""
    magic, schema_id = struct.unpack(">bI", message[:5])
    if magic != 0 or schema_id != known_id:
        raise ValueError(f"magic {magic}, schema {schema_id}")
    body = io.BytesIO(message[5:])
    record = fastavro.schemaless_reader(body, SCHEMA, None)
    if body.read():
        raise ValueError("bytes are left over")
    return record


@given(values=st.lists(st.text(max_size=40), min_size=6, max_size=6), schema_id=st.integers(1, 2**31 - 2))
def test_poison_cannot_be_read(values: list[str], schema_id: int) -> None:
    """The message itself can, and none of its poisoned forms."""
    body = io.BytesIO()
    record = dict(zip(FIELDS, values, strict=True))
    fastavro.schemaless_writer(body, SCHEMA, record)
    message = struct.pack(">bI", 0, schema_id) + body.getvalue()
    assert read(message, schema_id) == record
    for kind in Poison:
        broken = poisoned(kind, message)
        assert broken != message
        with pytest.raises((ValueError, EOFError, IndexError)):
            read(broken, schema_id)
