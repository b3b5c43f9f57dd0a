"""`docker-compose.yml` as docker compose itself reads it: what each service is given, and what wrong settings say."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from lakestorm.settings import env_name, every_field
from tests.integration.compose_process import Compose, command
from tests.integration.locust_process import ROOT

if TYPE_CHECKING:
    from pathlib import Path

GENERATORS = {"items-loadgen", "flashsale-loadgen", "login-loadgen", "loadgen", "locust-master", "locust-worker"}
PLATFORM = {
    "postgres", "kafka", "schema-registry", "connect", "minio", "jobmanager", "taskmanager", "clickhouse", "opensearch",
}  # fmt: skip
ONCE = {"items-loadgen", "platform-init"}
CONTAINERS_OWN = {
    "RESULTS_DIR", "WEB_BIND", "WEB_USERNAME", "SYSLOAD_BIND", "SYSLOAD_PORT", "SYSLOAD_DISK_DIR", "SYSLOAD_SPOOL_DIR",
    "PLATFORM_NETWORK", "LOADGEN_CPUS", "LOADGEN_MEMORY_MB",
}  # fmt: skip
"""Settings that mean something else inside of a container, or that compose itself uses."""
SECRETS = {env_name(group, name) for group, name, field in every_field() if field.annotation is SecretStr}
DRAIN_S = 60


@pytest.fixture(scope="module")
def line() -> list[str]:
    """How compose is called on this machine."""
    return command()


@pytest.fixture(scope="module")
def compose(line: list[str], tmp_path_factory: pytest.TempPathFactory) -> Compose:
    """Compose in a folder where `.env.example` was copied to `.env`."""
    folder = tmp_path_factory.mktemp("compose")
    shutil.copy(ROOT / ".env.example", folder / ".env")
    return Compose(line, folder)


@pytest.fixture(scope="module")
def found(compose: Compose) -> dict[str, Any]:
    """Every service with the settings of the example, the platform's too."""
    return services(compose)


def services(compose: Compose, **env: str) -> dict[str, Any]:
    """Every service, the platform's too."""
    found: dict[str, Any] = compose.config("platform", env=env)["services"]
    return found


@pytest.mark.parametrize("options", [(), ("--profile", "platform")])
def test_the_example_is_enough(compose: Compose, options: tuple[str, ...]) -> None:
    """With `.env.example` as `.env` the file is whole, with the platform and without, and nothing is complained of."""
    done = compose.run(*options, "config", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_profiles(compose: Compose, found: dict[str, Any]) -> None:
    """Without a profile there are the generators alone; with it the platform, and what sets it up once."""
    assert set(compose.config()["services"]) == GENERATORS
    assert set(found) == GENERATORS | PLATFORM | {"platform-init"}


@pytest.mark.parametrize("name", ["POSTGRES_USER", "POSTGRES_DB", "MINIO_ACCESS_KEY"])
def test_a_required_variable_that_is_missing_is_named(line: list[str], tmp_path: Path, name: str) -> None:
    """Without it compose refuses, names it, and says what to do."""
    kept = [one for one in (ROOT / ".env.example").read_text().splitlines() if not one.startswith(f"{name}=")]
    (tmp_path / ".env").write_text("\n".join(kept))
    done = Compose(line, tmp_path).run("config", "-q")
    assert done.returncode != 0
    assert f"required variable {name} is missing a value: copy .env.example to .env" in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [("LOADGEN_CPUS", "many", "many"), ("LOADGEN_MEMORY_MB", "half", "halfm"), ("SYSLOAD_PORT", "door", "door")],
)
def test_a_wrong_value_is_told(compose: Compose, name: str, value: str, told: str) -> None:
    """What compose itself needs as a number and is none: refused, with the value."""
    done = compose.run("config", "-q", env={name: value})
    assert done.returncode != 0
    assert told in done.stderr


