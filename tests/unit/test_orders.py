"""Order references: valid UUIDs of version 8 that say whose they are, in order, and never twice."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lakestorm.model.orders import LINES_MAX, NUMBER_BITS, RESTOCK_PROCESS, RunKey, process_and_number

processes = st.integers(0, RESTOCK_PROCESS)
numbers = st.integers(0, 2**NUMBER_BITS - 1)
moments_ms = st.integers(0, 2**44 - 1)
entropies = st.integers(0, 2**16 - 1)


@given(moments_ms, entropies, processes, numbers)
def test_a_reference_is_a_uuid_of_version_8(at_ms: int, entropy: int, process: int, number: int) -> None:
    """Any UUID reader finds version 8, the RFC's variant, the run's start in the first 44 bits, and the usual form."""
    reference = RunKey.new(at_ms, entropy).reference(process, number)
    found = uuid.UUID(reference)
    assert (found.version, found.variant) == (8, uuid.RFC_4122)
    assert str(found) == reference
    assert found.int >> 84 == at_ms


@given(moments_ms, entropies, processes, numbers)
def test_process_and_number_can_be_read_from_it(at_ms: int, entropy: int, process: int, number: int) -> None:
    """The last 64 bits, as a table's row gives them, tell process and line, whatever the variant's bits are."""
    value = uuid.UUID(RunKey.new(at_ms, entropy).reference(process, number)).int
    assert process_and_number(value & (1 << 64) - 1) == (process, number)
    assert process_and_number(value & (1 << 62) - 1) == (process, number)


@given(st.tuples(moments_ms, entropies), st.tuples(processes, numbers), st.tuples(processes, numbers))
def test_references_are_ordered_as_lines_are(run: tuple[int, int], a: tuple[int, int], b: tuple[int, int]) -> None:
    """Within a run text, and so the index, is ordered by process, then number; all lie between first and last."""
    key = RunKey.new(*run)
    assert (key.reference(*a) < key.reference(*b)) == (a < b)
    assert (key.reference(*a) == key.reference(*b)) == (a == b)
    assert key.first <= key.reference(*a) <= key.last


@given(st.tuples(moments_ms, entropies), st.tuples(moments_ms, entropies), processes, numbers)
def test_two_runs_share_no_reference(a: tuple[int, int], b: tuple[int, int], process: int, number: int) -> None:
    """Runs that differ in the millisecond or in 16 random bits have ranges that do not touch, the earlier first."""
    assume(a != b)
    one, two = RunKey.new(*min(a, b)), RunKey.new(*max(a, b))
    assert one.last < two.first
    assert not one.first <= two.reference(process, number) <= one.last


@given(moments_ms, entropies, processes, numbers)
def test_the_quick_maker_agrees(at_ms: int, entropy: int, process: int, number: int) -> None:
    """References made by prefix are the same, to the last line."""
    key = RunKey.new(at_ms, entropy)
    assert key.prefix(process).reference(number) == key.reference(process, number)


@given(moments_ms, entropies)
def test_a_key_survives_its_text(at_ms: int, entropy: int) -> None:
    """15 hexadecimal digits, and back."""
    key = RunKey.new(at_ms, entropy)
    assert len(key.hex) == 15
    assert RunKey.from_hex(key.hex) == key


def test_the_layout_is_the_documented_one() -> None:
    """One reference, bit by bit, so that the layout cannot drift."""
    reference = RunKey.new(0x19ABCDEF012, 0xABCD).reference(0x1234, 5)
    assert reference == "19abcdef-012a-8bcd-848d-000000000005"


@pytest.mark.parametrize("more", [1 << 44, 5 << 44])
def test_what_does_not_fit_is_cut_off(more: int) -> None:
    """A clock beyond the year 2527, or more entropy than 16 bits, never reaches other fields."""
    assert RunKey.new(7 + more, 3 + (more << 16)) == RunKey.new(7, 3)


def test_a_basket_keeps_to_its_numbers() -> None:
    """A process has room for 2^46 lines: a basket of three a microsecond for two years."""
    assert LINES_MAX * 1e6 * 86400 * 2 * 365 / 10 < 2**NUMBER_BITS
