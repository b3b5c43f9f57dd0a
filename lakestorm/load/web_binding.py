"""Where the page may listen: on loopback, or with a login anywhere."""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING

from lakestorm.errors import SettingsError

if TYPE_CHECKING:
    from locust.env import Environment

    from lakestorm.settings import WebSettings


def check_binding(environment: Environment, web: WebSettings) -> None:
    """Before the page listens; nothing where there is none, as in a headless run.

    Raises:
        SettingsError: others would reach the page without a login, or half of a login is set.
    """
    if environment.web_ui is None:
        return
    options = environment.parsed_options
    problem = binding_problem(environment.web_ui.host, web, asks_login=bool(options and options.web_login))
    if problem:
        raise SettingsError([problem])


def binding_problem(host: str, web: WebSettings, *, asks_login: bool) -> str:
    """What is wrong with a host that the page shall listen on, as a sentence; empty if nothing is.

    Args:
        host: as Locust has it; empty means all addresses.
        web: may have a login.
        asks_login: Locust's `--web-login`.
    """
    password = web.password.get_secret_value()
    if bool(web.username) != bool(password):
        there, missing = ("WEB_USERNAME", "WEB_PASSWORD") if web.username else ("WEB_PASSWORD", "WEB_USERNAME")
        return f"{there} is set, but {missing} is empty: a login needs both. Set it, or empty the other."
    if web.username:
        return ""
    if asks_login:
        return "--web-login needs a login: set WEB_USERNAME, and WEB_PASSWORD or WEB_PASSWORD_FILE."
    if is_loopback(host):
        return ""
    return (
        f'WEB_BIND or --web-host is "{host or "*"}": others would reach the page without a login.'
        " An address of loopback such as 127.0.0.1 is wanted, or a login. Set WEB_USERNAME, and WEB_PASSWORD or"
        " WEB_PASSWORD_FILE."
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on a host; a name is looked up, empty means all addresses."""
    try:
        found = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP) if host else []
    except OSError:
        return False
    return bool(found) and all(is_loopback_address(str(address[0])) for *_, address in found)


def is_loopback_address(host: str) -> bool:
    """Whether it is an address of loopback, written as one; no name is."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
