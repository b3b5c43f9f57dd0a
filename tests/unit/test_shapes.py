"""Load shapes: the files of loadshapes/, what they tell Locust, recordings, and their pictures."""

from __future__ import annotations

import ast
import html.parser
import importlib.util
import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lakestorm.errors import SettingsError
from lakestorm.model.plan import Plan
from lakestorm.model.profiles import Line, Profile, Steps
from lakestorm.record.recordings import read_recording, recording_from_csv
from lakestorm.report.shapes import ShapePicture, drawing, html_text, json_text, terminal_text

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "loadshapes").glob("*.py"))
NAMES = [file.stem for file in FILES]
RUN_TIME_S, USERS = 12, 40

TICKS = """
import argparse, json, sys
import gevent
from locust import User, constant
from locust.env import Environment
from lakestorm.load.shape_files import load_shape, shape_files


class Idle(User):
    wait_time = constant(1)
    tasks = [lambda user: None]


def ticks(shape):
    options = argparse.Namespace(num_users=USERS, run_time=RUN_TIME_S, spawn_rate=None, headless=True)
    environment = Environment(user_classes=[Idle], shape_class=shape, parsed_options=options)
    runner = environment.create_local_runner()
    shape.reset_time()
    for second in range(RUN_TIME_S + 3):
        shape.get_run_time = lambda: second
        runner.shape_last_tick = order = shape.tick()
        if order is not None:
            runner.start(*order)
            gevent.sleep(0)
            runner.spawning_greenlet.join()
        yield order and [*order, runner.user_count, shape.users_at(second)]
    runner.quit()


found = {name: list(ticks(load_shape(file))) for name, file in shape_files().items()}
print(json.dumps(found))
"""


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_a_shape_file_is_small_and_loads_as_itself(file: Path) -> None:
    """One class in at most 30 lines, on an abstract base, in a file whose name no importable module has."""
    text = file.read_text()
    tree = ast.parse(text)
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    assert len(text.splitlines()) <= 30
    assert len(classes) == 1
    assert [ast.unparse(base) for base in classes[0].bases] in (["ProfileShape"], ["RecordedShape"])
    assert (ast.get_docstring(tree) or "").endswith(("?", "."))
    assert importlib.util.find_spec(file.stem) is None


def test_names_of_shape_classes_are_unique() -> None:
    """The nine shapes are there, and Locust's page can tell their classes apart."""
    classes = [n.name for file in FILES for n in ast.parse(file.read_text()).body if isinstance(n, ast.ClassDef)]
    assert len(set(classes)) == len(classes)
    assert " ".join(NAMES) == "black_friday flash_sale_spike ramp replay soak spike steady steps waves"


@pytest.fixture(scope="module")
def ticks() -> dict[str, list[Any]]:
    """What each shape told Locust each second, and what Locust's own dispatcher made of it; in a process of its own."""
    script = f"USERS, RUN_TIME_S = {USERS}, {RUN_TIME_S}\n{TICKS}"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=ROOT)
    assert answer.returncode == 0, answer.stderr
    found: dict[str, list[Any]] = json.loads(answer.stdout)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_tick_is_reached_at_once_and_the_last_one_ends_the_run(ticks: dict[str, list[Any]], name: str) -> None:
    """Each tick's users are there before the next, by a spawn rate not below the change; from T on there is none."""
    orders = ticks[name][:RUN_TIME_S]
    assert ticks[name][RUN_TIME_S:] == [None] * 3
    assert all(users == reached == planned <= USERS for users, _, reached, planned in orders)
    for (before, *_), (users, rate, *_) in itertools.pairwise([[0], *orders]):
        assert rate >= max(1, abs(users - before))
    assert max(users for users, *_ in orders) > USERS / 2


@pytest.mark.parametrize("name", ["steady", "spike"])
def test_the_same_users_are_the_same_tick(ticks: dict[str, list[Any]], name: str) -> None:
    """While users stay, so does the tick, so that Locust has nothing to do."""
    for (users, rate, *_), (users_next, rate_next, *_) in itertools.pairwise(ticks[name][:RUN_TIME_S]):
        assert users != users_next or rate == rate_next


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([], ['line 1: ""; the header second,users is wanted']),
        (["time,count", "0,1"], ['line 1: "time,count"; the header second,users is wanted']),
        (["second,users"], ["at least two rows are wanted"]),
        (["second,users", "0,5"], ["at least two rows are wanted"]),
        (["second,users", "0,0", "9,0"], ["more than 0 users"]),
        (["second,users", "0,abc", "1,2"], ['line 2: "0,abc"; two numbers are wanted']),
        (["second,users", "0,1,2", "1"], ['line 2: "0,1,2"; two numbers', 'line 3: "1"; two numbers']),
        (["second,users", "0,1", "", "5,-3", "9,nan"], ["line 4: users are -3", "line 5: users are nan"]),
        (
            ["second,users", "5,1", "5,2", "4,1", "inf,1"],
            ["line 3: second is 5", "line 4: second is 4", "line 5: second"],
        ),
    ],
)
def test_recordings_that_cannot_be_replayed(lines: list[str], told: list[str]) -> None:
    """Each mistake is told with file, line and what is wanted."""
    with pytest.raises(SettingsError) as caught:
        recording_from_csv(lines, "shop.csv")
    assert len(caught.value.problems) == len(told)
    for problem, sentence in zip(caught.value.problems, told, strict=True):
        assert problem.startswith("shop.csv, ")
        assert sentence in problem


