"""The start form's last check, before Locust sees it: what is wrong is told on the page, and nothing starts."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

import flask
from locust.runners import MasterRunner
from locust.util.timespan import parse_timespan

from lakestorm.errors import LakestormError, SettingsError
from lakestorm.load.run_options import NAMES, overrides_of, settings_of_run
from lakestorm.load.shape import ProfileShape

if TYPE_CHECKING:
    from locust.env import Environment

    from lakestorm.load.web_panel import Panel
    from lakestorm.settings import Settings

STARTS = "locust.swarm"
BUSY = "The run before has not got its verdict yet. Wait for it, then start the next one."
ALONE = "No worker is there to make load. Start one with --worker and --master-host, then start the run."


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
        form = flask.request.form
        problem = problem_of(form, options, settings) or problem_of_shape(form, options, shape_asked(environment, form))
        if panel.is_busy() and not panel.is_loaded():
            problem = BUSY
        elif is_alone(environment):
            problem = ALONE
        if problem:  # Locust's page shows the message of an answer that is no error
            return flask.jsonify(success=False, message=problem, host=environment.host)
        for name, text in given.items():  # a field that is left out is as on the command line, not as in the last run
            setattr(options, name.lower(), text)
        return None


def shape_asked(environment: Environment, form: Any) -> Any:
    """The shape that is picked in the form, where one can be; else the command line's. None for users by hand."""
    if environment.web_ui.userclass_picker_is_active:
        return (environment.available_shape_classes or {}).get(form.get("shape_class"))
    return environment.shape_class


def problem_of_shape(form: Any, options: Namespace, shape: Any) -> str:
    """Why the shape cannot be run with the form's users and run time; empty where it can, and where Locust tells it."""
    if not isinstance(shape, ProfileShape):
        return ""
    try:
        users = int(form["user_count"]) if form.get("user_count") else options.num_users
        run_time_s = parse_timespan(form["run_time"]) if form.get("run_time") else options.run_time
    except ValueError:
        return ""
    try:
        shape.plan_of(users, run_time_s)
    except LakestormError as error:
        return str(error)
    return ""


def is_alone(environment: Environment) -> bool:
    """Whether this is a master without workers: Locust would say that it starts, and start nothing."""
    return isinstance(environment.runner, MasterRunner) and environment.runner.worker_count == 0


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
