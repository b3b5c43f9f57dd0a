"""What stands before the page: the guard for all routes, and the login where there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakestorm.load.web_guard import guard
from lakestorm.load.web_login import Login, add_login
from lakestorm.load.web_tab import add_link

if TYPE_CHECKING:
    from locust.env import Environment

    from lakestorm.settings import WebSettings


def protect(environment: Environment, web: WebSettings) -> None:
    """Protect a page that does not listen yet; nothing where there is none.

    Our guard asks for the login on every route, Locust's too, so Locust's own `--web-login` is satisfied by it: that
    one protects only the routes that ask it to.
    """
    web_ui = environment.web_ui
    if web_ui is None:
        return
    options = environment.parsed_options
    base = ((options and options.web_base_path) or "").rstrip("/")
    login: Login | None = None
    if web.username:
        web_ui.web_login = False
        login = Login(web, port=web_ui.port, base=base, is_secure=bool(web_ui.tls_cert))
        add_login(web_ui, login, base)
        add_link(web_ui, f"{base}/log-out", "Log out")
    guard(web_ui, login)
