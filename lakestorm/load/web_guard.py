"""Who may ask the page anything: its own pages, and whoever has logged in. A route is closed unless it is named here.

Locust lets any web page of any site read and start (`Access-Control-Allow-Origin: *`). A person's browser is inside
the walls, so loopback alone does not protect: what a foreign page makes it ask is refused here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import flask

from lakestorm.load.web_binding import is_loopback_address

if TYPE_CHECKING:
    from locust.web import WebUI

    from lakestorm.load.web_login import Login

OPEN = frozenset({"locust.send_assets", "lakestorm_login.log_in"})
"""Endpoints that ask for no login: scripts and pictures, which are the same for everybody, and the login itself."""
READING = frozenset({"GET", "HEAD"})
SET_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
}
"""No other site may frame the page or embed what it answers."""


def guard(web_ui: WebUI, login: Login | None) -> None:
    """Close the page to foreign origins and, with a login, to everybody who has not logged in."""
    app = web_ui.app

    @app.before_request
    def refuse_strangers() -> flask.Response | None:
        reason = foreign_host(web_ui.host) if login is None else ""
        reason = reason or foreign_origin()
        if reason:
            return refused(reason)
        if login is None or flask.request.endpoint in OPEN:
            return None
        return login.asked()

    def close(response: flask.Response) -> flask.Response:
        for name in [name for name, _ in response.headers if name.lower().startswith("access-control-")]:
            del response.headers[name]
        for name, value in SET_ALWAYS.items():
            response.headers.setdefault(name, value)
        if login is not None and flask.request.endpoint != "locust.send_assets":
            response.headers["Cache-Control"] = "no-store"
        return response

    # Flask runs these from the last to the first; Locust's own, which lets all origins in, is the first by now.
    app.after_request_funcs.setdefault(None, []).insert(0, close)


def refused(reason: str) -> flask.Response:
    """An answer for who is not let in."""
    answer: flask.Response = flask.make_response({"success": False, "message": reason}, 403)
    return answer


def foreign_host(bound: str) -> str:
    """Why the name by which we were asked is not ours; empty if it is.

    A site can point a name of its own at 127.0.0.1 (DNS rebinding); then its pages are of the same origin as ours, but
    for that name. Where there is a login this is not asked: the browser would not send that site our cookie.
    """
    asked = urlsplit(f"//{flask.request.host}").hostname or ""
    if asked in ("localhost", bound.lower()) or is_loopback_address(asked):
        return ""
    return f'The page was asked for as "{asked}", which is not a name of this machine\'s loopback: use 127.0.0.1.'


def foreign_origin() -> str:
    """Why a request is somebody else's doing; empty if it is not, as far as a browser can tell.

    Programs send none of these headers, and are not deceived into asking. A link to the page may be followed, if it
    opens in a window of its own.
    """
    request = flask.request
    follows_link = request.method in READING and asked_by("Mode") == "navigate" and asked_by("Dest") == "document"
    origin = request.headers.get("Origin")
    if asked_by("Site") in ("cross-site", "same-site") and not follows_link:
        return f"This was asked for by a page of {origin or 'another origin'}, which may neither read nor start."
    referrer = request.headers.get("Referer") if request.method not in READING else None
    for said in (origin, referrer):
        if said is not None and urlsplit(said).netloc.lower() != request.host.lower():
            return f"This was asked for by a page of {said}, which may neither read nor start."
    return ""


def asked_by(what: str) -> str:
    """What a browser says of who asks; empty where it says nothing. Source: W3C Fetch Metadata, section 2."""
    return flask.request.headers.get(f"Sec-Fetch-{what}", "")
