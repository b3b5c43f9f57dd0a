"""Imports go down only, pure code is pure, and importing a module has no effect."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.import_rules import BASE, MAY_IMPORT, PURE, breaches, place_of, sources

ROOT = Path(__file__).parents[2]
SOURCES = sources(ROOT)


@pytest.mark.parametrize("path", SOURCES)
def test_a_file_keeps_the_rules(path: str) -> None:
    """Each file imports only what stands below it, and Locust, the environment and the clock only where they belong."""
    assert breaches(path, SOURCES[path]) == []


def test_the_files_are_there() -> None:
    """The rules are asked of all that exists, the package's own folders first of all."""
    places = {place_of(path) for path in SOURCES}
    assert places >= {
        "",
        "model",
        "record",
        "verdict",
        "clients",
        "load",
        "report",
        "sandbox",
        "settings",
        "cli",
        "seed",
    }
    assert len(SOURCES) > 50


PLANTED = [
    ("lakestorm/model/x.py", "from lakestorm.record import timeline", "model may not import record"),
    ("lakestorm/model/x.py", "import lakestorm.verdict.ledger", "model may not import verdict"),
    ("lakestorm/model/x.py", "from lakestorm import record", "model may not import record"),
    ("lakestorm/model/x.py", "from ..record import timeline", "model may not import record"),
    ("lakestorm/record/x.py", "from lakestorm.clients.pool import Pool", "record may not import clients"),
    ("lakestorm/record/x.py", "def f():\n    from lakestorm.verdict import ledger", "record may not import verdict"),
    ("lakestorm/verdict/x.py", "from lakestorm.report import audit", "verdict may not import report"),
    (
        "lakestorm/verdict/x.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from lakestorm.clients.pool import Pool",
        "verdict may not import clients",
    ),
    ("lakestorm/clients/x.py", "from lakestorm.probes.lag import Lag", "clients may not import probes"),
    ("lakestorm/clients/x.py", "import locust", "clients may not import locust"),
    ("lakestorm/probes/x.py", "from lakestorm.load.session import install", "probes may not import load"),
    ("lakestorm/report/x.py", "from lakestorm.load import session", "report may not import load"),
    ("lakestorm/report/x.py", "import lakestorm.sandbox.box as b", "report may not import sandbox"),
    ("lakestorm/sandbox/x.py", "from lakestorm.report import audit", "sandbox may not import report"),
    ("lakestorm/load/x.py", "from lakestorm.sandbox.box import Sandbox", "load may not import sandbox"),
    ("lakestorm/load/x.py", "import lakestorm.cli", "load may not import cli"),
    ("lakestorm/load/x.py", "from seed import loading", "load may not import seed"),
    ("lakestorm/settings/everything.py", "from lakestorm.model import demand", "settings may not import model"),
    ("lakestorm/errors.py", "from lakestorm.settings import Settings", "errors may not import settings"),
    ("lakestorm/cli.py", "import seed.loading", "cli may not import seed"),
    ("lakestorm/cli.py", "import locust", "cli may not import locust"),
    ("lakestorm/cli.py", "import importlib\nimportlib.import_module('locust.env')", "cli may not import locust"),
    ("lakestorm/demo.py", "from lakestorm.cli import main", "demo may not import cli"),
    ("seed/x.py", "from locust import User", "seed may not import locust"),
    ("seed/x.py", "from sysload import stress", "seed may not import sysload"),
    ("sysload/x.py", "import locust.stats", "sysload may not import locust"),
    ("locustfiles/x.py", "from loadshapes.waves import Waves", "locustfiles may not import loadshapes"),
    ("lakestorm/tools/x.py", "", "lakestorm/tools/x.py is in no row of the table"),
    ("lakestorm/utils.py", "", "lakestorm/utils.py is in no row of the table"),
    ("lakestorm/load/x.py", "import os\nos.environ['A']", "only lakestorm/settings/environment.py reads"),
    ("seed/x.py", "import os as o\no.getenv('A')", "only lakestorm/settings/environment.py reads the environment"),
    ("seed/x.py", "from os import environ as e", "only lakestorm/settings/environment.py reads the environment"),
    *[
        (f"lakestorm/{place}/x.py", source, f"pure code may not {reason}")
        for place, source, reason in (
            ("model", "import time", "import time"),
            ("model", "from time import perf_counter", "import time"),
            ("record", "import os.path", "import os"),
            ("record", "import socket", "import socket"),
            ("record", "import threading", "import threading"),
            ("verdict", "import subprocess", "import subprocess"),
            ("verdict", "import psycopg2", "import psycopg2"),
            ("verdict", "import gevent", "import gevent"),
            ("model", "from pydantic import BaseModel", "import pydantic"),
            ("model", "def f():\n    import secrets", "import secrets"),
            ("model", "import random\nrandom.random()", "use random.random: a stream that all share"),
            ("model", "import random\nrandom.seed(1)", "use random.seed: a stream that all share"),
            ("model", "import random\nrandom.Random()", "use random.Random without a seed"),
            ("model", "from random import choice", "use random.choice"),
            ("model", "from random import Random\nRandom()", "use Random without a seed"),
            ("model", "import numpy as np\nnp.random.rand(3)", "use np.random.rand: a stream that all share"),
            ("model", "import numpy as np\nnp.random.default_rng()", "use np.random.default_rng without a seed"),
            ("model", "from numpy.random import rand", "use numpy.random.rand"),
            ("record", "import datetime as d\nd.datetime.now()", "use d.datetime.now: the clock"),
            ("record", "from datetime import date\ndate.today()", "use date.today: the clock"),
            ("model", "hash('a')", "use hash: it differs from process to process"),
        )
    ],
]


