"""Messages of the probes' process: lines out, lines in, and what happens to those that are none."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.probes.stream import LINE_MAX, Hello, LineReader, ReadingMessage, RequestMessage, line_of

if TYPE_CHECKING:
    from lakestorm.probes.stream import Message

numbers = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(max_size=20)
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(Hello, probes=st.lists(texts, max_size=3), requests=st.lists(texts, max_size=3)),
    st.builds(
        ReadingMessage, at=numbers, probe=texts, name=texts, value=st.none() | numbers, unit=texts, error=texts
    ),
    st.builds(
        RequestMessage, type=texts, name=texts, offered=numbers, ready=st.none() | numbers, started=st.none() | numbers,
        done=numbers, outcome=st.sampled_from(["completed", "failed", "cancelled"]), code=texts,
    ),
)  # fmt: skip
READING = ReadingMessage(at=1.5, probe="wal", name="bytes_per_s", value=7.0, unit="bytes/s")


@given(st.lists(MESSAGES, max_size=8), st.lists(st.integers(1, 60), max_size=40))
def test_what_is_written_is_read_however_it_is_cut(messages: list[Message], cuts: list[int]) -> None:
    """Whole messages come out in order, whatever pieces the pipe gives, also in the middle of a character."""
    data, reader = b"".join(map(line_of, messages)), LineReader()
    found: list[Message] = []
    for cut in cuts:
        found += reader.feed(data[:cut])
        data = data[cut:]
    assert found + reader.feed(data) == messages
    assert reader.broken == 0


@given(MESSAGES, st.integers(0, 400))
def test_a_torn_last_line_is_left_out(message: Message, kept: int) -> None:
    """A killed process's half line is no message, and no mistake either."""
    line, reader = line_of(message), LineReader()
    torn = line[: min(kept, len(line) - 1)]
    assert reader.feed(line_of(READING) + torn) == [READING]
    assert reader.broken == 0


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"not json",
        b"[1]",
        b"null",
        b'"reading"',
        b"{}",
        b'{"kind": "unheard of"}',
        b'{"kind": "hello"}',
        b'{"kind": "hello", "probes": [], "requests": [], "more": 1}',
        b"\xff\xfe",
        b'{"kind": ["hello"]}',
        b"9" * 5000,
    ],
)
def test_a_line_that_is_no_message_is_counted(line: bytes) -> None:
    """And those around it are read."""
    reader = LineReader()
    assert reader.feed(line_of(READING) + line + b"\n" + line_of(READING)) == [READING, READING]
    assert reader.broken == 1


def test_a_line_without_an_end_takes_no_memory() -> None:
    """More than a line can have is thrown away and counted."""
    reader = LineReader()
    for _ in range(10):
        reader.feed(b"x" * LINE_MAX)
    assert len(reader._rest) <= LINE_MAX
    assert reader.broken > 0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_becomes_an_error(value: float) -> None:
    """Never a value, never a line that others cannot read."""
    line = line_of(ReadingMessage(at=1.0, probe="p", name="n", value=value, unit="u"))
    assert json.loads(line)["value"] is None
    assert json.loads(line)["error"] == f"the value is {value}"
