"""Settings of a run as a whole, of its load shape, and of its page."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from lakestorm.settings.group import Group
from lakestorm.settings.words import setting


class RunSettings(Group):
    """A run as a whole."""

    model_config = SettingsConfigDict(env_prefix="")

    random_seed: int = setting(1, "Seeds all data and choices; the same seed, the same data.", ge=0, lt=2**63)
    results_dir: Path = setting(Path("results"), "Where results folders are written.")
    results_keep: int = setting(20, "How many results folders are kept.", unit="folders", note="0 = all", ge=0)
    warmup_s: float = setting(0.0, "Requests intended before this are left out of thresholds.", unit="seconds", ge=0)
    thresholds_file: str = setting(
        "thresholds.toml",
        "What a run must hold (docs/thresholds.md); without this file a default rule.",
        note="empty = the default rule",
    )
    metrics_port: int = setting(
        0,
        "A run without the web page shows its metrics to Prometheus at this port of 127.0.0.1.",
        note="0 = none",
        ge=0,
        le=65535,
    )
    abort_grace_s: float = setting(
        10.0, "Thresholds with `abort:` are not looked at before this.", unit="seconds", note="from the start", ge=0
    )


class ReplaySettings(Group):
    """The load shape that replays a recording."""

    model_config = SettingsConfigDict(env_prefix="REPLAY_")

    file: str = setting(
        "", "CSV file of second,users that loadshapes/replay.py replays.", note="empty = the example beside it"
    )


class WebSettings(Group):
    """Locust's web page."""

    model_config = SettingsConfigDict(env_prefix="WEB_")

    bind: str = setting("127.0.0.1", "Address the web page listens on.", min_length=1)
    username: str = setting("", "Who may log in to it; needed where WEB_BIND is not loopback.", note="empty = no login")
    password: SecretStr = setting(SecretStr(""), "The password that goes with it, or WEB_PASSWORD_FILE.")
