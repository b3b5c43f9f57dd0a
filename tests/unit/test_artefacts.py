"""What the Java services are made of: the lock file, the names in it, and what is told while it is fetched."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from lakestorm.sandbox import services
from lakestorm.sandbox.artefacts import LOCK_FILE, Artefact, contents_sha256, locked
from lakestorm.sandbox.box import known
from lakestorm.sandbox.download_progress import PlainLines
from lakestorm.sandbox.java_service import JavaService

SCRIPT = Path(__file__).parents[2] / "scripts" / "lock_artefacts.py"


def java_services() -> dict[str, type[JavaService]]:
    """The services in Java, by name."""
    found = {name: importlib.import_module(f"{services.__name__}.{name}").SERVICE for name in known()}
    return {name: service for name, service in found.items() if issubclass(service, JavaService)}


@pytest.fixture(scope="module")
def script() -> Any:
    """The script that makes the lock file, as a module."""
    spec = importlib.util.spec_from_file_location("lock_script", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "lock_script", module)
        spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("coordinate", "file", "kept"),
    [
        ("a.b:c:jar:1", "a/b/c/1/c-1.jar", "a/b/c/1/c-1.jar"),
        ("a:c_2.13:jar:1.0-x", "a/c_2.13/1.0-x/c_2.13-1.0-x.jar", "a/c_2.13/1.0-x/c_2.13-1.0-x.jar"),
        ("a.b:c:jar:linux:1.2", "a/b/c/1.2/c-1.2-linux.jar", "a/b/c/1.2/c-1.2-linux.jar"),
        ("a.b:c:tar.gz:all:1.2", "a/b/c/1.2/c-1.2-all.tar.gz", "a/b/c/1.2/c-1.2-all"),
    ],
)
def test_places(coordinate: str, file: str, kept: str) -> None:
    """A coordinate says where its file is in a repository, and where the cache keeps it."""
    artefact = Artefact(coordinate, 0, "")
    assert (artefact.file.as_posix(), artefact.kept.as_posix()) == (file, kept)


@pytest.mark.parametrize("name", java_services())
def test_the_lock_file_has_all_that_a_service_wants(name: str) -> None:
    """Every wanted file is locked in its very version, with a sum; no artifact stands there twice."""
    rows = locked(name)
    assert set(java_services()[name].wanted) <= {row.coordinate for row in rows}
    assert all(re.fullmatch("[0-9a-f]{64}", row.sha256) and row.bytes > 0 for row in rows)
    assert all(bool(re.fullmatch("[0-9a-f]{64}", row.contents_sha256)) == row.is_unpacked for row in rows)
    assert len({(row.group, row.name, row.classifier) for row in rows}) == len(rows)


def test_the_lock_file_has_no_address() -> None:
    """Names and sums only: where files come from is for each machine to say."""
    assert "://" not in LOCK_FILE.read_text(encoding="utf-8")


def test_contents_have_one_sum(tmp_path: Path) -> None:
    """The sum of a folder changes with a file's content, name and number, not with the order they were made in."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, names in ((first, ("a", "b/c")), (second, ("b/c", "a"))):
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(name)
    same = contents_sha256(first)
    assert contents_sha256(second) == same
    (second / "a").rename(second / "z")
    renamed = contents_sha256(second)
    (second / "z").write_text("other")
    changed = contents_sha256(second)
    (second / "z").unlink()
    assert len({same, renamed, changed, contents_sha256(second)}) == 4


def test_maven_is_understood(script: Any) -> None:
    """Of Maven's listing the coordinates remain, sorted, whatever stands after their scope."""
    listing = """
The following files have been resolved:
   org.b:two:jar:2.0:runtime -- module two (auto)
   org.a:one:jar:linux-x86_64:1.0:compile
   org.c:three:jar:3.0:test

"""
    assert script.coordinates_in(listing) == ["org.a:one:jar:linux-x86_64:1.0", "org.b:two:jar:2.0"]


def test_a_row_reads_as_it_was_written(script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the script writes is what the sandbox reads."""
    rows = (Artefact("a:b:jar:1", 5, "0" * 64), Artefact("a:c:tar.gz:all:1", 7, "1" * 64, "2" * 64))
    lock = tmp_path / "lock.toml"
    lock.write_text("thing = [\n" + "".join(map(script.row, rows)) + "]\n")
    monkeypatch.setattr("lakestorm.sandbox.artefacts.LOCK_FILE", lock)
    assert locked("thing") == rows


def test_plain_lines() -> None:
    """A line at the start, one each five seconds at most, one at the end; with rate and time left."""
    lines: list[str] = []
    clock = iter([0.0, 1.0, 5.0, 6.0, 10.0, 20.0])
    plain = PlainLines("kafka", 40_000_000, lines.append, clock=lambda: next(clock))
    for _ in range(4):
        plain.advance(10_000_000)
    plain.close()
    assert lines == [
        "Downloading kafka: 40 MB, once …",
        "kafka: 20 of 40 MB, 4.0 MB/s, 5 s left",
        "kafka: 40 of 40 MB, 4.0 MB/s, 0 s left",
        "kafka: 40 of 40 MB in 20 s",
    ]
