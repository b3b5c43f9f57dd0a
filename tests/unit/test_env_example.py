"""`.env.example` is what the code says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lakestorm import settings
from lakestorm.settings.__main__ import main

if TYPE_CHECKING:
    import pytest

EXAMPLE = Path(__file__).parents[2] / ".env.example"


def test_the_file_equals_the_code() -> None:
    """`.env.example` is the text that `make env` writes."""
    assert EXAMPLE.read_text(encoding="utf-8") == settings.env_example(), "run `make env`"


def test_make_env_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m lakestorm.settings` prints the text and nothing else."""
    assert main() == 0
    assert capsys.readouterr().out == settings.env_example()


def test_every_setting_is_explained() -> None:
    """Above each NAME=default stands one comment: what it is for, what it takes, with its unit and bounds."""
    lines = settings.env_example().splitlines()
    names = [settings.env_name(group, name) for group, name, _ in settings.every_field()]
    assert [line.partition("=")[0] for line in lines if line and not line.startswith("#")] == names
    for number, line in enumerate(lines):
        if line and not line.startswith("#"):
            assert lines[number - 1].startswith("# ")
            assert " Takes " in lines[number - 1], line
