"""Logging in to the page and out of it, by a form and a cookie; programs give name and password with `/metrics`."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, Any

import flask

from lakestorm.load.web_passwords import SESSION_S, GuessLimit, Password, Sessions
from lakestorm.report.page import templates

if TYPE_CHECKING:
    from locust.web import WebUI

    from lakestorm.settings import WebSettings

WRONG = "That is not the name and password of this page."
BASIC = "lakestorm.metrics"
"""The one endpoint that takes a password without a cookie: a Prometheus cannot fill in a form."""


class Login:
    """The page's login.

    Args:
        web: settings with name and password.
        port: where the page listens: cookies of one host are seen by all its ports, so it is part of their name.
        base: Locust's `--web-base-path`.
        is_secure: the page has a certificate, so the cookie needs no plain connection.
    """

    def __init__(self, web: WebSettings, *, port: int, base: str, is_secure: bool) -> None:
        self._password = Password(web.username, web.password.get_secret_value())
        self._limit = GuessLimit()
        self._sessions = Sessions()
        self._cookie = f"lakestorm_{port}"
        self._base = base
        self._is_secure = is_secure
        self._key = secrets.token_bytes(32)
        self._known_header = b""

    def asked(self) -> flask.Response | None:
        """None for who has logged in; else where to do so. A program gets 401, a person the form."""
        request = flask.request
        if self._sessions.holds(request.cookies.get(self._cookie)):
            return None
        if request.endpoint == BASIC:
            return self._asked_by_program()
        if (
            request.method == "GET"
            and request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"
        ):
            return flask.redirect(f"{self._base}/log-in", 303)  # type: ignore[return-value]
        return answer({"success": False, "message": f"Log in first, at {self._base}/log-in."}, 401)

    def _asked_by_program(self) -> flask.Response | None:
        """The header of each scrape is compared with the one that was right; only another one is hashed."""
        given = flask.request.authorization
        if given is None or given.type != "basic":
            return wants_password("Name and password are wanted.", 401)
        seen = hmac.digest(
            self._key, f"{given.username}:{given.password}".encode(errors="surrogatepass"), hashlib.sha256
        )
        if hmac.compare_digest(seen, self._known_header):
            return None
        problem, status, wait_s = self._try(given.username or "", given.password or "")
        if not problem:
            self._known_header = seen
            return None
        return retried_after(wants_password(problem, status), wait_s)

    def _try(self, username: str, password: str) -> tuple[str, int, int]:
        """(problem, status, seconds to wait): empty and 200 if name and password are right."""
        address = flask.request.remote_addr or ""
        wait_s = self._limit.take(address)
        if wait_s:
            return f"Too many wrong passwords came from {address}. Try again in {wait_s} s.", 429, wait_s
        if not self._password.is_right(username, password):
            return WRONG, 401, 0
        self._limit.forgive(address)
        return "", 200, 0

    def log_in(self) -> flask.Response:
        """The form, and what becomes of it."""
        if flask.request.method != "POST":
            return self._page()
        username, password = (flask.request.form.get(field, "") for field in ("username", "password"))
        problem, status, wait_s = self._try(username, password)
        if problem:
            return retried_after(self._page(problem, username, status), wait_s)
        found: flask.Response = flask.redirect(f"{self._base}/", 303)  # type: ignore[assignment]
        found.set_cookie(
            self._cookie,
            self._sessions.begin(),
            max_age=int(SESSION_S),
            path=f"{self._base}/",
            httponly=True,
            samesite="Strict",
            secure=self._is_secure,
        )
        return found

    def log_out(self) -> flask.Response:
        """A form with one button, because a link would log out whoever is led to it."""
        if flask.request.method != "POST":
            return answer(templates().get_template("log_out.html.j2").render(base=self._base))
        self._sessions.end(flask.request.cookies.get(self._cookie))
        found: flask.Response = flask.redirect(f"{self._base}/log-in", 303)  # type: ignore[assignment]
        found.delete_cookie(self._cookie, path=f"{self._base}/")
        return found

    def _page(self, problem: str = "", username: str = "", status: int = 200) -> flask.Response:
        page = templates().get_template("log_in.html.j2")
        return answer(page.render(base=self._base, problem=problem, username=username), status)


def add_login(web_ui: WebUI, login: Login, base: str) -> None:
    """Add its two pages."""
    pages = flask.Blueprint("lakestorm_login", __name__, url_prefix=base or None)
    pages.add_url_rule("/log-in", "log_in", login.log_in, methods=["GET", "POST"])
    pages.add_url_rule("/log-out", "log_out", login.log_out, methods=["GET", "POST"])
    web_ui.app.register_blueprint(pages)


def answer(body: Any, status: int = 200) -> flask.Response:
    """A page, or a dictionary as JSON."""
    found: flask.Response = flask.make_response(body, status)
    return found


def wants_password(problem: str, status: int) -> flask.Response:
    """An answer that asks a program for a password."""
    found = answer(f"{problem}\n", status)
    found.mimetype = "text/plain"
    found.headers["WWW-Authenticate"] = 'Basic realm="lakestorm", charset="UTF-8"'
    return found


def retried_after(response: flask.Response, wait_s: int) -> flask.Response:
    """With the seconds after which it is worth while to try again, if there are any."""
    if wait_s:
        response.headers["Retry-After"] = str(wait_s)
    return response
