"""`make size`: what it counts, and when it fails."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "size.py"


@pytest.fixture(scope="module")
def size() -> Any:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("size_script", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "size_script", module)
        spec.loader.exec_module(module)
    return module


SOURCE = '''"""A file."""


def long(x):
    """Documented."""

    def inner():
        return 1

    return x


class Thing:
    def method(self): ...

    @property
    def shown(self):
        """Documented."""
        return 1

    def _hidden(self): ...


class _Private:
    def method(self): ...
'''


def test_it_measures_a_file(size: Any, tmp_path: Path) -> None:
    """Functions are found wherever they stand, from `def` to their end; private and inner ones need no docstring."""
    path = tmp_path / "lakestorm" / "model" / "thing.py"
    path.parent.mkdir(parents=True)
    path.write_text(SOURCE)
    file = size.read(path, tmp_path)
    assert (file.lines, file.folder) == (25, "lakestorm/model")
    assert [(f.name, f.lines, f.is_public, f.is_documented) for f in file.functions] == [
        ("4 long", 7, True, True),
        ("7 inner", 2, False, False),
        ("14 method", 1, True, False),
        ("17 shown", 3, True, True),
        ("21 _hidden", 1, False, False),
        ("25 method", 1, False, False),
    ]
    assert size.row("x", [file]).split()[-2:] == ["67", "%"]


@pytest.mark.parametrize(
    ("values", "found"), [([], (0, 0)), ([5], (5, 5)), ([4, 1, 2, 3], (2, 4)), (list(range(1, 101)), (50, 90))]
)
def test_percentiles(size: Any, values: list[int], found: tuple[int, int]) -> None:
    """Median and p90 are values that occur."""
    assert (size.percentile(values, 0.5), size.percentile(values, 0.9)) == found


def planted(root: Path, folder: str, lengths: list[int]) -> None:
    """A file with functions of these lengths."""
    (root / folder).mkdir()
    bodies = [f"def f{i}():\n" + "    x = 1\n" * (lines - 1) for i, lines in enumerate(lengths)]
    (root / folder / "planted.py").write_text("".join(bodies))


@pytest.mark.parametrize(
    ("lengths", "code", "words"),
    [
        ([10] * 10, 0, ""),
        ([10] * 9 + [200], 0, ""),
        ([11] * 10, 1, "50% of all functions have up to 11 lines; at most 10"),
        ([5] * 8 + [31] * 2, 1, "90% of all functions have up to 31 lines; at most 30"),
    ],
)
def test_long_functions_fail(
    size: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], lengths: list[int], code: int, words: str
) -> None:
    """A median above 10 lines, or a p90 above 30, ends it with 1 and says which."""
    planted(tmp_path, "seed", lengths)
    assert size.main(tmp_path) == code
    said = capsys.readouterr()
    assert words in said.err
    assert bool(said.err) is bool(code)
    assert ("f9 has 200 lines; is it two functions?" in said.out) is (200 in lengths)


def test_tests_are_shown_and_not_judged(size: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Long tests and long files are named; only code is held to the rule."""
    planted(tmp_path, "seed", [5])
    planted(tmp_path, "tests", [400])
    assert size.main(tmp_path) == 0
    out = capsys.readouterr().out
    assert "tests/planted.py: 400 lines; is it two files?" in out
    assert "all tests" in out
