"""`lakestorm doctor` on real services: green where all is well; else what is wrong, and a remedy that does mend it."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import secrets
import shlex
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from confluent_kafka.admin import AdminClient

from lakestorm import cli
from lakestorm.clients.database_facts import database_facts
from lakestorm.doctor.postgres import RIGHTS
from lakestorm.doctor.replication import reader_findings
from tests.conftest import execute
from tests.integration.locust_process import ROOT, open_database, rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lakestorm.sandbox.box import Sandbox
    from tests.conftest import OwnPostgres

TIMEOUT_S = 60
NOBODY = "http://127.0.0.1:9"


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """What one call said."""

    code: int
    out: str
    err: str

    @property
    def services(self) -> dict[str, dict[str, Any]]:
        """{service: its checkup}, of `--json`."""
        return {checkup["service"]: checkup for checkup in json.loads(self.out)}

    def faults(self, service: str) -> list[tuple[str, str]]:
        """(sentence, remedy) of everything that is wrong with a service."""
        return [(f["says"], f["mend"]) for f in self.services[service]["findings"] if f["level"] == "wrong"]

    def remedy(self, service: str, part: str) -> str:
        """The remedy of the one fault whose sentence has this in it."""
        (mend,) = (mend for says, mend in self.faults(service) if part in says)
        return mend


def doctor(env: Mapping[str, str], folder: Path, *arguments: str) -> Diagnosis:
    """`lakestorm doctor …` in this process: it is called often, and starting Python takes longer than it does."""
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["lakestorm", "doctor", *arguments])
        for name, value in env.items():
            patch.setenv(name, value)
        code = cli.main()
    return Diagnosis(code, out.getvalue(), err.getvalue())


def called(env: Mapping[str, str], folder: Path, *arguments: str) -> Diagnosis:
    """`lakestorm doctor …` as a person calls it."""
    line = [sys.executable, "-m", "lakestorm.cli", "doctor", *arguments]
    everything = {**os.environ, "PYTHONPATH": str(ROOT), **env}
    done = subprocess.run(line, cwd=folder, env=everything, capture_output=True, text=True, timeout=180, check=False)
    return Diagnosis(done.returncode, done.stdout, done.stderr)


def examined(env: Mapping[str, str], folder: Path, *services: str) -> Diagnosis:
    """The same as JSON, of some services or all."""
    return doctor(env, folder, "--json", "--only", ",".join(services) or "all")


def send(command: str) -> None:
    """Do what a `curl` line says."""
    words = shlex.split(command)
    assert words[:2] == ["curl", "-X"]
    httpx2.request(words[2], words[3], timeout=TIMEOUT_S, trust_env=False).raise_for_status()


@contextlib.contextmanager
def changed(env: Mapping[str, str], change: str, back: str) -> Iterator[None]:
    """The database otherwise for a while; what a test mended itself is set back all the same."""
    execute(env, change)
    try:
        yield
    finally:
        execute(env, back)


def everything_that_could_change(env: Mapping[str, str]) -> dict[str, Any]:
    """Tables, rights, publications, slots, topics, subjects, connectors."""
    admin = AdminClient({"bootstrap.servers": env["KAFKA_BROKERS"]})
    get = {"subjects": env["SCHEMA_REGISTRY_URL"] + "/subjects", "connectors": env["CONNECT_URL"] + "/connectors"}
    return {
        "tables": rows(env, "SELECT relname, relreplident, relacl::text FROM pg_class ORDER BY 1"),
        "publications": rows(env, "SELECT * FROM pg_publication_tables ORDER BY 1, 2, 3"),
        "slots": rows(env, "SELECT slot_name FROM pg_replication_slots"),
        "written": rows(env, "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables"),
        "topics": sorted(admin.list_topics(timeout=TIMEOUT_S).topics),
        **{what: httpx2.get(url, timeout=TIMEOUT_S, trust_env=False).json() for what, url in get.items()},
    }


def test_a_platform_that_is_well(pipeline: dict[str, str], tmp_path: Path) -> None:
    """Every service is green with its version and a round trip; exit 0, a line each, and nothing is changed by it."""
    before = everything_that_could_change(pipeline)
    found = examined(pipeline, tmp_path)
    assert found.code == 0, found.out
    services = found.services
    assert {name: checkup["state"] for name, checkup in services.items()} == {
        "PostgreSQL": "ok", "Kafka": "ok", "Registry": "ok", "Connect": "ok", "MinIO": "off",
    }  # fmt: skip
    assert services["PostgreSQL"]["version"].startswith("18.")
    assert services["Registry"]["version"] == "3.0.9"
    assert services["Connect"]["version"].startswith("4.")
    assert all(services[name]["round_trip_ms"] > 0 for name in services if name != "MinIO")
    shown = called(pipeline, tmp_path)
    lines = [line.split() for line in shown.out.splitlines()]
    assert shown.code == 0
    assert [line[0] for line in lines if line[-1:] == ["ok"]] == ["PostgreSQL", "Kafka", "Registry", "Connect"]
    assert "held by Debezium Streaming at 127.0.0.1" in doctor(pipeline, tmp_path, "--verbose").out
    assert everything_that_could_change(pipeline) == before


def test_secrets_are_not_told(pipeline: dict[str, str], tmp_path: Path) -> None:
    """No password stands in what the doctor says, though it looks at everything."""
    found = examined({**pipeline, "KAFKA_SASL_PASSWORD": "hush-hush"}, tmp_path)
    assert pipeline["POSTGRES_PASSWORD"] not in found.out + found.err
    assert "hush-hush" not in found.out + found.err


def test_a_publication_that_lacks_a_table(pipeline: dict[str, str], tmp_path: Path) -> None:
    """The statement that the doctor gives adds the table, and all is green afterwards."""
    execute(pipeline, "ALTER PUBLICATION dbz_publication DROP TABLE items, users")
    found = examined(pipeline, tmp_path, "postgres", "connect")
    assert (found.code, len(found.faults("PostgreSQL"))) == (5, 1)
    execute(pipeline, found.remedy("PostgreSQL", "lacks public.users, public.items"))
    assert examined(pipeline, tmp_path).code == 0


def test_a_publication_that_leaves_things_out(pipeline: dict[str, str], tmp_path: Path) -> None:
    """Kinds of changes and rows that a publication sieves out are found, and each remedy brings them back."""
    execute(pipeline, "ALTER PUBLICATION dbz_publication SET (publish = 'insert')")
    execute(pipeline, "ALTER PUBLICATION dbz_publication SET TABLE users, items, purchases WHERE (id > 10)")
    found = examined(pipeline, tmp_path, "postgres", "connect")
    execute(pipeline, found.remedy("PostgreSQL", "leaves out delete, update"))
    execute(pipeline, found.remedy("PostgreSQL", "only the rows of public.purchases"))
    assert examined(pipeline, tmp_path, "postgres", "connect").code == 0


def test_a_table_without_identity(pipeline: dict[str, str], tmp_path: Path) -> None:
    """A table whose updates would be refused is found, and the remedy gives it its identity back."""
    execute(pipeline, "ALTER TABLE users REPLICA IDENTITY NOTHING")
    found = examined(pipeline, tmp_path, "postgres")
    execute(pipeline, found.remedy("PostgreSQL", "public.users has no replica identity"))
    assert found.code == 5
    assert examined(pipeline, tmp_path, "postgres").code == 0


def test_a_role_without_rights(pipeline: dict[str, str], tmp_path: Path) -> None:
    """What the load's role lacks is granted by the remedies as they stand."""
    name = f"Poor {secrets.token_hex(3)}"
    execute(pipeline, f"CREATE ROLE \"{name}\" LOGIN PASSWORD 'x' CONNECTION LIMIT 5")
    execute(pipeline, f'GRANT SELECT ON users, items TO "{name}"')
    poor = {**pipeline, "POSTGRES_USER": name, "POSTGRES_PASSWORD": "x"}
    with changed(pipeline, "SELECT 1", f'DROP OWNED BY "{name}"; DROP ROLE "{name}"'):
        found = examined(poor, tmp_path, "postgres", "connect")
        lacking = {says for says, _ in found.faults("PostgreSQL")}
        assert f"The role {name} lacks UPDATE on items." in lacking
        assert f"The role {name} lacks SELECT, INSERT, UPDATE on purchases." in lacking
        for _, mend in found.faults("PostgreSQL"):
            execute(pipeline, mend)
        assert examined(poor, tmp_path, "postgres", "connect").code == 0


