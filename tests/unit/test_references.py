"""orders.bin: every acknowledged line is one bit, and survives whatever happens to the process."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.errors import ResultsError
from lakestorm.record.references import BOUGHT, CANCELLED, HEADER_BYTES, STEP_BYTES, AcknowledgedFile, AcknowledgedLines

RUN = "123456789abcdef"
ROOT = Path(__file__).parents[2]
numbers = st.sets(st.integers(0, 5000), max_size=50)


@given(bought=numbers, cancelled=numbers, more=st.integers(0, 100))
def test_every_bit_reads_back(
    tmp_path_factory: pytest.TempPathFactory, bought: set[int], cancelled: set[int], more: int
) -> None:
    """Lines set in any order read back, those and no others, and the file is 2 bits a line behind its header."""
    path = tmp_path_factory.mktemp("bits") / "orders.bin"
    lines = max([*bought, *cancelled, -1]) + 1 + more
    file = AcknowledgedLines(path, RUN, 7)
    for number in random.Random(1).sample(sorted(bought), len(bought)):
        file.bought(number)
    for number in cancelled:
        file.cancelled(number)
        file.cancelled(number)
    file.close(lines)
    found = AcknowledgedFile.read(path)
    assert (found.run_hex, found.process) == (RUN, 7)
    assert set(np.flatnonzero(found.flags(BOUGHT)).tolist()) == bought
    assert set(np.flatnonzero(found.flags(CANCELLED)).tolist()) == cancelled
    assert path.stat().st_size == HEADER_BYTES + -(-2 * lines // 8)
    assert lines <= len(found.flags(BOUGHT)) < lines + 4


@given(earlier=numbers, batches=st.lists(numbers.filter(bool), max_size=4))
def test_many_at_once_are_each_of_them(
    tmp_path_factory: pytest.TempPathFactory, earlier: set[int], batches: list[set[int]]
) -> None:
    """Lines set together, in any order, are those set one by one; others stay as they were."""
    file = AcknowledgedLines(tmp_path_factory.mktemp("bits") / "logins.bin", RUN, 0)
    for number in earlier:
        file.bought(number)
        file.cancelled(number)
    for batch in batches:
        file.bought_all(np.array(random.Random(2).sample(sorted(batch), len(batch))))
    file.close(5001)
    found = AcknowledgedFile.read(Path(file._file.name))
    assert set(np.flatnonzero(found.flags(BOUGHT)).tolist()) == earlier.union(*batches)
    assert set(np.flatnonzero(found.flags(CANCELLED)).tolist()) == earlier


def test_many_at_once_far_apart(tmp_path: Path) -> None:
    """The file grows to where the farthest of them is."""
    file = AcknowledgedLines(tmp_path / "logins.bin", RUN, 0)
    file.bought_all(np.array([30_000_000, 3, 12_345_678]))
    file.close(30_000_001)
    found = AcknowledgedFile.read(tmp_path / "logins.bin")
    assert np.flatnonzero(found.flags(BOUGHT)).tolist() == [3, 12_345_678, 30_000_000]


def test_ten_million_lines_take_little(tmp_path: Path) -> None:
    """Ten million lines are 2 bits each on disk and nothing in Python's memory; far-apart ones grow the file."""
    count = 10_000_000
    some = [*range(0, count, 9973), count - 1]
    tracemalloc.start()
    file = AcknowledgedLines(tmp_path / "orders.bin", RUN, 0)
    for number in some:
        file.bought(number)
    grown = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "orders.bin").stat().st_size <= HEADER_BYTES + 2 * count / 8 + STEP_BYTES + 1
    file.close(count)
    assert grown <= 2 * count / 8, "much less than 2 bytes an order"
    assert (tmp_path / "orders.bin").stat().st_size == HEADER_BYTES + 2 * count // 8
    assert np.flatnonzero(AcknowledgedFile.read(tmp_path / "orders.bin").flags(BOUGHT)).tolist() == some


WRITER = """
import sys, pathlib, time
from lakestorm.record.references import AcknowledgedLines
file = AcknowledgedLines(pathlib.Path(sys.argv[1]), "123456789abcdef", 3)
for number in range(0, 5_000_000, 9973):
    file.bought(number)
    if number % 2:
        file.cancelled(number)
print("written", flush=True)
time.sleep(60)
"""


def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    """Every bit that was set before a SIGKILL is in the file, though nobody closed it."""
    path = tmp_path / "orders.bin"
    line = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"written\n"
        writer.send_signal(signal.SIGKILL)
    found = AcknowledgedFile.read(path)
    assert (found.run_hex, found.process) == (RUN, 3)
    assert np.flatnonzero(found.flags(BOUGHT)).tolist() == list(range(0, 5_000_000, 9973))
    assert np.flatnonzero(found.flags(CANCELLED)).tolist() == list(range(9973, 5_000_000, 2 * 9973))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff" * 500,
        b"lakestorm-orders 2 abc 0".ljust(HEADER_BYTES, b"\n"),
        b"lakestorm-orders 1".ljust(HEADER_BYTES, b"\n"),
        b"lakestorm-orders 1 123456789abcdef x".ljust(HEADER_BYTES, b"\n"),
        b"lakestorm-orders 1 123456789abcdef 0",
        "läden".encode(),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """Another file, another version, or one cut short is refused in a sentence that names it."""
    path = tmp_path / "orders.bin"
    path.write_bytes(content)
    with pytest.raises(ResultsError, match=r"orders\.bin is not a list of acknowledged orders"):
        AcknowledgedFile.read(path)


def test_a_run_without_orders_reads_back(tmp_path: Path) -> None:
    """No line numbered is no line in the file."""
    AcknowledgedLines(tmp_path / "orders.bin", RUN, 0).close(0)
    assert not len(AcknowledgedFile.read(tmp_path / "orders.bin").flags(BOUGHT))
