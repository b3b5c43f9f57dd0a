"""Rows between the second they are made and the object they end in: on disk, in order, bounded, none twice."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakestorm.errors import SettingsError
from sysload.segments import Segment, line_from_row, rows_from_bytes, safe_host
from sysload.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

AT = 1_770_091_445
HOUR_END = 1_770_094_799
"""2026-02-03T04:59:59Z."""

json_values = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
)
rows = st.fixed_dictionaries({"at": st.integers(0, 4 * 10**9)}, optional={"text": st.text(), "value": json_values})


class Box:
    """A folder whose spools begin and end; `spool` is the one of today."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.begun: list[Spool] = []

    def begin(self, *, max_bytes: int = 10**6, segment_s: float = 10) -> Spool:
        """A spool that has begun."""
        made = Spool(
            self.folder,
            hostname="box",
            max_bytes=max_bytes,
            segment_s=segment_s,
            say=self.said.append,
            clock=lambda: 0.0,
        )
        made.begin()
        self.begun.append(made)
        return made

    def end(self) -> None:
        """Let go of the folder, as the kernel does for a process that is killed."""
        for spool in self.begun:
            spool.end()


def drained(spool: Spool) -> list[tuple[str, list[int]]]:
    """(object name, its seconds) of all that waits, in the order in which it is exported."""
    found = []
    while (segment := spool.oldest()) is not None:
        found.append((segment.object_name("parquet"), [row["at"] for row in segment.read()]))
        spool.done(segment)
    return found


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """A folder for a spool."""
    made = Box(tmp_path / "spool")
    yield made
    made.end()


@given(st.lists(rows))
def test_lines_give_back_their_rows(made: list[dict[str, Any]]) -> None:
    """Whatever text and numbers a row holds, a file of lines holds it, and no line is damaged."""
    assert rows_from_bytes(b"".join(map(line_from_row, made))) == (made, 0)


@given(st.lists(rows, min_size=1), st.data())
def test_a_torn_tail_loses_only_the_line_it_tears(made: list[dict[str, Any]], data: st.DataObject) -> None:
    """Cut anywhere, a file gives every row whose line is whole, and none that never was."""
    lines = [line_from_row(row) for row in made]
    content = b"".join(lines)
    cut = data.draw(st.integers(0, len(content)))
    whole = sum(1 for i in range(len(lines)) if sum(map(len, lines[: i + 1])) <= cut)
    assert rows_from_bytes(content[:cut]) == (made[:whole], 0)


@given(st.lists(rows, min_size=1), st.data())
def test_a_damaged_byte_damages_one_line(made: list[dict[str, Any]], data: st.DataObject) -> None:
    """A byte that is another is noticed: at most its line and the next are lost, and no row comes out that was not."""
    content = bytearray(b"".join(line_from_row(row) for row in made))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    found, damaged = rows_from_bytes(bytes(content))
    assert all(row in made for row in found)
    assert len(found) >= len(made) - 2
    assert damaged >= (0 if place == len(content) - 1 else 1) - (len(found) < len(made))


@pytest.mark.parametrize(
    ("hostname", "safe"),
    [("box", "box"), ("ip-10-0-0-1", "ip-10-0-0-1"), ("a/b c", "a_b_c"), ("../x", ".._x"), ("ö", "_"), ("", "_")],
)
def test_a_hostname_makes_no_path(hostname: str, safe: str) -> None:
    """What a host is called cannot lead out of the folder."""
    assert safe_host(hostname) == safe


def test_names_tell_host_time_and_number(box: Box) -> None:
    """An object's name is its partition in UTC, the host, its first second and a number."""
    assert Segment.new(box.folder, "box", AT, 7).object_name("parquet") == (
        f"sysload/date=2026-02-03/hour=04/box-{AT}-000007.parquet"
    )


def test_a_segment_covers_its_seconds_and_no_more(box: Box) -> None:
    """Ten seconds make a segment, which is closed with its last row, not with the first of the next."""
    spool = box.begin()
    assert [spool.append({"at": AT + i}) for i in range(25)] == [i in (9, 19) for i in range(25)]
    spool.seal()
    assert drained(spool) == [
        (f"sysload/date=2026-02-03/hour=04/box-{AT + 10 * n}-{n:06}.parquet", [*range(AT + 10 * n, AT + 10 * n + size)])
        for n, size in enumerate((10, 10, 5))
    ]
    assert list(box.folder.glob("*.rows")) == []