def test_a_connector_whose_role_may_not_read(pipeline: dict[str, str], tmp_path: Path) -> None:
    """The role that the connector logs in as is looked at, not only ours: what it lacks is granted by the remedies."""
    name = f"reader_{secrets.token_hex(3)}"
    execute(pipeline, f"CREATE ROLE {name} LOGIN")
    url = f"{pipeline['CONNECT_URL']}/connectors/{pipeline['CONNECTOR_NAME']}"
    config = httpx2.get(f"{url}/config", trust_env=False).json()
    theirs = {**config, "name": name, "database.user": name, "slot.name": name, "topic.prefix": name}
    with changed(pipeline, "SELECT 1", f"DROP OWNED BY {name}; DROP ROLE {name}"):
        connectors = pipeline["CONNECT_URL"] + "/connectors"
        body = {"name": name, "config": theirs, "initial_state": "STOPPED"}
        refused = httpx2.post(connectors, json=body, timeout=TIMEOUT_S, trust_env=False)
        assert refused.status_code == 400, "Connect tries a connector's role when it is registered"
        found = facts_about(pipeline, name)
        assert [finding.mend for finding in found] == [
            f"ALTER ROLE {name} REPLICATION;",
            f"GRANT SELECT ON public.users, public.items, public.purchases TO {name};",
        ]
        for finding in found:
            execute(pipeline, finding.mend)
        assert facts_about(pipeline, name) == []


