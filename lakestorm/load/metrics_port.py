"""`/metrics` for Prometheus: on Locust's page, and of a run without a page at a port of its own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import flask
from gevent.pywsgi import WSGIServer
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from lakestorm.errors import SettingsError
from lakestorm.load.web_metrics import RunCollector

if TYPE_CHECKING:
    from locust.env import Environment

    from lakestorm.load.web_panel import Panel

LOOPBACK = "127.0.0.1"
"""Nobody can log in there, so only this machine may ask."""


def registry_of(panel: Panel, environment: Environment) -> CollectorRegistry:
    """What of the run is shown."""
    registry = CollectorRegistry()
    registry.register(RunCollector(panel, environment))
    return registry


def metrics_answer(registry: CollectorRegistry) -> flask.Response:
    """The answer to the request at hand, in the format that it asks for."""
    encoded, content_type = choose_encoder(flask.request.headers.get("Accept", ""))
    return flask.Response(encoded(registry), content_type=content_type)


def serve_metrics(environment: Environment, panel: Panel, port: int) -> None:
    """Answer at a port until the process ends; nothing where there is a page, which has `/metrics` itself, or no port.

    Raises:
        SettingsError: the port cannot be listened on.
    """
    if environment.web_ui is not None or not port:
        return
    app, registry = flask.Flask("lakestorm"), registry_of(panel, environment)
    app.add_url_rule("/metrics", view_func=lambda: metrics_answer(registry), endpoint="metrics")
    try:
        WSGIServer((LOOPBACK, port), app, log=None).start()
    except OSError as error:
        reason = os.strerror(error.errno or 0)  # gevent puts the address behind its own
        raise SettingsError(
            [f"METRICS_PORT is {port}: {reason} on {LOOPBACK}. Name a port that is free, or 0 for none."]
        ) from error
