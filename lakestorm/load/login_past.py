"""A topic's past: runs before this one left every account somewhere, and from there it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gevent

from lakestorm.clients.own_logins import OwnLogins
from lakestorm.clients.topics import headers_of, read_between
from lakestorm.errors import SettingsError
from lakestorm.model.crowd import dealt_to
from lakestorm.model.login_schema import CLASS, EVENTS, RUN
from lakestorm.report.work_progress import work_progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from confluent_kafka import Message

    from lakestorm.clients.own_logins import OwnLogin
    from lakestorm.model.addresses import AddressPlan
    from lakestorm.model.crowd import Share
    from lakestorm.model.journeys import Journeys
    from lakestorm.settings import Settings


def take_up(
    settings: Settings,
    client_id: str,
    ranges: Mapping[int, tuple[int, int]],
    plan: AddressPlan,
    journeys: Journeys,
    share: Share | None = None,
) -> int | None:
    """Let accounts observe what the topic holds in {partition: (first, before)}; memory grows with the accounts only.

    Args:
        settings: of brokers, topic and accounts.
        client_id: names us to the brokers.
        ranges: what is read.
        plan: whose addresses they are.
        journeys: whose accounts observe.
        share: only these accounts' logins are looked at; None for all.

    Returns:
        The last event time in milliseconds since 1970, of those that were looked at; None if there is no login.

    Raises:
        SettingsError: the topic has records that lakestorm did not write.
        PlatformError: the topic cannot be read.
    """
    last_ms: int | None = None
    logins = OwnLogins(plan)
    topic = settings.login.topic
    with work_progress(f"Reading what {topic} holds already") as told:
        for batch in read_between(settings.kafka, client_id, topic, ranges, told):
            gevent.sleep(0)  # a worker must give its master a sign of life meanwhile
            for login in logins_of(batch, topic, logins, share):
                last_ms = max(login.at_ms, last_ms or login.at_ms)
                number = int(login.user_id)
                if number <= settings.login.accounts:
                    journeys.observe(number, login.at_ms, login.city, login.kind)
    return last_ms


def logins_of(batch: list[Message], topic: str, logins: OwnLogins, share: Share | None) -> Iterator[OwnLogin]:
    """Logins among a batch, without duplicates and poison, and of a share's accounts only if there is one."""
    for message in batch:
        if share is not None and not holds(share, message.key() or b""):
            continue
        headers = headers_of(message)
        if RUN not in headers:
            raise SettingsError([foreign(topic, message)])
        if headers[CLASS].decode() in EVENTS:
            yield logins(message.value() or b"")


def holds(share: Share, key: bytes) -> bool:
    """Whether a record of the topic, by its key, is of one of these accounts."""
    return key.isdigit() and dealt_to(int(key), share.processes) == share.number


def foreign(topic: str, message: Message) -> str:
    """Why a topic with somebody else's records is refused."""
    return (
        f'LOGIN_TOPIC is "{topic}": partition {message.partition()} has a record at offset {message.offset()} that'
        " lakestorm did not write, so nobody could say where its account is. Name a topic that is empty, or one that"
        " only lakestorm wrote."
    )
