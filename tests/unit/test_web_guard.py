"""Where the page may listen, and that no route of it was forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from lakestorm.load.web_binding import binding_problem, is_loopback
from lakestorm.settings import Settings, WebSettings
from tests.unit.made_pages import page_of
from tests.web_routes import CLOSED

if TYPE_CHECKING:
    from flask.testing import FlaskClient

OPEN = {"/assets/<path:path>", "/log-in", "/static/<path:filename>"}
WITH_LOGIN = {"WEB_USERNAME": "ada", "WEB_PASSWORD": "secret"}


@pytest.fixture
def closed(no_settings: object, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """A page with a login."""
    for name, value in WITH_LOGIN.items():
        monkeypatch.setenv(name, value)
    return page_of(Settings.load())


def test_every_route_is_known(closed: FlaskClient) -> None:
    """A route that Locust or we add must be put into one of two lists, by somebody who thought of it."""
    found = {rule.rule for rule in closed.application.url_map.iter_rules()}
    assert found == {*CLOSED, *OPEN}


def test_every_route_is_closed_by_every_method(closed: FlaskClient) -> None:
    """Also those that a route does not take, and what does not exist; Flask's own static files are behind it too."""
    for path in (*CLOSED, "/nothing", "/static/x", "//", "/pipeline/", "/stats/requests?x=1"):
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            assert closed.open(path, method=method).status_code in (401, 303, 308), (method, path)


def test_below_a_base_path(no_settings: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """With Locust's --web-base-path the form and the cookie are below it."""
    for name, value in WITH_LOGIN.items():
        monkeypatch.setenv(name, value)
    client = page_of(Settings.load(), base="/load")
    assert client.get("/load/", headers={"Accept": "text/html"}).location == "/load/log-in"
    assert client.get("/load/metrics").status_code == 401
    answer = client.post("/load/log-in", data={"username": "ada", "password": "secret"})
    assert answer.location == "/load/"
    assert "Path=/load/" in answer.headers["Set-Cookie"]
    assert client.get("/load/pipeline").status_code == 200
    assert client.get("/load/").status_code != 401


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("", False),
        ("0.0.0.0", False),  # noqa: S104 - that is the question
        ("::", False),
        ("192.0.2.1", False),
        ("no-such-host.invalid", False),
    ],
)
def test_what_is_loopback(host: str, *, expected: bool) -> None:
    """Empty, which means all addresses, and a name that nobody knows are not."""
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("host", "username", "password", "asks_login", "problem"),
    [
        ("127.0.0.1", "", "", False, ""),
        ("127.0.0.1", "ada", "secret", True, ""),
        ("192.0.2.1", "ada", "secret", False, ""),
        ("192.0.2.1", "", "", False, 'WEB_BIND or --web-host is "192.0.2.1"'),
        ("", "", "", False, 'WEB_BIND or --web-host is "*"'),
        ("127.0.0.1", "ada", "", False, "WEB_USERNAME is set, but WEB_PASSWORD is empty"),
        ("127.0.0.1", "", "secret", False, "WEB_PASSWORD is set, but WEB_USERNAME is empty"),
        ("127.0.0.1", "", "", True, "--web-login needs a login"),
    ],
)
def test_where_the_page_may_listen(host: str, username: str, password: str, *, asks_login: bool, problem: str) -> None:
    """Beyond loopback with a whole login alone; what is wrong names no password."""
    web = WebSettings(username=username, password=SecretStr(password))
    found = binding_problem(host, web, asks_login=asks_login)
    assert found.startswith(problem)
    assert bool(found) is bool(problem)
    assert not password or password not in found


def test_an_address_that_only_looks_like_ours_is_refused(no_settings: object) -> None:
    """Names that anybody can have, though they begin or end as ours do."""
    client = page_of(Settings.load())
    for host in ("127.0.0.1", "127.0.0.1:8089", "localhost", "LOCALHOST:1", "[::1]:8089"):
        assert client.get("/metrics", headers={"Host": host}).status_code == 200, host
    for host in ("127.0.0.1.evil.test", "localhost.evil.test", "evil.test", "0.0.0.0", "192.0.2.1", "2130706433"):  # noqa: S104
        assert client.get("/metrics", headers={"Host": host}).status_code == 403, host
