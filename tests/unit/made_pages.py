"""Locust's web UI with all of ours on it, without a socket."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from locust.env import Environment

from lakestorm.load.web_access import protect
from lakestorm.load.web_form import check_form
from lakestorm.load.web_panel import Panel, mount

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from lakestorm.settings import Settings


def page_of(settings: Settings, panel: Panel | None = None, base: str = "", **options: Any) -> FlaskClient:
    """A client of the page, mounted as a session does it."""
    environment = Environment(user_classes=[])
    environment.parsed_options = Namespace(web_base_path=base, web_login=False, **options)
    environment.create_web_ui("127.0.0.1", 8089, delayed_start=True, web_base_path=base or None)
    found = panel or Panel()
    mount(environment, found)
    protect(environment, settings.web)
    check_form(environment, settings, found)
    client: FlaskClient = environment.web_ui.app.test_client()
    return client