def facts_about(env: Mapping[str, str], reader: str) -> list[Any]:
    """What the doctor finds wrong with a connector's role."""
    with contextlib.closing(open_database(env)) as backend:
        return [f for f in reader_findings(database_facts(backend, RIGHTS, reader), reader) if f.level == "wrong"]


def test_pools_that_find_no_room(pipeline: dict[str, str], tmp_path: Path) -> None:
    """Pool × processes above max_connections is told before a run finds out."""
    found = doctor(
        {**pipeline, "POSTGRES_POOL_SIZE": "30"}, tmp_path, "--json", "--only", "postgres", "--workers", "20"
    )
    assert found.code == 5
    assert "POSTGRES_POOL_SIZE 30 × 20 processes needs 600" in found.faults("PostgreSQL")[0][0]
    assert found.remedy("PostgreSQL", "needs 600").startswith("ALTER SYSTEM SET max_connections = ")


def test_a_log_that_tells_no_rows(own_postgres: OwnPostgres, tmp_path: Path) -> None:
    """wal_level replica is found with an empty database's missing tables; the remedies and a restart mend all."""
    env = {**own_postgres.env, "REPLICATION_SLOT": "debezium"}
    execute(env, "ALTER SYSTEM SET wal_level = 'replica'")
    restart(own_postgres)
    found = examined(env, tmp_path, "postgres")
    assert found.code == 5
    assert found.remedy("PostgreSQL", "There is no table users, items, purchases, restocks") == "python -m seed schema"
    execute(env, found.remedy("PostgreSQL", "wal_level is replica"))
    restart(own_postgres)
    seed = [sys.executable, "-m", *found.remedy("PostgreSQL", "no table").split()[2:]]
    subprocess.run(
        seed, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT), **env}, check=True, timeout=TIMEOUT_S
    )
    found = examined(env, tmp_path, "postgres")
    execute(env, found.remedy("PostgreSQL", "no publication dbz_publication"))
    execute(env, found.remedy("PostgreSQL", "no replication slot debezium"))
    found = examined(env, tmp_path, "postgres")
    ((says, mend),) = found.faults("PostgreSQL")
    assert "The replication slot debezium is read by nobody" in says
    assert "SELECT pg_drop_replication_slot('debezium')" in says
    assert mend == ""


def restart(postgres: OwnPostgres) -> None:
    """Stop the server and start it again: some settings hold only then."""
    postgres.sandbox.down()
    postgres.start()


def test_a_connector_that_rests(pipeline: dict[str, str], tmp_path: Path) -> None:
    """A paused connector is told in its own line, and the command that the doctor gives makes it run."""
    send(f"curl -X PUT '{pipeline['CONNECT_URL']}/connectors/{pipeline['CONNECTOR_NAME']}/pause'")
    found = until(pipeline, tmp_path, "The connector shop is PAUSED.")
    assert found.code == 5
    send(found.remedy("Connect", "The connector shop is PAUSED."))
    assert until(pipeline, tmp_path, "").code == 0


def until(env: Mapping[str, str], folder: Path, part: str) -> Diagnosis:
    """Connect's checkup, once it says this; an empty text is no fault at all."""
    until_s = time.monotonic() + TIMEOUT_S
    while True:
        found = examined(env, folder, "connect")
        says = [says for says, _ in found.faults("Connect")]
        if part in says or says == [part] * bool(part):
            return found
        assert time.monotonic() < until_s, says


def test_settings_that_speak_of_something_else(pipeline: dict[str, str], tmp_path: Path) -> None:
    """Where prefix, slot or database are not the connector's, each remedy is the setting as it should be."""
    wrong = {"CDC_TOPIC_PREFIX": "another", "REPLICATION_SLOT": "another"}
    found = examined({**pipeline, **wrong}, tmp_path, "postgres", "kafka", "connect")
    right = dict(mend.split("=") for says, mend in found.faults("Connect"))
    assert right == {name: pipeline[name] for name in wrong}
    assert "There is no topic another.public.items, though the table items holds rows" in found.faults("Kafka")[1][0]
    assert "There is no replication slot another" in found.faults("PostgreSQL")[0][0]
    assert examined({**pipeline, **right}, tmp_path, "connect").code == 0


