"""Who may read and start on Locust's page, asked as browsers, programs and strangers ask, over a real socket."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import time
import urllib.parse
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

from lakestorm.sandbox.service import free_port
from tests.integration.locust_process import LocustProcess, make_shop, rows
from tests.web_routes import CLOSED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

NAME, PASSWORD = "tester", "correct horse battery staple"
SWARM = {"user_count": "2", "spawn_rate": "2"}
FOREIGN = (
    {"Origin": "http://evil.test"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Referer": "http://evil.test/page"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
    {"Host": "evil.test"},
)
"""What a browser sends for a page of somebody else; the last is a name that was pointed at 127.0.0.1."""


@dataclasses.dataclass
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def cookie(self) -> str:
        """The cookie as it is sent back, without its attributes."""
        return (self.headers["Set-Cookie"] or "").partition(";")[0]


@dataclasses.dataclass
class Address:
    """Where a page listens."""

    port: int

    def ask(self, path: str, form: Mapping[str, str] | None = None, /, method: str = "", **headers: str) -> Answer:
        """One request as it is, redirects not followed. Headers with `_` for `-`."""
        body = urllib.parse.urlencode(form) if form is not None else None
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.request(method or ("GET" if body is None else "POST"), path, body, sent)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read().decode(errors="replace"))

    def is_up(self) -> bool:
        """Whether somebody answers."""
        try:
            self.ask("/assets/favicon-light.png")
        except OSError:
            return False
        return True

    def log_in(self, password: str = PASSWORD, name: str = NAME) -> Answer:
        """Fill in the form."""
        return self.ask("/log-in", {"username": name, "password": password})

    def state(self, **headers: str) -> str:
        """Locust's state."""
        return str(json.loads(self.ask("/stats/requests", **headers).text)["state"])


@dataclasses.dataclass
class Site(Address):
    """A page that listens, and whose."""

    locust: LocustProcess

    def wait_until_up(self) -> None:
        """Until somebody answers."""
        until = time.monotonic() + 60
        while not self.is_up():
            assert time.monotonic() < until, self.locust.output()
            time.sleep(0.1)


def site(cwd: Path, env: dict[str, str]) -> Iterator[Site]:
    """A Locust with a page, which nobody has told to load anything."""
    port = free_port()
    with LocustProcess("--web-port", str(port), env=env, cwd=cwd) as locust:
        found = Site(port, locust)
        found.wait_until_up()
        yield found