def test_ports_are_published_on_loopback_alone(found: dict[str, Any]) -> None:
    """Nothing is published for other machines; workers publish nothing, and have no name of their own: they scale."""
    published = [port for service in found.values() for port in service.get("ports", [])]
    assert {port["host_ip"] for port in published} == {"127.0.0.1"}
    assert len({port["published"] for port in published}) == len(published) >= 10
    assert "ports" not in found["locust-worker"]
    assert not any("container_name" in service for service in found.values())


@pytest.mark.parametrize("name", sorted(GENERATORS | {"platform-init"}))
def test_our_containers_can_do_little(found: dict[str, Any], name: str) -> None:
    """Another user than root, a file system that cannot be written, no capability, and none to be got."""
    service = found[name]
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    assert service["entrypoint"] == ["python3", "/app/deploy/entrypoint.py", name]


def test_secrets_stand_in_no_environment(compose: Compose, found: dict[str, Any]) -> None:
    """A secret in `.env` appears nowhere in what an engine is given: it comes as a file, named by `NAME_FILE`."""
    env = {name: f"hidden-{number}-hidden" for number, name in enumerate(sorted(SECRETS))}
    text = compose.run("--profile", "platform", "config", "--format", "json", env=env).stdout
    assert "hidden-" not in text
    for name, service in found.items():
        assert SECRETS & set(service.get("environment", {})) == set(), name
        mounted = {secret["source"] for secret in service.get("secrets", [])}
        files = [value for key, value in service.get("environment", {}).items() if key.endswith("_FILE") and value]
        read = {file.removeprefix("/run/secrets/") for file in files if file.startswith("/run/secrets/")}
        assert read <= mounted, name


def test_each_service_gets_its_own_secrets_only(found: dict[str, Any]) -> None:
    """The seed has the database's password and nothing else; the page's password is the master's alone."""
    assert [secret["source"] for secret in found["items-loadgen"]["secrets"]] == ["postgres_password"]
    having = {name for name, one in found.items() if "web_password" in [s["source"] for s in one.get("secrets", [])]}
    assert having == {"locust-master"}


def test_a_secret_may_be_a_file_of_the_users(compose: Compose) -> None:
    """`NAME_FILE` in `.env` is the file that is mounted; without it, the one that `make up` writes."""
    given = compose.config(env={"POSTGRES_PASSWORD_FILE": "/elsewhere/password"})["secrets"]
    assert given["postgres_password"]["file"] == "/elsewhere/password"
    assert given["minio_secret_key"]["file"] == str(compose.folder / "secrets" / "minio_secret_key")


def test_every_setting_reaches_the_containers(compose: Compose, found: dict[str, Any]) -> None:
    """Each setting of `.env` that is no secret and not the container's own is passed on, with its value."""
    names = {env_name(group, name) for group, name, _ in every_field()} - SECRETS - CONTAINERS_OWN
    example = dict(
        line.split("=", 1) for line in (ROOT / ".env.example").read_text().splitlines() if line[:1].isupper()
    )
    for service in GENERATORS:
        given = found[service]["environment"]
        assert {name: given.get(name) for name in names} == {name: example[name] for name in names}
    assert (
        services(compose, PURCHASE_GEN_EVERY_MS="7")["flashsale-loadgen"]["environment"]["PURCHASE_GEN_EVERY_MS"] == "7"
    )


def test_who_waits_for_whom(found: dict[str, Any]) -> None:
    """Everybody waits for the seed's good end; the seed waits for the platform, where there is one."""
    for name in GENERATORS - {"items-loadgen", "loadgen"}:
        assert found[name]["depends_on"]["items-loadgen"]["condition"] == "service_completed_successfully", name
    waits = found["items-loadgen"]["depends_on"]
    assert waits["postgres"] == {"condition": "service_healthy", "required": False}
    assert waits["platform-init"] == {"condition": "service_completed_successfully", "required": False}