def test_a_subject_that_refuses_our_schema(pipeline: dict[str, str], tmp_path: Path) -> None:
    """A topic's subject with another record under it is found; the remedy is topics of our own."""
    topic = f"taken-{secrets.token_hex(4)}"
    schema = {"type": "record", "name": "Other", "fields": [{"name": "user_id", "type": "int"}]}
    url = f"{pipeline['SCHEMA_REGISTRY_URL']}/subjects/{topic}-value/versions"
    httpx2.post(url, json={"schema": json.dumps(schema)}, timeout=TIMEOUT_S, trust_env=False).raise_for_status()
    found = examined({**pipeline, "LOGIN_TOPIC": topic}, tmp_path, "registry")
    assert found.code == 5
    mended = dict(word.split("=") for word in found.remedy("Registry", f"{topic}-value has version 1").split())
    assert examined({**pipeline, **mended}, tmp_path, "registry").code == 0


def test_an_object_store(minio: dict[str, str], tmp_path: Path) -> None:
    """A bucket that is not there is noted, and not made by looking; keys that are wrong are a fault."""
    env = {**minio, "MINIO_BUCKET_NAME": f"doctor-{secrets.token_hex(4)}"}
    for _ in range(2):
        found = examined(env, tmp_path, "minio")
        assert (found.code, [f["level"] for f in found.services["MinIO"]["findings"]]) == (0, ["note"])
    found = examined({**env, "MINIO_SECRET_KEY": "guessed-wrong"}, tmp_path, "minio")
    assert found.code == 5
    assert "does not take MINIO_ACCESS_KEY and MINIO_SECRET_KEY" in found.faults("MinIO")[0][0]
    assert "guessed-wrong" not in found.out


@pytest.mark.parametrize(
    ("service", "setting", "value", "says"),
    [
        ("postgres", "POSTGRES_PORT", "9", "Check POSTGRES_HOST, POSTGRES_PORT"),
        ("postgres", "POSTGRES_PASSWORD", "guess", "password authentication failed"),
        ("kafka", "KAFKA_BROKERS", "127.0.0.1:9", "Check KAFKA_BROKERS"),
        ("registry", "SCHEMA_REGISTRY_URL", NOBODY, "Check SCHEMA_REGISTRY_URL"),
        ("registry", "SCHEMA_REGISTRY_URL", "{CONNECT_URL}", "not as a schema registry does"),
        ("connect", "CONNECT_URL", "{SCHEMA_REGISTRY_URL}", "not as Kafka Connect does"),
        ("connect", "CONNECT_METRICS_URL", "{CONNECT_URL}", "Check CONNECT_METRICS_URL"),
        ("connect", "CONNECTOR_NAME", "nobody", "There is no connector nobody. There are: shop."),
        ("minio", "MINIO_URL", NOBODY, "nobody listens there"),
        ("minio", "MINIO_URL", "nowhere", "an address as http://minio:9000 is wanted"),
    ],
)
def test_services_that_are_not_there(
    pipeline: dict[str, str], tmp_path: Path, service: str, setting: str, value: str, says: str
) -> None:
    """A service that does not answer, or is something else, is wrong with a sentence that names its setting; exit 5."""
    found = examined({**pipeline, setting: value.format_map(pipeline)}, tmp_path, service)
    ((sentence, _),) = found.faults(next(iter(found.services)))
    assert found.code == 5
    assert says in sentence


@pytest.mark.parametrize(
    ("arguments", "says"), [(("--only", "zookeeper"), '--only is "zookeeper"'), (("--workers", "0"), "--workers is 0")]
)
def test_wrong_usage(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    """What is not a service, and a load of no process, is wrong usage."""
    found = doctor({}, tmp_path, *arguments)
    assert (found.code, found.out) == (2, "")
    assert says in found.err


def test_connect_stopped(pipeline_box: Sandbox, pipeline: dict[str, str], tmp_path: Path) -> None:
    """Stopped, Connect's line is red and says how to start it; the slot has nobody; started again all is green."""
    pipeline_box.services["connect"].down()
    try:
        found = called(pipeline, tmp_path)
        assert found.code == 5
        (line,) = (line for line in found.out.splitlines() if line.startswith("Connect"))
        assert line.split()[-1] == "wrong"
        assert "Check CONNECT_URL, or start one with `lakestorm sandbox up --with postgres,kafka,connect`." in found.out
        assert "The replication slot debezium is read by nobody" in found.out
        (registry,) = (line for line in found.out.splitlines() if line.startswith("Registry"))
        assert registry.split()[-1] == "ok"
    finally:
        pipeline_box.up(["connect"])
    assert examined(pipeline, tmp_path).code == 0
