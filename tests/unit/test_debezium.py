"""Debezium's records read down to what books are kept of; anything else is refused in words."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from lakestorm.clients.debezium import Envelopes, change_of, moments_of, seconds_of
from lakestorm.errors import PlatformError
from lakestorm.model.orders import RunKey
from lakestorm.record.changes import Change
from lakestorm.settings import SchemaSettings

KEY = RunKey.new(1_760_000_000_000, 7)
OTHER = RunKey.new(1_760_000_000_000, 8)


@dataclasses.dataclass
class Record:
    """What is read of a record besides its value."""

    stamp_ms: int = 1_760_000_000_500

    def timestamp(self) -> tuple[int, int]:
        """As librdkafka gives it."""
        return 1, self.stamp_ms


def envelope(reference: str | None, **more: Any) -> dict[str, Any]:
    """An insert, as Debezium 3 writes it."""
    return {
        "before": None,
        "after": {"id": 7, "order_ref": reference, "status": "placed"},
        "source": {"lsn": 4242, "ts_ms": 1_760_000_000_100, "ts_us": 1_760_000_000_100_250, "snapshot": "false"},
        "op": "c",
        "ts_ms": 1_760_000_000_200,
        "ts_us": 1_760_000_000_200_750,
    } | more


def read(value: bytes) -> dict[str, Any]:
    """A value through the reader."""
    return Envelopes(SchemaSettings(), "shop.public.purchases")(value)


@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: {"schema": {"type": "struct"}, "payload": e}])
def test_json_with_and_without_schema(wrap: Any) -> None:
    """Both forms of the JSON converter are one envelope."""
    assert read(json.dumps(wrap(envelope("x"))).encode()) == envelope("x")


@pytest.mark.parametrize(
    "value", [b"", b"{", b"[1]", b"7", b'{"id": 1}', b'{"payload": {"op": "c"}}', b"\xff\xfe", b"\x00\x01"]
)
def test_strangers_are_refused(value: bytes) -> None:
    """What is no envelope is an error that names the topic and what to look at."""
    with pytest.raises(PlatformError, match=r"shop\.public\.purchases .*CDC_TOPIC_PREFIX"):
        read(value)


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({}, ("c", False)),
        ({"op": "r"}, ("r", False)),
        ({"op": "u", "after": {"order_ref": KEY.reference(3, 99), "status": "cancelled"}}, ("u", True)),
        ({"op": "d", "after": None, "before": {"order_ref": KEY.reference(3, 99), "status": "placed"}}, ("d", False)),
    ],
)
def test_changes_of_the_run(more: dict[str, Any], wanted: tuple[str, bool]) -> None:
    """Process and number come from the reference, the rest from Debezium's own fields."""
    found = change_of(KEY, envelope(KEY.reference(3, 99), **more), Record())  # type: ignore[arg-type]
    assert found == Change(3, 99, *wanted, 4242, 1_760_000_000.10025, 1_760_000_000.5)


@pytest.mark.parametrize(
    "made",
    [
        envelope(OTHER.reference(3, 99)),
        envelope(None),
        envelope("x", after={"id": 1}),
        envelope("x", op="d", after=None, before={"id": 7}),  # the key alone, as the default replica identity has it
        envelope("x", op="t", after=None),
        {"op": "m", "message": {}},
    ],
)
def test_changes_of_others(made: dict[str, Any]) -> None:
    """Other runs' rows, rows without a reference, deletions without their row, truncations and messages are others'."""
    assert change_of(KEY, made, Record()) is None  # type: ignore[arg-type]


def test_moments() -> None:
    """Commit, envelope and record, each to its own precision; an older Debezium has milliseconds."""
    found = moments_of(envelope(KEY.reference(0, 0)), Record())  # type: ignore[arg-type]
    assert found == pytest.approx((1_760_000_000.10025, 1_760_000_000.20075, 1_760_000_000.5), abs=1e-6)
    assert seconds_of({"ts_ms": 1500}) == 1.5
