"""`/metrics` as Prometheus reads it, and the dashboard against the names that are there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lakestorm.probes import lineup
from tests.unit.made_panels import client_of, followed, made_run

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "deploy" / "grafana" / "lakestorm.json"
DOC = ROOT / "docs" / "pipeline.md"
BY_PROMETHEUS = {"instance", "job"}
"""Labels that whoever scrapes adds."""

pytestmark = pytest.mark.usefixtures("no_settings")

Samples = dict[str, dict[tuple[tuple[str, str], ...], float]]


@pytest.fixture
def samples(tmp_path: Path) -> Samples:
    """{metric: {labels: value}} of a made run."""
    answer = client_of(followed(made_run(tmp_path))).get("/metrics")
    assert answer.content_type.startswith("text/plain")
    found: Samples = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def labels(**given: str) -> tuple[tuple[str, str], ...]:
    """Labels as a key."""
    return tuple(sorted(given.items()))


def test_outcomes_add_up_to_what_was_offered(samples: Samples) -> None:
    """By name, as the record has it; refusals' own name has completed ones only."""
    ended = samples["lakestorm_requests_total"]
    for of, offered in samples["lakestorm_requests_offered_total"].items():
        name = dict(of)["name"]
        assert offered == sum(value for key, value in ended.items() if dict(key)["name"] == name) > 100
    sold_out = [dict(key)["outcome"] for key in ended if dict(key)["name"] == "PG order.sold_out"]
    assert sold_out == ["completed"]
    assert ended[labels(name="PG order.buy", outcome="refused")] > 0


def test_times_are_in_seconds(samples: Samples) -> None:
    """Quantiles rise, stand between nothing and a second, and count what was answered."""
    for kind in ("response", "service", "wait", "slip"):
        found = {
            float(dict(key)["quantile"]): value
            for key, value in samples[f"lakestorm_{kind}_seconds"].items()
            if dict(key)["name"] == "PG order.buy"
        }
        assert list(found.values()) == [found[quantile] for quantile in (0.5, 0.9, 0.95, 0.99, 0.999)]
        assert list(found.values()) == sorted(found.values())
        assert 0 < found[0.5] < 1
    buy = labels(name="PG order.buy")
    mean = samples["lakestorm_response_seconds_sum"][buy] / samples["lakestorm_response_seconds_count"][buy]
    assert 1e-3 < mean < 0.1
    assert 1e-3 < samples["lakestorm_last_second_response_seconds"][labels(name="PG item.view", quantile="0.5")] < 0.1


def test_what_cannot_be_read_has_no_value(samples: Samples) -> None:
    """It is not readable and has errors; it is never a 0."""
    state = labels(probe="connector", name="state")
    assert samples["lakestorm_probe_readable"][state] == 0
    assert samples["lakestorm_probe_errors_total"][state] == 30
    assert "state" not in {dict(key)["name"] for key in samples["lakestorm_probe"]}
    assert samples["lakestorm_probe"][labels(probe="stock", name="left", unit="units")] == 120
    assert samples["lakestorm_probe_readable"][labels(probe="stock", name="left")] == 1


def expressions() -> Iterator[str]:
    """Every expression of the dashboard."""
    found: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    for panel in found["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield from (of["expr"] for of in found["annotations"]["list"])
    yield from (of["query"]["query"] for of in found["templating"]["list"] if of["type"] == "query")


def test_the_dashboard_asks_for_metrics_that_exist(samples: Samples) -> None:
    """Each name is exposed, and each label it selects or groups by is one of that metric's."""
    assert len(list(expressions())) > 15
    for expression in expressions():
        named = re.findall(r"(lakestorm_\w+)(?:\{([^}]*)\})?", expression)
        assert named, expression
        of_metric = {name: {label for key in samples[name] for label, _ in key} | BY_PROMETHEUS for name, _ in named}
        for name, selected in named:
            assert set(re.findall(r"(\w+)\s*=~?", selected)) <= of_metric[name], expression
        grouped = {label.strip() for by in re.findall(r"by \(([^)]*)\)", expression) for label in by.split(",")}
        assert all(grouped <= of for of in of_metric.values()), expression


def test_the_dashboard_asks_for_readings_that_exist() -> None:
    """A probe that it names is one of ours, and each reading one of that probe's."""
    known = {"stock.left", "stock.hot_left", *lineup.readings()}
    asked = [
        f"{probe}.{name}"
        for expression in expressions()
        for probe, names in re.findall(r'probe="(\w+)", name=~?"([^"]*)"', expression)
        for name in names.replace("[.].+", ".*").split("|")
    ]
    assert len(asked) >= 6
    assert set(asked) - known == set()


def test_every_metric_is_documented(samples: Samples) -> None:
    """By its name, in docs/pipeline.md, which names no other."""
    written = set(re.findall(r"\blakestorm_\w+", DOC.read_text(encoding="utf-8")))
    families = {re.sub(r"_seconds_(sum|count)$", "_seconds", name) for name in samples}
    assert written == families


def test_panels_stand_beside_each_other() -> None:
    """Twenty-four columns, no panel over another, each with a title that asks and a unit."""
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}  # fmt: skip
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
        assert panel["title"].endswith("?")
        assert panel["fieldConfig"]["defaults"]["unit"]
    assert len({panel["id"] for panel in panels}) == len(panels) >= 10