@pytest.mark.parametrize(("path", "source", "words"), PLANTED)
def test_a_planted_breach_is_found(path: str, source: str, words: str) -> None:
    """The check fails on each kind of breach, and says where and what."""
    found = breaches(path, source)
    assert any(words in sentence for sentence in found), found
    assert all(sentence.startswith(path) for sentence in found)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("lakestorm/model/x.py", "import random\nrng = random.Random(7)\nrng.random()"),
        ("lakestorm/model/x.py", "import numpy as np\nnp.random.default_rng(3).normal()"),
        (
            "lakestorm/model/x.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import random\n    import time",
        ),
        ("lakestorm/record/x.py", "from lakestorm.model import orders\nfrom lakestorm.errors import ResultsError"),
        ("lakestorm/record/x.py", "from datetime import datetime\ndatetime.fromtimestamp(0)"),
        ("lakestorm/record/x.py", "def seconds(clock):\n    return clock.now()"),
        ("lakestorm/verdict/x.py", "from lakestorm.record import manifest\nfrom . import ledger"),
        ("lakestorm/probes/x.py", "import time\nfrom lakestorm.clients import lookup"),
        ("lakestorm/load/x.py", "import locust\nfrom lakestorm.report.terminal import print_summary"),
        ("lakestorm/cli.py", "from lakestorm.demo import demo\nfrom lakestorm.sandbox import box"),
        ("locustfiles/x.py", "from locust import task\nfrom lakestorm.load.shoppers import PurchaseUser"),
        ("seed/x.py", "import time\nfrom seed import rows\nfrom lakestorm.clients.postgres import connect"),
        ("lakestorm/__init__.py", '"""The library."""'),
    ],
)
def test_what_is_allowed_passes(path: str, source: str) -> None:
    """The check is not so strict that good code fails."""
    assert breaches(path, source) == []


def test_the_table_has_no_loop() -> None:
    """Whoever may import another may not be imported by it, however far around."""

    def below(place: str, seen: tuple[str, ...] = ()) -> set[str]:
        assert place not in seen, f"a loop: {seen} {place}"
        return MAY_IMPORT[place] | {deep for next_ in MAY_IMPORT[place] for deep in below(next_, (*seen, place))}

    assert all(below(place) == MAY_IMPORT[place] for place in MAY_IMPORT)
    assert all(MAY_IMPORT[place] <= PURE | BASE for place in PURE)


