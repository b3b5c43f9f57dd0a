"""Avro records of texts: byte for byte what fastavro writes."""

from __future__ import annotations

import io
import struct

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.clients import avro_texts
from lakestorm.clients.avro_texts import TextEncoder
from lakestorm.model.login_schema import FIELDS, LABEL, LOGIN

PARSED = fastavro.parse_schema(LOGIN)


def by_fastavro(record: dict[str, str], number: int) -> bytes:
    """The reference."""
    out = io.BytesIO(struct.pack(">bI", 0, number))
    out.seek(0, io.SEEK_END)
    fastavro.schemaless_writer(out, PARSED, record)
    return out.getvalue()


@given(
    st.lists(st.fixed_dictionaries({name: st.text(max_size=80) for name in FIELDS}), min_size=1, max_size=4),
    st.integers(0, 2**32 - 1),
)
def test_any_texts(records: list[dict[str, str]], number: int) -> None:
    """Whatever the texts, one after the other, with one encoder, kept or not."""
    encode = TextEncoder(LOGIN, number, once=("timestamp",))
    for record in [*records, *records]:
        assert encode(record) == by_fastavro(record, number)


@pytest.mark.parametrize("length", [0, 63, 64, 8191, 8192, 100_000])
def test_lengths_at_the_edges_of_a_byte(length: int) -> None:
    """Lengths of one, two and three bytes, in texts of one byte a letter and of two."""
    for letter in ("a", "ü"):
        record = dict.fromkeys(FIELDS, letter * length)
        assert TextEncoder(LOGIN, 1)(record) == by_fastavro(record, 1)


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """More different texts than are kept come out right all the same."""
    monkeypatch.setattr(avro_texts, "KEPT", 3)
    encode = TextEncoder(LOGIN, 1)
    for number in range(20):
        record = dict.fromkeys(FIELDS, str(number % 7))
        assert encode(record) == by_fastavro(record, 1)


def test_what_it_cannot_write_is_refused() -> None:
    """A schema with other types is refused by its fields' names, and a record that lacks a field by that name."""
    with pytest.raises(ValueError, match=r"partition, offset, distance_km, speed_kmh, scored of LoginLabel"):
        TextEncoder(LABEL, 1)
    with pytest.raises(KeyError, match="ip"):
        TextEncoder(LOGIN, 1)({name: "x" for name in FIELDS if name != "ip"})
