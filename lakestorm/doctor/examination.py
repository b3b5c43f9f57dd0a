"""All services of a platform asked, one after another, and what they say put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from lakestorm.doctor import connect, kafka, object_store, postgres, registry
from lakestorm.doctor.finding import Checkup, wrong
from lakestorm.doctor.replication import PUBLISHED
from lakestorm.errors import LakestormError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from lakestorm.clients.database_facts import DatabaseFacts
    from lakestorm.settings import Settings

TITLES = {"postgres": "PostgreSQL", "kafka": "Kafka", "registry": "Registry", "connect": "Connect", "minio": "MinIO"}
SERVICES = tuple(TITLES)
Facts = TypeVar("Facts")


def services_from_text(text: str) -> tuple[str, ...]:
    """Names from `postgres,kafka` or `all`; raises UsageError on any other."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if names == ("all",):
        return SERVICES
    if not names or not set(names) <= set(SERVICES):
        raise UsageError(f'--only is "{text}": names of {", ".join(SERVICES)}, comma between, or all are wanted.')
    return names


def examine(settings: Settings, services: Collection[str], workers: int, say: Callable[[str], None]) -> list[Checkup]:
    """Every service that is asked for, in the order of SERVICES; nothing is changed.

    Connect is asked first, because it knows whose changes are followed and how.

    Args:
        settings: of the platform.
        services: of SERVICES.
        workers: processes that will make load, each with a pool of its own.
        say: takes a sentence before each service, as one that does not answer takes its time.

    Raises:
        UsageError: there is no load of so few processes.
    """
    if workers < 1:
        raise UsageError(f"--workers is {workers}: 1 process or more makes a load.")
    pipeline, look = settings.pipeline, Examination(settings, services, say)
    connector = look.ask(
        "connect", lambda: connect.ask(pipeline.connect_url, pipeline.connector_name, pipeline.connect_metrics_url)
    )
    followed = connect.followed(connector, settings)
    database = look.ask("postgres", lambda: postgres.ask(settings.postgres, followed.reader if followed else ""))
    schemas, topics = schemas_of(database), topics_of(settings, schemas_of(database))
    brokers = look.ask("kafka", lambda: kafka.ask(settings.kafka, topics))
    schema_registry = look.ask("registry", lambda: registry.ask(settings.registry, settings.login))
    store = look.ask("minio", lambda: object_store.ask(settings.minio))
    found = {
        "postgres": database and postgres.checkup(database, settings.postgres, workers, followed),
        "kafka": brokers and kafka.checkup(brokers, settings.kafka, topics, filled(database)),
        "registry": schema_registry and registry.checkup(schema_registry, settings.registry, settings.login),
        "connect": connector and connect.checkup(connector, settings, schemas),
        "minio": store and object_store.checkup(store, settings.minio),
    }
    return [found[name] or look.silent(name) for name in SERVICES if name in services]


class Examination:
    """Services asked one by one; of those that do not say what they are asked, the complaint is kept.

    Args:
        settings: of the platform.
        services: that may be asked.
        say: takes sentences.
    """

    def __init__(self, settings: Settings, services: Collection[str], say: Callable[[str], None]) -> None:
        self._services = services
        self._say = say
        self._complaints: dict[str, str] = {}
        self._addresses = {
            "postgres": postgres.where(settings.postgres),
            "kafka": settings.kafka.brokers,
            "registry": settings.registry.registry_url,
            "connect": settings.pipeline.connect_url,
            "minio": settings.minio.url,
        }

    def ask(self, name: str, question: Callable[[], Facts]) -> Facts | None:
        """What a service says; None if it is not asked (no address is off), or does not say it."""
        if name not in self._services or not self._addresses[name]:
            return None
        self._say(f"Asking {TITLES[name]} …")
        try:
            return question()
        except LakestormError as error:
            self._complaints[name] = str(error)
            return None

    def silent(self, name: str) -> Checkup:
        """A service that was not asked, or did not say what it was asked."""
        complaint = self._complaints.get(name)
        return Checkup(TITLES[name], self._addresses[name], findings=(wrong(complaint),) if complaint else ())


def topics_of(settings: Settings, schemas: Mapping[str, str]) -> kafka.Topics:
    """What a run writes and follows; `schemas` is {table: its schema}, as far as it is known."""
    login, prefix = settings.login, settings.pipeline.cdc_topic_prefix
    changes = {table: f"{prefix}.{schemas.get(table, 'public')}.{table}" for table in PUBLISHED} if prefix else {}
    return kafka.Topics([login.topic, login.labels_topic], changes)


def schemas_of(database: DatabaseFacts | None) -> dict[str, str]:
    """{table: its schema}, as far as it is known."""
    return {} if database is None else {name: table.schema for name, table in database.tables.items()}


def filled(database: DatabaseFacts | None) -> set[str] | None:
    """Tables that hold rows; None if the database did not answer."""
    return None if database is None else {name for name, table in database.tables.items() if table.is_filled}