def test_a_file_of_another_kind_is_told_briefly() -> None:
    """A thousand wrong lines make ten sentences."""
    with pytest.raises(SettingsError) as caught:
        recording_from_csv(["second,users", *["?"] * 1000], "shop.csv")
    assert len(caught.value.problems) == 10


@pytest.mark.parametrize("text", [b"second,users\n0,1\n10,4\n", b"\xef\xbb\xbfsecond, users\r\n0, 1\r\n\r\n10, 4\r\n"])
def test_a_recording_from_a_file(tmp_path: Path, text: bytes) -> None:
    """A plain file, and one from a spreadsheet with a byte order mark and empty lines, are read alike."""
    (tmp_path / "shop.csv").write_bytes(text)
    recording = read_recording(tmp_path / "shop.csv")
    assert (recording.duration_s, recording.peak_users, recording(0), recording(1)) == (10, 4, 0.25, 1)


@pytest.mark.parametrize(("content", "told"), [(None, "No such file"), (b"\xff\xfe\x00", "not UTF-8")])
def test_a_recording_that_cannot_be_read(tmp_path: Path, content: bytes | None, told: str) -> None:
    """A file that is missing or no text is named, with the setting."""
    file = tmp_path / "shop.csv"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=told) as caught:
        read_recording(file)
    assert str(caught.value).startswith(f"REPLAY_FILE, {file}: ")


def picture_of(
    profile: Profile, users: int = 8, run_time_s: float = 100, doors_open: float | None = None
) -> ShapePicture:
    """A shape to draw."""
    plan = Plan(name="DrawnShape", profile=profile, peak_users=users, run_time_s=run_time_s, doors_open=doors_open)
    return ShapePicture(name="drawn", about="A shape with <b>&.", plan=plan)


def test_a_drawing() -> None:
    """A quarter of the users, from the doors on all of them: two levels, the doors where they open."""
    lines = drawing(picture_of(Steps(((0, 0.25), (0.5, 1))), doors_open=0.5).plan, 2)
    assert lines == [
        "       8 ┤" + " " * 35 + "█" * 35,
        "         ┤" + "▄" * 35 + "█" * 35,
        "       0 ┼" + "─" * 35 + "┴" + "─" * 34,
        "          0 s" + " " * 32 + "↑ doors open, 50 s" + " " * 9 + "1 m 40 s",
    ]


@pytest.mark.parametrize(("users", "mark"), [(0, ""), (1, "▁" * 70), (500, "▄" * 70), (1000, "█" * 70)])
def test_somebody_is_never_drawn_as_nobody(users: int, mark: str) -> None:
    """One user of a thousand shows, though a row is worth hundreds."""
    assert drawing(picture_of(Steps(((0, users / 1000),)), users=1000).plan, 1)[0] == "   1\u2009000 ┤" + mark


@example(users=10**6, run_time_s=2.0, doors_open=None, rows=1, level=1.0)
@given(
    users=st.integers(1, 10**6),
    run_time_s=st.floats(2, 1e6),
    doors_open=st.none() | st.floats(0, 1),
    rows=st.integers(1, 20),
    level=st.floats(0, 1),
)
def test_drawings_fit_a_terminal(
    users: int, run_time_s: float, doors_open: float | None, rows: int, level: float
) -> None:
    """Whatever the numbers: 80 columns, so many rows, the doors marked and named."""
    picture = picture_of(Line(((0, level), (1, level))), users, run_time_s, doors_open)
    text = terminal_text([picture], rows)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) == 1 + 1 + rows + 2
    assert ("doors open, " in lines[-1]) is (doors_open is not None)
    assert ("┴" in lines[-2]) is (doors_open is not None)
    assert lines[-3].endswith("┤") is (picture.plan.users_at(0) == 0)


class Page(html.parser.HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keep text."""
        self.text += data


def test_the_page_stands_alone() -> None:
    """The page asks no network for anything, escapes what it shows, and says in words and numbers what it draws."""
    text = html_text([picture_of(Steps(((0, 0.25), (0.5, 1))), doors_open=0.5), picture_of(Line(((0, 0), (1, 1))))])
    page = Page(text)
    attributes = [value for _, attributes in page.tags for name, value in attributes.items() if name in ("src", "href")]
    assert attributes == ["#drawn", "#drawn"]
    assert "url(" not in text
    assert "import" not in text
    assert "A shape with <b>&." in page.text
    labels = [attributes["aria-label"] or "" for tag, attributes in page.tags if tag == "svg"]
    assert [label.partition(".")[0] for label in labels] == [
        "drawn: up to 8 users, 1 m 40 s, doors open at 50 s",
        "drawn: up to 8 users, 1 m 40 s",
    ]
    lines = [attributes["points"] or "" for tag, attributes in page.tags if tag == "polyline"]
    assert lines[0].startswith("0.0,75.00 5.0,75.00 ")
    assert lines[0].endswith(" 995.0,0.00 1000.0,0.00")
    assert sum(tag == "line" for tag, _ in page.tags) == 1


def test_json() -> None:
    """Scripts get the numbers with their units."""
    (found,) = json.loads(json_text([picture_of(Steps(((0, 0.25), (0.5, 1))), doors_open=0.5)]))
    users = found.pop("users")
    assert found == {
        "name": "drawn",
        "class": "DrawnShape",
        "about": "A shape with <b>&.",
        "peak_users": 8,
        "run_time_s": 100,
        "shortest_run_s": 4,
        "doors_open_s": 50,
    }
    assert [users[0], users[99], users[100], users[-1]] == [[0, 2], [49.5, 2], [50, 8], [99.5, 8]]
