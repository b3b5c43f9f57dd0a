"""Options of the command line and fields of the form, as settings of one run."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.errors import SettingsError
from lakestorm.load.run_options import MEND, NAMES, add_options, overrides_of, settings_of_run
from lakestorm.settings import Settings, env_name, every_field, overridden

SCENARIOS = ("flashsale", "login", "catalogue")


@pytest.fixture
def settings(no_settings: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Defaults, but for a mix and a secret from the environment."""
    monkeypatch.setenv("PURCHASE_MIX", "view:1")
    monkeypatch.setenv("POSTGRES_PASSWORD", "of the environment")
    return Settings.load()


DEFAULTS = Settings(**{name: field.annotation.model_construct() for name, field in Settings.model_fields.items()})  # type: ignore[union-attr]
"""Without a look at the environment, for properties."""


def asked(settings: Settings, *arguments: str) -> Namespace:
    """What a command line with these options gives."""
    parser = ArgumentParser()
    add_options(parser, settings, SCENARIOS)
    return parser.parse_args(arguments)


def test_every_option_is_a_setting() -> None:
    """No name is wrong, and none stands twice."""
    known = {env_name(group, name) for group, name, _ in every_field()}
    assert set(NAMES) <= known
    assert len(set(NAMES)) == len(NAMES)


def test_without_options_a_run_goes_by_the_settings(settings: Settings) -> None:
    """The very same, group by group."""
    found = settings_of_run(settings, asked(settings))
    assert found == settings
    assert all(getattr(found, name) is group for name, group in settings)
    assert settings_of_run(settings, None) == settings


@pytest.mark.parametrize(
    ("arguments", "group", "field", "value"),
    [
        (("--purchase-gen-every-ms", "20"), "purchase", "gen_every_ms", 20),
        (("--purchase-gen-every-ms", " 20 "), "purchase", "gen_every_ms", 20),
        (("--purchase-mode", "transaction"), "purchase", "mode", "transaction"),
        (("--purchase-hot-share", "1"), "purchase", "hot_share", 1.0),
        (("--flashsale-stock", "7"), "flashsale", "stock", 7),
        (("--flashsale-stock", ""), "flashsale", "stock", None),
        (("--flashsale-opens-after-s", "2.5"), "flashsale", "opens_after_s", 2.5),
        (("--login-gen-every-ms", "0"), "login", "gen_every_ms", 0),
        (("--login-anomaly-ratio", "0.2"), "login", "anomaly_ratio", 0.2),
        (("--catalogue-edit-every-ms", "9"), "pipeline", "catalogue_edit_every_ms", 9),
    ],
)
def test_an_option_overrides_one_setting(
    settings: Settings, arguments: tuple[str, ...], group: str, field: str, value: Any
) -> None:
    """It alone: all others, and the loaded settings themselves, stay as they were."""
    before = settings.model_copy(deep=True)
    found = settings_of_run(settings, asked(settings, *arguments))
    assert getattr(getattr(found, group), field) == value
    assert settings == before
    assert found.model_dump(exclude={group: {field}}) == settings.model_dump(exclude={group: {field}})


def test_nothing_is_read_from_the_environment_again(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What changed there since the start is not taken in half, with one option's group."""
    monkeypatch.setenv("PURCHASE_MIX", "cancel:1,buy:1")
    monkeypatch.setenv("PURCHASE_ZIPF", "broken")
    found = settings_of_run(settings, asked(settings, "--purchase-gen-every-ms", "1"))
    assert (found.purchase.mix, found.purchase.zipf) == ({"view": 1.0}, 0.99)


def test_all_wrong_options_are_told_at_once(settings: Settings) -> None:
    """In the words of the settings, but for what to do."""
    wrong = asked(settings, "--purchase-gen-every-ms", "abc", "--flashsale-stock", "-1", "--login-anomaly-ratio", "nan")
    with pytest.raises(SettingsError) as caught:
        settings_of_run(settings, wrong)
    told = "\n".join(caught.value.problems)
    assert told == (
        'PURCHASE_GEN_EVERY_MS is "abc": a whole number of milliseconds ≥ 0, ≤ 3600000 (0 = as fast as answers come)'
        f" is wanted. {MEND}\n"
        'FLASHSALE_STOCK is "-1": a whole number of units ≥ 0, ≤ 1000000000 (empty = the stock that is there)'
        f" is wanted. {MEND}\n"
        f'LOGIN_ANOMALY_RATIO is "nan": a number ≥ 0, ≤ 0.5 is wanted. {MEND}'
    )


def test_options_are_those_of_the_scenarios_that_run(settings: Settings) -> None:
    """A run of logins alone has no stock; what has no option is not overridden."""
    parser = ArgumentParser()
    add_options(parser, settings, ["login"])
    options = parser.parse_args(["--login-gen-every-ms", "5"])
    assert overrides_of(options) == {"LOGIN_GEN_EVERY_MS": "5", "LOGIN_ANOMALY_RATIO": "0.01"}
    assert overrides_of(None) == {}


def test_a_name_that_is_no_setting_is_a_bug(settings: Settings) -> None:
    """It is not silently left out."""
    with pytest.raises(LookupError, match="PURCHASE_TYPO"):
        overridden(settings, {"PURCHASE_TYPO": "1"}, mend="")


@given(period=st.integers(0, 3_600_000), share=st.floats(0, 1))
def test_what_is_asked_for_is_what_results_show(period: int, share: float) -> None:
    """Text in, the same text out: a run's settings can be given again as options."""
    first = settings_of_run(DEFAULTS, Namespace(purchase_gen_every_ms=str(period), purchase_hot_share=repr(share)))
    assert first.purchase.gen_every_ms == period
    assert first.purchase.hot_share == share
    shown = {name: first.public()[name] for name in NAMES}
    assert overridden(DEFAULTS, shown, mend="") == first