def test_restarts(found: dict[str, Any]) -> None:
    """Generators go on and on beside the platform; what is done once is not started again."""
    assert {name for name, service in found.items() if "restart" not in service} == ONCE
    assert {service["restart"] for name, service in found.items() if name not in ONCE} == {"unless-stopped"}


def test_there_is_time_to_drain(found: dict[str, Any]) -> None:
    """`down` waits longer than users, pipeline and audit may take with default settings."""
    for name in GENERATORS:
        wanted = DRAIN_S if name == "loadgen" else 10 + 120 + 30 + DRAIN_S
        assert seconds(found[name]["stop_grace_period"]) >= wanted, name


def seconds(text: str) -> int:
    """Compose's `4m0s` in seconds."""
    minutes, _, rest = text.rpartition("m")
    return int(minutes or 0) * 60 + int(rest.removesuffix("s"))


def test_sys_load_is_limited(compose: Compose) -> None:
    """CPU and memory of the sys-load container are what `.env` says, and memory has no swap to escape to."""
    service = compose.config(env={"LOADGEN_CPUS": "0.5", "LOADGEN_MEMORY_MB": "256"})["services"]["loadgen"]
    assert service["cpus"] == 0.5
    assert int(service["mem_limit"]) == int(service["memswap_limit"]) == 256 * 2**20


def test_own_network_or_an_existing_one(compose: Compose) -> None:
    """Without PLATFORM_NETWORK all share a network that compose makes; with it, the one that exists under that name."""
    assert compose.config()["networks"]["platform"].get("external") is None
    joined = compose.config(env={"PLATFORM_NETWORK": "shop_default"})
    assert set(joined["networks"]) == {"joined-platform"}
    assert joined["networks"]["joined-platform"].items() >= {"name": "shop_default", "external": True}.items()
    assert {name for service in joined["services"].values() for name in service["networks"]} == {"joined-platform"}


def test_results_outlive_their_container(found: dict[str, Any]) -> None:
    """Each headless service writes results of its own into a volume, so that none prunes the other's."""
    wanted = {"flashsale-loadgen": "flashsale", "login-loadgen": "login", "locust-master": "web"}
    for name, folder in wanted.items():
        assert found[name]["environment"]["RESULTS_DIR"] == f"/results/{folder}"
        assert ("results", "/results") in [(v["source"], v["target"]) for v in found[name]["volumes"]], name


def test_the_page_asks_who_comes(compose: Compose, found: dict[str, Any]) -> None:
    """Inside of its container the page listens for all, so it has a user and a password, whatever `.env` leaves out."""
    given = found["locust-master"]["environment"]
    assert given["WEB_BIND"] == "0.0.0.0"  # noqa: S104 - what is published is on loopback
    assert (given["WEB_USERNAME"], given["WEB_PASSWORD_FILE"]) == ("lakestorm", "/run/secrets/web_password")
    assert services(compose, WEB_USERNAME="ann")["locust-master"]["environment"]["WEB_USERNAME"] == "ann"


@pytest.mark.parametrize("name", sorted(PLATFORM))
def test_platform_images_are_pinned_and_watched(compose: Compose, found: dict[str, Any], name: str) -> None:
    """A version that says which, a digest if one is asked for, and a health check."""
    variable = {"jobmanager": "FLINK", "taskmanager": "FLINK"}.get(name, name.upper().replace("-", "_"))
    service = found[name]
    tag = service["image"].rpartition(":")[2]
    assert any(character.isdigit() for character in tag)
    assert "." in tag or "-" in tag
    pinned = services(compose, **{f"{variable}_IMAGE_DIGEST": "@sha256:" + "a" * 64})[name]["image"]
    assert pinned == service["image"] + "@sha256:" + "a" * 64
    assert service["healthcheck"]["test"]


def test_changes_can_be_read(found: dict[str, Any]) -> None:
    """PostgreSQL writes the log that Debezium reads."""
    assert "wal_level=logical" in found["postgres"]["command"]
