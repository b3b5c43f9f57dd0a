"""How a build's progress reads in a log: modules, then packages, and time that goes on while Go says nothing."""

from __future__ import annotations

import time

import pytest

from lakestorm.sandbox import build_progress
from lakestorm.sandbox.build_progress import Progress

LIMIT_S = 30


def test_modules_then_packages_in_plain_lines() -> None:
    """A line at most every five seconds says how far it is; the last says how long it took."""
    said: list[str] = []
    now = iter([0.0, 1.0, 6.0, 7.0, 12.0, 20.0])
    with Progress("thing", said.append, lambda: next(now)) as progress:
        progress.heard("go: downloading example.test/a v1.0.0")
        progress.heard("go: downloading example.test/b v1.0.0")
        progress.packages = 9
        progress.heard("example.test/a")
        progress.heard("example.test/b")
    assert said == [
        "Building thing from source, once; this takes minutes …",
        "thing: 2 modules downloaded, 6 s so far",
        "thing: 2 of 9 packages, 12 s so far",
        "thing: built in 20 s",
    ]


def test_silence_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """While one package takes long the line comes again with more time; after a failure nothing is said to be built."""
    monkeypatch.setattr(build_progress, "PLAIN_EVERY_S", 0.01)
    said: list[str] = []

    def interrupted_build() -> None:
        with Progress("thing", said.append):
            until_s = time.monotonic() + LIMIT_S
            while len(said) < 3 and time.monotonic() < until_s:
                time.sleep(0.01)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted_build()
    assert said[1].startswith("thing: 0 modules downloaded")
    assert len(said) >= 3
    assert "built" not in said[-1]
