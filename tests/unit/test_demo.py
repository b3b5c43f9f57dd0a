"""What the demo has otherwise than a run by hand, and what somebody changed stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lakestorm.demo import KEEPERS, OWN, locust_options, own_values
from lakestorm.errors import UsageError
from lakestorm.settings import Settings, env_example, usual_values

pytestmark = pytest.mark.usefixtures("no_settings")


def test_its_own_settings_exist_and_differ() -> None:
    """Every setting that the demo has otherwise is one, and is usually another value."""
    usual = usual_values()
    assert all(usual[name] != value for name, value in OWN.items())
    assert own_values(Settings.load()) == OWN


@pytest.mark.parametrize("name", OWN)
def test_what_was_changed_stays(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that somebody gave another value is not the demo's any more; the others are."""
    monkeypatch.setenv(name, "77")
    assert own_values(Settings.load()) == {other: value for other, value in OWN.items() if other != name}


def test_a_copy_of_the_example_changes_nothing(no_settings: Path) -> None:
    """`.env.example` copied to `.env` names every setting, and means none of it."""
    (no_settings / ".env").write_text(env_example(), encoding="utf-8")
    assert own_values(Settings.load()) == OWN


def test_the_load_is_all_that_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three scenarios and a shape; users of each by weight, all of them together the peak."""
    monkeypatch.setenv("FLASHSALE_USERS", "7")
    monkeypatch.setenv("LOGIN_USERS", "3")
    monkeypatch.setenv("FLASHSALE_SHAPE", "steady")
    options = locust_options(Settings.load())
    files = [Path(file).stem for file in options[options.index("-f") + 1].split(",")]
    weights = {of["user_class_name"]: of["weight"] for of in json.loads(options[options.index("--config-users") + 1])}
    assert files == ["flashsale", "login", "catalogue", "steady"]
    assert weights == {"FlashSaleUser": 7, "LoginUser": 3, "CatalogueUser": KEEPERS}
    assert options[options.index("-u") + 1] == str(7 + 3 + KEEPERS)


def test_a_shape_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before any service is started."""
    monkeypatch.setenv("FLASHSALE_SHAPE", "hexagon")
    with pytest.raises(UsageError, match=r"hexagon\.py is not there"):
        locust_options(Settings.load())