WATCH = """
import atexit, importlib, json, os, pathlib, signal, sys, threading
import psutil

def state():
    handlers = {}
    if "locust" in sys.modules:
        from locust import events
        handlers = {name: len(hook._handlers) for name, hook in vars(events).items() if hasattr(hook, "_handlers")}
    return {
        "threads": [thread.name for thread in threading.enumerate()],
        "children": [child.pid for child in psutil.Process().children()],
        "sockets, pipes and files": psutil.Process().num_fds(),
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "files": sorted(str(path) for path in pathlib.Path().rglob("*")),
        "signals": [str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)],
        "listeners": handlers,
        "umask": os.umask(0o22),
    }

modules = json.loads(sys.argv[1])
for needed in json.loads(sys.argv[2]):
    importlib.import_module(needed)
effects, before = [], state()
for module in modules:
    importlib.import_module(module)
    after = state()
    effects += [f"{module}: {what} {before[what]} -> {after[what]}" for what in before if before[what] != after[what]]
    before = after
print(json.dumps({"effects": effects, "modules": sorted(sys.modules)}))
"""


def watched(modules: list[str], needed: list[str], folder: Path) -> tuple[list[str], list[str]]:
    """(what changed while each module was imported in a fresh process, all modules that were loaded in the end)."""
    line = [
        sys.executable,
        "-W",
        "error",
        "-W",
        "ignore::ResourceWarning",
        "-c",
        WATCH,
        json.dumps(modules),
        json.dumps(needed),
    ]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(line, env=env, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout.count("\n") == 1, "a module printed while it was imported"
    found = json.loads(done.stdout)
    return found["effects"], found["modules"]


def module_names(*, with_locust: bool) -> list[str]:
    """All modules of the library and the edges that are started as `python -m`, lowest rows first."""
    rows = list(MAY_IMPORT)
    paths = sorted(SOURCES, key=lambda path: (rows.index(place_of(path)) if place_of(path) else -1, path))
    names = [path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in paths]
    places = dict(zip(names, map(place_of, paths), strict=True))
    wanted = {"load"} if with_locust else set(rows) - {"load", "locustfiles", "loadshapes"} | {""}
    return [name for name in names if places[name] in wanted]


def test_importing_has_no_effect(tmp_path: Path) -> None:
    """No thread, process, socket, file, variable or signal handler comes from an import; Locust comes with none."""
    modules = module_names(with_locust=False)
    assert len(modules) > 40
    effects, loaded = watched(modules, [], tmp_path)
    assert effects == []
    assert "locust" not in loaded


def test_importing_what_needs_locust_adds_nothing_to_it(tmp_path: Path) -> None:
    """After `import locust`, which patches the standard library, modules of `load` add no listener and nothing else."""
    modules = module_names(with_locust=True)
    assert len(modules) > 8
    effects, _ = watched(modules, ["locust"], tmp_path)
    assert effects == []


EFFECTS = {
    "threads": "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()",
    "children": "import subprocess as s, sys\nkept = s.Popen([sys.executable, '-c', 'input()'], stdin=-1, stderr=-3)",
    "sockets, pipes and files": "import socket\nkept = socket.socket()",
    "environment": "import os\nos.environ['A'] = 'b'",
    "files": "open('new', 'w').close()",
    "signals": "import signal\nsignal.signal(signal.SIGTERM, print)",
    "umask": "import os\nos.umask(0o77)",
    "listeners": "import locust\nlocust.events.init.add_listener(print)",
    "folder": "import os\nos.mkdir('below')\nos.chdir('below')",
}


def test_planted_effects_are_found(tmp_path: Path) -> None:
    """The watch notices each kind of effect, and says of which module it is."""
    names = [f"planted_{number}" for number in range(len(EFFECTS))]
    for name, source in zip(names, EFFECTS.values(), strict=True):
        (tmp_path / f"{name}.py").write_text(source)
    wanted = {f"{name}: {what} " for name, what in zip(names, EFFECTS, strict=True)}
    effects, _ = watched(names, ["locust"], tmp_path)
    assert {start for start in wanted if not any(effect.startswith(start) for effect in effects)} == set()