@pytest.fixture(scope="module")
def open_site(shop_of_module: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """On loopback, without a login."""
    yield from site(tmp_path_factory.mktemp("open"), shop_of_module)


@pytest.fixture(scope="module")
def closed_site(shop_of_module: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """With a login whose password is in a file."""
    cwd = tmp_path_factory.mktemp("closed")
    (cwd / "secret").write_text(f"{PASSWORD}\n")
    yield from site(cwd, {**shop_of_module, "WEB_USERNAME": NAME, "WEB_PASSWORD_FILE": str(cwd / "secret")})


@pytest.fixture(scope="module")
def shop_of_module(server: dict[str, str]) -> Iterator[dict[str, str]]:
    """A shop for both."""
    rows(server, "CREATE DATABASE web_access")
    env = {**server, "POSTGRES_DB": "web_access"}
    make_shop(env, items=5)
    yield env
    rows(server, "DROP DATABASE web_access WITH (FORCE)")


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_foreign_page_can_neither_read_nor_start(open_site: Site, headers: dict[str, str]) -> None:
    """Whatever tells it from our own page is enough; nothing starts, and no answer lets another origin read it."""
    for path, form in (("/swarm", SWARM), ("/stop", {}), ("/stats/reset", {}), ("/user", {})):
        answer = open_site.ask(path, form, **headers)
        assert (path, answer.status) == (path, 403)
        assert "Access-Control-Allow-Origin" not in answer.headers
    if "Referer" not in headers:  # a link from another page may be followed
        assert open_site.ask("/stats/requests", **headers).status == 403
    assert open_site.state() == "ready"


def test_no_answer_invites_other_origins(open_site: Site) -> None:
    """Neither pages, nor data, nor errors, nor what a browser asks before it asks; and nobody may frame them."""
    for path in ("/", "/stats/requests", "/pipeline/series", "/metrics", "/assets/favicon-light.png", "/nothing"):
        answer = open_site.ask(path)
        assert [name for name in answer.headers if name.lower().startswith("access-control")] == []
        assert answer.headers["X-Frame-Options"] == "DENY"
    before = open_site.ask("/swarm", method="OPTIONS", Origin="http://evil.test", Access_Control_Request_Method="POST")
    assert (before.status, before.headers["Access-Control-Allow-Origin"]) == (403, None)


def test_our_own_page_and_programs_are_let_in(open_site: Site) -> None:
    """The same origin, a link that is followed, an address typed in, a program that says nothing of itself."""
    ours = f"http://127.0.0.1:{open_site.port}"
    for headers in (
        {},
        {"Origin": ours, "Sec_Fetch_Site": "same-origin", "Sec_Fetch_Mode": "cors"},
        {"Sec_Fetch_Site": "none", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"},
        {"Host": f"localhost:{open_site.port}"},
    ):
        assert open_site.ask("/", **headers).status == 200
    assert open_site.ask("/stats/reset", {}, Origin=ours).status == 200


def test_a_wrong_field_is_told_and_nothing_starts(open_site: Site) -> None:
    """In the settings' own sentence, all wrong ones at once."""
    form = {**SWARM, "purchase_gen_every_ms": "abc", "purchase_hot_share": "1.5"}
    told = json.loads(open_site.ask("/swarm", form).text)
    assert told["success"] is False
    assert 'PURCHASE_GEN_EVERY_MS is "abc": a whole number of milliseconds ≥ 0' in told["message"]
    assert 'PURCHASE_HOT_SHARE is "1.5": a number ≥ 0, ≤ 1 is wanted.' in told["message"]
    assert open_site.state() == "ready"
    assert not (open_site.locust.cwd / "results").exists()


def test_fields_override_settings_for_one_run(open_site: Site) -> None:
    """A run goes by its form; the next one, which leaves them out, by the settings. The report is the last run's."""
    assert open_site.ask("/report").status == 404
    seen: list[tuple[str, str]] = []
    for fields in ({"purchase_gen_every_ms": "20", "flashsale_stock": "77"}, {}):
        assert json.loads(open_site.ask("/swarm", {**SWARM, **fields}).text)["success"]
        wait_for(open_site, "running")
        time.sleep(1.5)
        open_site.ask("/stop", {})
        wait_for(open_site, "stopped")
        run: dict[str, Any] = json.loads((open_site.locust.cwd / "results" / "latest" / "run.json").read_text())
        seen.append((run["settings"]["PURCHASE_GEN_EVERY_MS"], run["settings"]["FLASHSALE_STOCK"]))
        report = (open_site.locust.cwd / "results" / "latest" / "report.html").read_text()
        assert open_site.ask("/report").text == report
        assert f'lakestorm_run_info{{run_id="{run["run_id"]}"' in open_site.ask("/metrics").text
    assert seen == [("20", "77"), ("100", "")]


def wait_for(site: Site, state: str, limit_s: float = 40) -> None:
    """Until Locust's page is told of a state."""
    until = time.monotonic() + limit_s
    while site.state() != state:
        assert time.monotonic() < until, site.locust.output()
        time.sleep(0.2)


@pytest.mark.parametrize("path", [*CLOSED, "/nothing"])
def test_no_route_answers_a_stranger(closed_site: Site, path: str) -> None:
    """A person is sent to the form, a program gets 401, whatever the route, whether it exists or not."""
    person = closed_site.ask(path, Accept="text/html")
    assert (person.status, person.headers["Location"]) in {(303, "/log-in"), (401, None)}
    assert closed_site.ask(path).status == 401
    assert closed_site.ask(path, {}).status == 401


def test_what_is_open_says_nothing(closed_site: Site) -> None:
    """Scripts and pictures of the page, and the form."""
    assert closed_site.ask("/assets/favicon-light.png").status == 200
    assert closed_site.ask("/log-in").status == 200


def test_log_in_and_log_out(closed_site: Site) -> None:
    """With the cookie all is open, for this browser alone; once logged out, the same cookie opens nothing."""
    answer = closed_site.log_in()
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    attributes = answer.headers["Set-Cookie"]
    assert all(word in attributes for word in ("HttpOnly", "SameSite=Strict", "Path=/"))
    assert closed_site.state(Cookie=answer.cookie) == "ready"
    assert closed_site.ask("/metrics", Cookie=answer.cookie).status == 200
    other = closed_site.log_in()
    assert other.cookie != answer.cookie
    assert closed_site.ask("/log-out", Cookie=answer.cookie).status == 200  # a form: a link must not log out
    assert closed_site.state(Cookie=answer.cookie) == "ready"
    assert closed_site.ask("/log-out", {}, Cookie=answer.cookie).headers["Location"] == "/log-in"
    assert closed_site.ask("/stats/requests", Cookie=answer.cookie).status == 401
    assert closed_site.ask("/stats/requests", Cookie=other.cookie).status == 200


def test_a_prometheus_gives_name_and_password(closed_site: Site) -> None:
    """With `/metrics` alone; elsewhere a header opens nothing."""
    right = f"Basic {b64encode(f'{NAME}:{PASSWORD}'.encode()).decode()}"
    assert closed_site.ask("/metrics").headers["WWW-Authenticate"].startswith("Basic ")
    for _ in range(2):
        assert "lakestorm_users" in closed_site.ask("/metrics", Authorization=right).text
    assert closed_site.ask("/metrics", Authorization="Basic eDp5").status == 401
    assert closed_site.ask("/stats/requests", Authorization=right).status == 401


def test_the_password_is_told_to_nobody(closed_site: Site) -> None:
    """It stands in no page, answer or line of the log."""
    cookie = closed_site.log_in().cookie
    texts = [closed_site.ask(path, Cookie=cookie).text for path in ("/", "/log-in", "/log-out", "/logs", "/metrics")]
    assert [text for text in (*texts, closed_site.locust.output()) if PASSWORD in text] == []


def test_ten_wrong_passwords(closed_site: Site) -> None:
    """Then even the right one waits, and is told how long; who has logged in goes on. The last test: it locks out."""
    cookie = closed_site.log_in().cookie
    for number in range(10):
        wrong = closed_site.log_in(password=f"wrong {number}", name=NAME if number % 2 else "nobody")
        assert wrong.status == 401
        assert "not the name and password" in wrong.text
        assert "Set-Cookie" not in wrong.headers
    refused = closed_site.log_in()
    assert refused.status == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert closed_site.ask("/metrics", Authorization="Basic eDp5").status == 429
    assert closed_site.ask("/stats/requests", Cookie=cookie).status == 200


@pytest.mark.parametrize(
    ("arguments", "settings", "told"),
    [
        ((), {"WEB_BIND": "0.0.0.0"}, 'WEB_BIND or --web-host is "0.0.0.0": others would reach the page'),  # noqa: S104
        (("--web-host", "*"), {}, 'WEB_BIND or --web-host is "*": others would reach the page'),
        ((), {"WEB_BIND": "0.0.0.0", "WEB_USERNAME": "me"}, "WEB_USERNAME is set, but WEB_PASSWORD is empty"),  # noqa: S104
        (("--web-login",), {}, "--web-login needs a login"),
        (("--purchase-gen-every-ms", "abc"), {}, 'PURCHASE_GEN_EVERY_MS is "abc": a whole number'),
    ],
)
def test_an_open_page_is_refused(
    server: dict[str, str], tmp_path: Path, arguments: tuple[str, ...], settings: dict[str, str], told: str
) -> None:
    """Exit code 5 and a sentence, before anything listens or the database is asked."""
    port = str(free_port())
    with LocustProcess("--web-port", port, *arguments, env={**server, **settings}, cwd=tmp_path) as locust:
        done = locust.wait()
    assert (done.code, told in done.output) == (5, True), done.output
    assert "Traceback" not in done.output