def test_no_segment_reaches_into_another_hour(box: Box) -> None:
    """At the end of an hour a segment ends, however young it is."""
    spool = box.begin()
    for at in range(HOUR_END - 1, HOUR_END + 3):
        spool.append({"at": at})
    spool.seal()
    assert drained(spool) == [
        (f"sysload/date=2026-02-03/hour=04/box-{HOUR_END - 1}-000000.parquet", [HOUR_END - 1, HOUR_END]),
        (f"sysload/date=2026-02-03/hour=05/box-{HOUR_END + 1}-000001.parquet", [HOUR_END + 1, HOUR_END + 2]),
    ]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(AT, AT + 40), min_size=1, max_size=60), st.integers(1, 12), st.integers(0, 60))
def test_whatever_the_clock_does_no_second_is_lost_or_overwritten(ats: list[int], segment_s: int, stop: int) -> None:
    """Time that jumps, stands still or runs back, and a restart in the middle: every row comes out once, in order."""
    box = Box(Path(tempfile.mkdtemp()))
    try:
        spool = box.begin(segment_s=segment_s)
        found = []
        for count, at in enumerate(ats):
            if count == stop:
                found += drained(spool)
                box.end()
                spool = box.begin(segment_s=segment_s)
            spool.append({"at": at, "count": count})
        spool.seal()
        found += drained(spool)
        assert [at for _, seconds in found for at in seconds] == ats
        assert len({name for name, _ in found}) == len(found)
        assert all(seconds[0] == min(seconds) for _, seconds in found)
        assert all(seconds[-1] < seconds[0] + segment_s for _, seconds in found)
    finally:
        box.end()
        shutil.rmtree(box.folder)


def test_what_a_killed_process_left_comes_first_under_its_own_name(box: Box) -> None:
    """A file with a torn tail is taken over: its whole rows, its name, its place before all that is new."""
    first = box.begin()
    for i in range(12):
        first.append({"at": AT + i})
    first.end()  # as the kernel does for a process that is killed
    torn = box.folder / f"box-{AT + 10}-000001.rows"
    torn.write_bytes(torn.read_bytes()[:-3])
    (box.folder / f"box-{AT + 99}-000002.rows").write_bytes(b"0000")  # killed within its first row
    second = box.begin()
    second.append({"at": AT + 50})
    second.seal()
    assert second.waiting().damaged == 0
    assert [(name[-15:], seconds) for name, seconds in drained(second)] == [
        ("-000000.parquet", [*range(AT, AT + 10)]),
        ("-000001.parquet", [AT + 10]),
        ("-000002.parquet", [AT + 50]),
    ]


def test_numbers_go_on_though_nothing_was_left(box: Box) -> None:
    """After everything was exported a new process that begins in the same second takes another name."""
    names = []
    for _ in range(2):
        spool = box.begin()
        spool.append({"at": AT})
        spool.seal()
        names += [name for name, _ in drained(spool)]
        spool.end()
    assert len(set(names)) == 2


def test_two_processes_do_not_share_a_folder(box: Box) -> None:
    """The second one is told which setting to change."""
    box.begin()
    with pytest.raises(SettingsError, match=r'SYSLOAD_SPOOL_DIR is ".*": another sysload uses it'):
        box.begin()


def test_a_folder_that_cannot_be_is_told(box: Box) -> None:
    """A path that is a file is a wrong setting."""
    box.folder.write_text("")
    with pytest.raises(SettingsError, match=r"SYSLOAD_SPOOL_DIR .*A folder that can be written is wanted"):
        box.begin()


def test_only_past_the_bound_the_oldest_are_dropped(box: Box) -> None:
    """Up to the bound nothing is dropped; past it the oldest segments are, counted and box.said, and their files go."""
    line_bytes = len(line_from_row({"at": AT}))
    spool = box.begin(max_bytes=100 * line_bytes, segment_s=5)
    for i in range(100):
        spool.append({"at": AT + i})
    assert (spool.waiting().rows, spool.waiting().dropped, box.said) == (100, 0, [])
    for i in range(100, 103):
        spool.append({"at": AT + i})
    assert (spool.waiting().rows, spool.waiting().dropped) == (98, 5)
    assert box.said == ["SYSLOAD_SPOOL_MAX_MB is reached: the oldest rows are dropped, 5 so far."]
    spool.seal()
    assert [at for _, seconds in drained(spool) for at in seconds] == [*range(AT + 5, AT + 103)]


