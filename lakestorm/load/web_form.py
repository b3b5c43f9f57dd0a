"""The start form's last check, before Locust sees it: what is wrong is told on the page, and nothing starts."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

import flask

from lakestorm.errors import SettingsError
from lakestorm.load.run_options import NAMES, overrides_of, settings_of_run

if TYPE_CHECKING:
    from locust.env import Environment

    from lakestorm.load.web_panel import Panel
    from lakestorm.settings import Settings

STARTS = "locust.swarm"
BUSY = "The run before has not got its verdict yet. Wait for it, then start the next one."


def check_form(environment: Environment, settings: Settings, panel: Panel) -> None:
    """Check each start; nothing where there is no page. While a run goes on its form changes the number of users."""
    if environment.web_ui is None:
        return

    options = environment.parsed_options
    given = overrides_of(options)

    @environment.web_ui.app.before_request
    def refuse() -> flask.Response | None:
        if flask.request.endpoint != STARTS:
            return None
        problem = problem_of(flask.request.form, options, settings)
        if panel.is_busy() and not panel.is_loaded():
            problem = BUSY
        if problem:  # Locust's page shows the message of an answer that is no error
            return flask.jsonify(success=False, message=problem, host=environment.host)
        for name, text in given.items():  # a field that is left out is as on the command line, not as in the last run
            setattr(options, name.lower(), text)
        return None


def problem_of(form: Any, options: Namespace, settings: Settings) -> str:
    """What is wrong with the fields that are ours, in the settings' own sentences; empty if nothing is."""
    asked = {
        name.lower(): form[name.lower()] for name in NAMES if name.lower() in form and hasattr(options, name.lower())
    }
    try:
        settings_of_run(settings, Namespace(**(vars(options) | asked)))
    except SettingsError as error:
        return " ".join(error.problems)
    return ""
