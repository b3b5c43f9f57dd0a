"""Tabs of ours on Locust's own page: rows in the table that Locust draws for us, and links among its downloads.

Locust's page has a place for tables of others; what fills them comes with the numbers that it polls every two seconds.
"""

from __future__ import annotations

import dataclasses
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import flask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from locust.web import WebUI

    from lakestorm.load.web_panel import Panel

POLLED = "locust.request_stats"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """A table of its own."""

    key: str
    title: str
    columns: Mapping[str, str]
    """{key in a row: title}; rows are sorted by their key `name`, whether it is a column or not."""
    rows: Callable[[], list[dict[str, Any]]]


def pipeline_tab(panel: Panel) -> Tab:
    """Every reading as a row."""
    columns = {
        "reading": "What", "now": "Now", "minute_ago": "One minute ago", "trend": "Trend", "unit": "Unit",
        "state": "State", "name": "Name",
    }  # fmt: skip
    return Tab(
        key="pipeline",
        title="Pipeline",
        columns=columns,
        rows=lambda: [{key: getattr(row, key) for key in columns} for row in panel.rows()],
    )


def add_link(web_ui: WebUI, href: str, title: str) -> None:
    """Add a link to those of the tab for downloads."""
    web_ui.template_args.setdefault("extended_csv_files", []).append({"href": href, "title": title})


def add_tabs(web_ui: WebUI, panel: Panel, *tabs: Tab) -> None:
    """Add them, in this order; the panel knows what the page shall take for the state of the run."""
    web_ui.template_args["extended_tabs"] = [{"title": tab.title, "key": tab.key} for tab in tabs]
    web_ui.template_args["extended_tables"] = [
        {"key": tab.key, "structure": [{"key": key, "title": title} for key, title in tab.columns.items()]}
        for tab in tabs
    ]

    @web_ui.app.after_request
    def add_rows(response: flask.Response) -> flask.Response:
        if flask.request.endpoint == POLLED and response.status_code == HTTPStatus.OK:
            response.set_data(with_rows(response.get_data(as_text=True), panel, tabs))
        return response


def with_rows(text: str, panel: Panel, tabs: tuple[Tab, ...]) -> str:
    """An answer of Locust's with ours in it; Locust gives the same one again for two seconds, with our older rows."""
    found = json.loads(text)
    found["extended_stats"] = [{"key": tab.key, "data": tab.rows()} for tab in tabs]
    return json.dumps(found | {"state": panel.told(found["state"])})