def test_a_segment_dropped_on_its_way_out_is_not_counted_when_it_arrives(box: Box) -> None:
    """What was given up while it was being sent, and then was stored, was not lost."""
    spool = box.begin(max_bytes=1_000, segment_s=2)
    spool.append({"at": AT})
    spool.append({"at": AT + 1})
    sending = spool.oldest()
    assert sending is not None
    for i in range(2, 90):
        spool.append({"at": AT + i})
    dropped = spool.waiting().dropped
    assert dropped > 2
    spool.done(sending)
    assert spool.waiting().dropped == dropped - 2


def test_many_rows_end_a_segment_before_its_time(box: Box) -> None:
    """However long an interval is, what is dropped at once is never more than an eighth of the bound and a row."""
    spool = box.begin(max_bytes=8_000, segment_s=86_400)
    line_bytes = len(line_from_row({"at": AT}))
    for i in range(600):
        spool.append({"at": AT + i})
    assert spool.waiting().dropped * line_bytes < 600 * line_bytes - 8_000 + 1_000 + 2 * line_bytes
    assert spool.waiting().bytes <= 8_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[bool], None]]:
    """Lets the disk be full or have room again; a real write takes a part of a row before it refuses."""
    real = os.write
    with pytest.MonkeyPatch.context() as patch:

        def full(descriptor: int, content: bytes) -> int:
            if len(content) > 5:
                return real(descriptor, content[:5])
            raise OSError(errno.ENOSPC, "No space left on device")

        yield lambda is_full: patch.setattr(os, "write", full if is_full else real)


def test_a_full_disk_is_said_once_and_costs_no_row(box: Box, small_disk: Callable[[bool], None]) -> None:
    """Rows wait in memory while the disk is full, can be exported from there, and go to the disk when it has room."""
    spool = box.begin(segment_s=5)
    spool.append({"at": AT})
    small_disk(True)
    for i in range(1, 8):
        spool.append({"at": AT + i})
    assert spool.waiting().failures >= 7
    assert spool.waiting().error == "No space left on device"
    assert len(box.said) == 1
    assert "Rows wait in memory" in box.said[0]
    first = spool.oldest()
    assert first is not None
    assert [row["at"] for row in first.read()] == [*range(AT, AT + 5)]
    assert rows_from_bytes(first.path.read_bytes()) == ([{"at": AT}], 0)  # no half of a row is left
    small_disk(False)
    spool.append({"at": AT + 8})
    assert (spool.waiting().error, len(box.said)) == ("", 2)
    assert len(rows_from_bytes(first.path.read_bytes())[0]) == 5
    spool.seal()
    assert [at for _, seconds in drained(spool) for at in seconds] == [*range(AT, AT + 9)]


def test_memory_is_bounded_too(box: Box, small_disk: Callable[[bool], None]) -> None:
    """With a disk that stays full the bound holds for what waits in memory."""
    spool = box.begin(max_bytes=2_000, segment_s=5)
    small_disk(True)
    for i in range(500):
        spool.append({"at": AT + i})
    waiting = spool.waiting()
    assert waiting.bytes <= 2_000
    assert waiting.rows + waiting.dropped == 500


def test_a_file_that_somebody_deletes_is_written_anew(box: Box) -> None:
    """A spool that is swept away in the middle of a segment costs none of its rows."""
    spool = box.begin()
    for i in range(3):
        spool.append({"at": AT + i})
    for path in box.folder.glob("*.rows"):
        path.unlink()
    spool.append({"at": AT + 3})
    spool.seal()
    assert [seconds for _, seconds in drained(spool)] == [[*range(AT, AT + 4)]]


def test_a_damaged_line_is_counted(box: Box) -> None:
    """A line whose sum does not fit is left out and counted; those around it are kept."""
    spool = box.begin()
    for i in range(3):
        spool.append({"at": AT + i})
    spool.end()
    (path,) = box.folder.glob("*.rows")
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b'"at"', b'"ta"')
    path.write_bytes(b"".join(lines))
    again = box.begin()
    assert again.waiting().damaged == 1
    assert [seconds for _, seconds in drained(again)] == [[AT, AT + 2]]
