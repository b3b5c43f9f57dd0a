"""Settings: every mistake is told at once and in words, and secrets are never told."""

from __future__ import annotations

import types
import typing
from typing import TYPE_CHECKING, Any

import pytest

from lakestorm.errors import SettingsError
from lakestorm.settings import (
    Settings,
    env_name,
    every_field,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("no_settings")

FIELDS = {env_name(group, name): (group, name, field) for group, name, field in every_field()}


def plain_type(annotation: Any) -> Any:
    """The type of a setting, without `| None`."""
    is_union = typing.get_origin(annotation) in (types.UnionType, typing.Union)
    return typing.get_args(annotation)[0] if is_union else annotation


NUMBERS = [name for name, (_, _, field) in FIELDS.items() if plain_type(field.annotation) in (int, float)]
FLOATS = [name for name in NUMBERS if plain_type(FIELDS[name][2].annotation) is float]


def loaded(name: str) -> Any:
    """A setting's value as the code sees it."""
    settings = Settings.load()
    group, field, _ = FIELDS[name]
    return next(getattr(value, field) for _, value in settings if type(value) is group)


def problems() -> tuple[str, ...]:
    """What loading says is wrong."""
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    return caught.value.problems


def edges() -> list[Any]:
    """(setting, bound, sign, the nearest value that is allowed, the nearest that is not) of every bound of a number."""
    signs = {"ge": ("≥", 0, -1), "gt": (">", 1, 0), "le": ("≤", 0, 1), "lt": ("<", -1, 0)}
    found = []
    for name in NUMBERS:
        step = 1 if name not in FLOATS else 0.5
        for rule in FIELDS[name][2].metadata:
            for attribute, (sign, allowed, refused) in signs.items():
                bound = getattr(rule, attribute, None)
                if bound is not None:
                    values = (bound + allowed * step, bound + refused * step)
                    found.append(pytest.param(name, f"{sign} {bound}", *values, id=f"{name} {sign} {bound}"))
    return found


@pytest.mark.parametrize(("name", "bound", "allowed", "refused"), edges())
def test_every_bound_is_held_and_told(
    monkeypatch: pytest.MonkeyPatch, name: str, bound: str, allowed: float, refused: float
) -> None:
    """The value on a bound is taken; the next one is refused in a sentence with name, value and bound."""
    monkeypatch.setenv(name, str(allowed))
    assert loaded(name) == allowed
    monkeypatch.setenv(name, str(refused))
    (problem,) = problems()
    assert problem.startswith(f'{name} is "{refused}": ')
    assert bound in problem
    assert problem.endswith(" is wanted. Set it in .env or the environment." if "(" not in problem else "environment.")


@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_has_a_lower_bound(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """No setting that is a number takes a negative one."""
    monkeypatch.setenv(name, "-1")
    assert problems()[0].startswith(f'{name} is "-1": ')


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("PURCHASE_GEN_EVERY_MS", "0", 0),
        ("POSTGRES_PORT", "65535", 65535),
        ("USERS_SEED_COUNT", "1", 1),
        ("PURCHASE_HOT_SHARE", "1", 1.0),
        ("PURCHASE_ARRIVALS", "poisson", "poisson"),
        ("PURCHASE_MIX", "buy:1", {"buy": 1.0}),
        ("PURCHASE_MIX", " view:0.5 , cancel:0 ", {"view": 0.5, "cancel": 0.0}),
        ("FLASHSALE_STOCK", "", None),
        ("FLASHSALE_STOCK", "0", 0),
        ("FLASHSALE_OPENS_AFTER_S", "", None),
        ("FLASHSALE_OPENS_AFTER_S", "2.5", 2.5),
        ("SEED_PUBLICATION", "", ""),
        ("POSTGRES_DB", "läden-店", "läden-店"),
        ("RANDOM_SEED", str(2**63 - 1), 2**63 - 1),
    ],
)
def test_values_that_are_taken(monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object) -> None:
    """Text of the environment becomes the value that is meant; an empty optional is one that is not set."""
    monkeypatch.setenv(name, text)
    assert loaded(name) == value


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("PURCHASE_GEN_EVERY_MS", "abc", "a whole number of milliseconds ≥ 0, ≤ 3600000 (0 = as fast as answers come)"),
        ("PURCHASE_GEN_EVERY_MS", "", "a whole number of milliseconds"),
        ("PURCHASE_GEN_EVERY_MS", "1.5", "a whole number of milliseconds"),
        ("PURCHASE_GEN_EVERY_MS", "9" * 5000, "a whole number of milliseconds"),
        ("POSTGRES_PORT", "5432x", "a whole number ≥ 1, ≤ 65535"),
        ("POSTGRES_PORT", "70000", "a whole number ≥ 1, ≤ 65535"),
        ("POSTGRES_HOST", "", "text not empty"),
        ("POSTGRES_SSLMODE", "yes", "one of disable, allow, prefer, require, verify-ca, verify-full"),
        ("PURCHASE_ARRIVALS", "Poisson", "one of regular, poisson"),
        ("FLASHSALE_STOCK", "many", "a whole number of units ≥ 0, ≤ 1000000000 (empty = the stock that is there)"),
        ("WARMUP_S", "10s", "a number of seconds ≥ 0"),
        ("PURCHASE_MIX", "", "kind:weight"),
        ("PURCHASE_MIX", "buy", "kind:weight"),
        ("PURCHASE_MIX", "buy:1,buy:2", "kind:weight"),
        ("PURCHASE_MIX", "steal:1", "kind:weight"),
        ("PURCHASE_MIX", "buy:-1", "kind:weight"),
        ("PURCHASE_MIX", "buy:0,view:0", "kind:weight"),
        ("PURCHASE_MIX", "buy:nan", "kind:weight"),
        ("PURCHASE_MIX", "buy:inf", "kind:weight"),
        ("PURCHASE_MIX", "buy:viel", "kind:weight"),
    ],
)
def test_values_that_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, text: str, wanted: str) -> None:
    """A wrong value is refused in one sentence that names the setting, the value and what is allowed."""
    monkeypatch.setenv(name, text)
    (problem,) = problems()
    assert problem.startswith(f'{name} is "{text}": ')
    assert wanted in problem
    assert problem.endswith("Set it in .env or the environment.")


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "NaN", "Infinity", "1e999"])
@pytest.mark.parametrize("name", FLOATS)
def test_no_number_is_infinite_or_undefined(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    """NaN and infinities are refused everywhere."""
    monkeypatch.setenv(name, text)
    (problem,) = problems()
    assert problem.startswith(f'{name} is "')


def test_all_mistakes_are_told_at_once(monkeypatch: pytest.MonkeyPatch, no_settings: Path) -> None:
    """Wrong values of several groups, unreadable files and unknown names come together, each in its sentence."""
    (no_settings / "latin").write_bytes(b"\xe4\xf6")
    wrong = {
        "POSTGRES_PORT": "abc",
        "POSTGRES_PASSWORD_FILE": "/nowhere/secret",
        "POSTGRES_USER_FILE": str(no_settings),
        "POSTGRES_DB_FILE": "latin",
        "PURCHASE_MIX": "steal:1",
        "PURCHASE_ZIPF": "9",
        "WARMUP_S": "-3",
        "FLASHSALE_STOK": "1",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    found = problems()
    assert sorted(problem.split()[0] for problem in found) == sorted(wrong)
    told = dict(zip((problem.split()[0] for problem in found), found, strict=True))
    assert "No such file or directory" in told["POSTGRES_PASSWORD_FILE"]
    assert "Is a directory" in told["POSTGRES_USER_FILE"]
    assert "UTF-8" in told["POSTGRES_DB_FILE"]
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert str(caught.value) == "\n".join(found)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("PURCHASE_GEN_EVRY_MS", "Did you mean PURCHASE_GEN_EVERY_MS?"),
        ("PURCHASE_HOTSHARE", "Did you mean PURCHASE_HOT_SHARE?"),
        ("FLASHSALE_STOCKS", "Did you mean FLASHSALE_STOCK?"),
        ("PURCHASE_ZIPF_FIL", "Did you mean PURCHASE_ZIPF_FILE?"),
        ("PURCHASE_" + 40 * "店", "See .env.example."),
    ],
)
def test_misspelt_names_are_told_with_what_was_meant(monkeypatch: pytest.MonkeyPatch, name: str, hint: str) -> None:
    """A name that only looks like a setting is a mistake; what was probably meant is said, its value is not."""
    monkeypatch.setenv(name, "hunter2")
    assert problems() == (f"{name} is not a setting. {hint}",)


def test_other_names_are_the_platforms(monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform's own settings of the same file are no mistakes."""
    monkeypatch.setenv("POSTGRES_INITDB_ARGS", "--data-checksums")
    monkeypatch.setenv("KAFKA_HEAP", "1g")
    assert Settings.load().postgres.port == 5432
