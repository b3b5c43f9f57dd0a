"""How locked files come into the cache: from a real repository on loopback, with what networks and people do to it."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import http.server
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from lakestorm.errors import SandboxError
from lakestorm.sandbox import artefacts, downloads
from tests.integration.locust_process import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

JARS = ("test.one:first:jar:1.0", "test.one:second:jar:1.0-beta", "test.two:third:jar:all:2")
ARCHIVE = "test.two:bundle:tar.gz:all:3"
NOBODY = "http://127.0.0.1:9"
"""A proxy that does not exist: whoever asks anything but loopback fails at once."""
READY = """
import sys
from pathlib import Path
from lakestorm.errors import exit_on_error
from lakestorm.sandbox import artefacts, downloads
artefacts.LOCK_FILE = Path(sys.argv[1])
sys.exit(exit_on_error(lambda: print(len(downloads.ready("thing"))) or 0))
"""


@pytest.fixture(autouse=True)
def sockets_are_let_go_of() -> Iterator[None]:
    """What jgo leaves open where a download breaks is collected here, not in whichever test happens to run by then."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


class Repository:
    """A Maven repository on loopback, its lock file, and a cache of its own.

    Attributes:
        asked: how often each file was asked for.
        piece_bytes: how much is sent at once.
        pause_s: how long it rests after each piece.
        cut: files that break off in the middle, and how many times they still do.
    """

    def __init__(self, folder: Path) -> None:
        self.files, self.lock_file, self.cache = folder / "files", folder / "lock.toml", folder / "cache"
        self.asked: Counter[str] = Counter()
        self.piece_bytes, self.pause_s = 150_000, 0.0
        self.cut: Counter[str] = Counter()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.settings = folder / "jgo.conf"
        self.settings.write_text(f"[repositories]\nmirror = http://127.0.0.1:{self.server.server_port}\n")

    @property
    def env(self) -> dict[str, str]:
        """The environment in which this repository and cache are used, and no other can be reached."""
        return {
            "JGO_CONFIG_FILE": str(self.settings),
            "XDG_CACHE_HOME": str(self.cache),
            "HTTPS_PROXY": NOBODY,
            "NO_PROXY": "127.0.0.1",
            "NO_COLOR": "1",
        }

    @property
    def kept(self) -> Path:
        """Where whole files are kept."""
        return self.cache / "lakestorm" / "artefacts"

    def publish(self) -> None:
        """Make the files and lock them."""
        rows = [self._jar(coordinate) for coordinate in JARS] + [self._archive()]
        self.lock_file.write_text("thing = [\n" + "".join(f"  {{ {row} }},\n" for row in rows) + "]\n")

    def path(self, coordinate: str) -> Path:
        """The published file."""
        return self.files / artefacts.Artefact(coordinate, 0, "").file

    def start_ready(self) -> subprocess.Popen[str]:
        """A process that makes the cache ready."""
        env = {**os.environ, **self.env, "PYTHONPATH": str(ROOT)}
        line = [sys.executable, "-c", READY, str(self.lock_file)]
        return subprocess.Popen(line, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def _jar(self, coordinate: str) -> str:
        file = self.path(coordinate)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(hashlib.shake_256(coordinate.encode()).digest(300_000))
        return self._row(coordinate, file)

    def _archive(self) -> str:
        file = self.path(ARCHIVE)
        file.parent.mkdir(parents=True, exist_ok=True)
        inner = file.parent / "inner"
        (inner / "lib").mkdir(parents=True)
        (inner / "run.jar").write_text("run")
        (inner / "lib" / "a.jar").write_bytes(bytes(100_000))
        contents = artefacts.contents_sha256(inner)
        with tarfile.open(file, "w:gz") as tar:
            for path in sorted(inner.iterdir()):
                tar.add(path, path.name)
        shutil.rmtree(inner)
        return self._row(ARCHIVE, file) + f', contents_sha256 = "{contents}"'

    def _row(self, coordinate: str, file: Path) -> str:
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        return f'coordinate = "{coordinate}", bytes = {file.stat().st_size}, sha256 = "{sha256}"'

    def _handler(repository) -> type[http.server.BaseHTTPRequestHandler]:  # noqa: N805 - the inner class has a self of its own
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                file = repository.files / self.path.lstrip("/")
                if not file.exists():
                    return self.send_error(404)
                repository.asked[file.name] += 1
                content = file.read_bytes()
                step = repository.piece_bytes
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                with contextlib.suppress(ConnectionError):
                    for begin in range(0, len(content), step):
                        if begin and repository.cut[file.name] > 0:
                            repository.cut[file.name] -= 1
                            break
                        self.wfile.write(content[begin : begin + step])
                        time.sleep(repository.pause_s)
                return None

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the base class has it
                pass

        return Handler


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """A repository that this process and its children use."""
    made = Repository(tmp_path)
    made.publish()
    for name, value in made.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(artefacts, "LOCK_FILE", made.lock_file)
    yield made
    made.server.shutdown()
    made.server.server_close()


def whole(repository: Repository) -> bool:
    """Whether the cache has everything, and nothing half-made beside it."""
    locked = artefacts.locked("thing")
    return all(a.is_whole(repository.kept) for a in locked) and not (repository.kept / downloads.HALF).exists()


def test_files_are_fetched_once(repository: Repository, capfd: pytest.CaptureFixture[str]) -> None:
    """The first time everything is downloaded and told, an archive unpacked; the second time nothing is asked."""
    first = downloads.ready("thing")
    assert [path.name for path in first] == ["first-1.0.jar", "second-1.0-beta.jar", "third-2-all.jar", "bundle-3-all"]
    assert (first[3] / "lib" / "a.jar").read_bytes() == bytes(100_000)
    assert whole(repository)
    told = capfd.readouterr()
    assert told.err.startswith("Downloading thing: 1 MB, once …\n")
    assert told.out == ""
    assert sum(repository.asked.values()) == 4
    repository.server.shutdown()
    assert downloads.ready("thing") == first
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("damage", ["changed", "short", "gone", "archive changed", "archive lacks", "archive has more"])
def test_damage_is_found_and_mended(repository: Repository, damage: str) -> None:
    """A file that is no longer what was locked is fetched again, and only that file."""
    jar, *_, bundle = downloads.ready("thing")
    repository.asked.clear()
    content = bytearray(jar.read_bytes())
    content[1000] ^= 1
    damages: dict[str, Callable[[], object]] = {
        "changed": lambda: jar.write_bytes(content),
        "short": lambda: jar.write_bytes(content[:-1]),
        "gone": jar.unlink,
        "archive changed": lambda: (bundle / "run.jar").write_text("ruin"),
        "archive lacks": (bundle / "lib" / "a.jar").unlink,
        "archive has more": lambda: (bundle / "lib" / "b.jar").write_text(""),
    }
    damages[damage]()
    downloads.ready("thing")
    assert whole(repository)
    assert list(repository.asked) == ["bundle-3-all.tar.gz" if damage.startswith("archive") else "first-1.0.jar"]


def test_another_file_than_the_locked_one_is_refused(repository: Repository) -> None:
    """A repository that has other bytes under the name is told with both sums; the file does not reach the cache."""
    file = repository.path(JARS[1])
    wanted = hashlib.sha256(file.read_bytes()).hexdigest()
    file.write_bytes(b"something else")
    found = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(SandboxError, match=rf"test\.one:second:jar:1\.0-beta came with SHA-256 {found}, but {wanted}"):
        downloads.ready("thing")
    assert not list(repository.kept.rglob("second-1.0-beta.jar"))
    assert not (repository.kept / downloads.HALF).exists()


def ready(repository: Repository) -> tuple[int, str]:
    """Exit code and standard error of a process that makes the cache ready; jgo leaves broken connections open."""
    with repository.start_ready() as process:
        _, errors = process.communicate(timeout=60)
    return process.returncode, errors


def test_a_connection_that_breaks_is_tried_again(repository: Repository) -> None:
    """An answer that breaks off twice is asked for three times and then whole."""
    repository.cut["first-1.0.jar"] = 2
    assert ready(repository)[0] == 0
    assert whole(repository)
    assert repository.asked["first-1.0.jar"] == 3


def test_a_connection_that_breaks_always_is_told(repository: Repository) -> None:
    """After three tries it says which file could not be had and why; the next time works."""
    repository.cut["first-1.0.jar"] = 100
    code, errors = ready(repository)
    assert code == 1
    assert "test.one:first:jar:1.0 cannot be downloaded: the answer broke off" in errors
    assert "Traceback" not in errors
    assert repository.asked["first-1.0.jar"] == 3
    repository.cut.clear()
    assert ready(repository)[0] == 0
    assert whole(repository)


def test_without_a_network_it_says_what_is_needed(repository: Repository) -> None:
    """Nothing reachable: one sentence that names the file, the reason, and what to do."""
    repository.settings.write_text("")
    with pytest.raises(SandboxError, match=r"the proxy does not answer\. The sandbox needs the network the first time"):
        downloads.ready("thing")


def test_an_interrupted_download_leaves_nothing_half_made(repository: Repository) -> None:
    """Ctrl-C in the middle ends with 130, long before all has come; the next time fetches what was missing."""
    repository.piece_bytes, repository.pause_s = 2_000, 0.2
    with repository.start_ready() as process:
        until_s = time.monotonic() + 20
        while not repository.asked and time.monotonic() < until_s:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        told_s = time.monotonic()
        _, errors = process.communicate(timeout=60)
    assert time.monotonic() - told_s < 10
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "Interrupted."
    assert "Traceback" not in errors
    assert not (repository.kept / downloads.HALF).exists()
    repository.pause_s = 0.0
    downloads.ready("thing")
    assert whole(repository)


def test_a_killed_download_is_no_obstacle(repository: Repository) -> None:
    """What a killed process left half-written is swept away by the next."""
    repository.pause_s = 30.0
    with repository.start_ready() as process:
        until_s = time.monotonic() + 20
        while not list(repository.kept.glob("half/**/*.jar")) and time.monotonic() < until_s:
            time.sleep(0.02)
        process.kill()
    assert list(repository.kept.glob("half/**/*.jar"))
    repository.pause_s = 0.0
    downloads.ready("thing")
    assert whole(repository)


def test_two_at_once_download_once(repository: Repository) -> None:
    """The second waits for the first, says so, and uses what it brought."""
    repository.pause_s = 0.5
    both = [repository.start_ready() for _ in range(2)]
    said = [process.communicate(timeout=60) for process in both]
    assert [out for out, _ in said] == ["4\n", "4\n"]
    assert sum("Another process is downloading" in err for _, err in said) == 1
    assert set(repository.asked.values()) == {1}
    assert len(repository.asked) == 4


def test_a_cache_that_cannot_be_written_is_told(repository: Repository) -> None:
    """A file where the cache's folder should be is an error of the system, with the file's name."""
    repository.cache.write_text("")
    with pytest.raises(OSError, match=str(repository.cache)):
        downloads.ready("thing")
