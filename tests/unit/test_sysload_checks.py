"""SYSLOAD_WATCH: what it may name, what is wrong with the rest, and that no password is ever shown."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as thorough
from hypothesis import strategies as st

from lakestorm.errors import ExitCode, SettingsError
from lakestorm.settings import Settings
from sysload.checks import Check, checks_of

pytestmark = pytest.mark.usefixtures("no_settings")


def found(monkeypatch: pytest.MonkeyPatch, text: str) -> list[Check]:
    """The checks of a setting."""
    monkeypatch.setenv("SYSLOAD_WATCH", text)
    return checks_of(Settings.load())


HAPPY = {
    "": [],
    " , ,": [],
    "http://shop:8080/health": [("http://shop:8080/health", "http", "shop", 8080, "/health", "")],
    "http://shop": [("http://shop:80", "http", "shop", 80, "/", "")],
    "HTTPS://Shop/a?token=s3cret": [("https://shop:443/a", "https", "shop", 443, "/a?token=s3cret", "")],
    "tcp://10.0.0.7:9": [("tcp://10.0.0.7:9", "tcp", "10.0.0.7", 9, "/", "")],
    "tcp://[::1]:65535": [("tcp://[::1]:65535", "tcp", "::1", 65535, "/", "")],
    "kafka://kafka": [("kafka://kafka:9092", "kafka", "kafka", 9092, "/", "")],
    "postgres://eve@db:6000/shop": [("postgres://eve@db:6000/shop", "postgres", "db", 6000, "shop", "eve")],
    "postgresql://db": [("postgres://postgresuser@db:5432/oneshop", "postgres", "db", 5432, "oneshop", "postgresuser")],
    "tcp://a:1, tcp://b:2": [("tcp://a:1", "tcp", "a", 1, "/", ""), ("tcp://b:2", "tcp", "b", 2, "/", "")],
}


@pytest.mark.parametrize("text", HAPPY)
def test_what_may_be_watched(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Each kind of address is read, and what it leaves out is filled in."""
    seen = [(c.name, c.scheme, c.host, c.port, c.path, c.user) for c in found(monkeypatch, text)]
    assert seen == HAPPY[text]


SAD = {
    "ftp://files:21": "ftp is no scheme",
    "shop:8080": "no scheme",
    "://x": "is no scheme",
    "http://": "no host",
    "tcp://shop": "no port",
    "tcp://shop:0": "no port",
    "tcp://shop:65536": "no number from 1 to 65535",
    "tcp://shop:ssh": "no number from 1 to 65535",
    "tcp://shop:1/path": "tcp takes no path",
    "http://[::1": "no address",
    "http://a b:1": "a blank",
    f"http://{'a' * 64}:1": "no name that can be looked up",
}


@pytest.mark.parametrize("text", SAD)
def test_what_may_not(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """An address that cannot be watched is quoted, with what is wrong and what is wanted; the process ends with 5."""
    with pytest.raises(SettingsError) as caught:
        found(monkeypatch, text)
    (problem,) = caught.value.problems
    assert problem.startswith(f'SYSLOAD_WATCH has "{text}": ')
    assert SAD[text] in problem
    assert "tcp://host:port" in problem
    assert caught.value.exit_code == ExitCode.SETTINGS


def test_a_user_where_none_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka's credentials are settings of their own; what stands before an @ may be a secret and is not quoted."""
    with pytest.raises(SettingsError, match=r'"kafka://…@kafka:1": kafka takes no user'):
        found(monkeypatch, "kafka://eve@kafka:1")


def test_all_mistakes_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence an address that is wrong, and one for each that stands twice."""
    with pytest.raises(SettingsError) as caught:
        found(monkeypatch, "ftp://a,tcp://b:1,gopher://c,tcp://b:1")
    assert [p.partition(":")[0] for p in caught.value.problems] == [
        'SYSLOAD_WATCH has "ftp',
        'SYSLOAD_WATCH has "gopher',
        "SYSLOAD_WATCH has tcp",
    ]


def test_passwords_come_from_the_address_or_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password in the address wins over POSTGRES_PASSWORD, percent signs read as URLs have them."""
    monkeypatch.setenv("POSTGRES_PASSWORD", "of the shop")
    own, shop = found(monkeypatch, "postgres://eve:p%2C%40w@db/x,postgres://eve@db/y")
    assert own.password.get_secret_value() == "p,@w"
    assert shop.password.get_secret_value() == "of the shop"


SECRET = st.text("abcXYZ019-._~!$&'()*+;=%:?#[]/ @ü\u2100", min_size=1).map(lambda text: f"S3CR{text}ET")


@given(
    scheme=st.sampled_from(["http", "https", "tcp", "postgres", "kafka", "ftp", "", "h ttp"]),
    secret=SECRET,
    host=st.sampled_from(["db", "", "[::1", "a b", "x" * 70]),
    rest=st.sampled_from(["", ":1", ":0", ":x", "/path", ":5/p?q"]),
)
@thorough(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_password_is_shown(monkeypatch: pytest.MonkeyPatch, scheme: str, secret: str, host: str, rest: str) -> None:
    """Whatever is wrong with an address: no error, no name and no settings in a result hold its password."""
    with monkeypatch.context() as patched:
        patched.setenv("SYSLOAD_WATCH", f"{scheme}://eve:{secret}@{host}{rest}")
        settings = Settings.load()
        try:
            shown = repr([(check, check.name) for check in checks_of(settings)])
        except SettingsError as error:
            shown = str(error)
    assert "S3CR" not in shown + repr(settings.public()) + repr(settings)
