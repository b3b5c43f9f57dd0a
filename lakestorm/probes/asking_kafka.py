"""One client for all probes of the brokers: offsets and groups, each answer bounded in time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from lakestorm.clients.kafka import client_config
from lakestorm.errors import ProbeError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from lakestorm.settings import KafkaSettings

ANSWER_S = 2.0
"""How long one question may take."""
KNOWN_FOR_S = 10.0
"""How long a list of topics or groups is believed."""

NO_MEMBERS = (
    KafkaError.GROUP_ID_NOT_FOUND,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.UNSUPPORTED_VERSION,
)
"""Answers to the question who is in a group after which it may still be asked for its commits."""

Place = tuple[str, int]
"""(topic, partition)."""


class KafkaQuestions:
    """Asks the brokers.

    Args:
        settings: where they are.
    """

    def __init__(self, settings: KafkaSettings, clock: Callable[[], float] = time.perf_counter) -> None:
        self._settings = settings
        self._clock = clock
        self._client: AdminClient | None = None
        self._topics: tuple[float, dict[str, list[int]]] | None = None
        self._groups: tuple[float, list[str]] | None = None
        self._readers: dict[str, Consumer] = {}
        self._committed_in: dict[str, tuple[float, set[Place]]] = {}

    @property
    def client(self) -> AdminClient:
        """The client; it connects when it is asked something."""
        if self._client is None:
            self._client = AdminClient(client_config(self._settings, "lakestorm-probes"))
        return self._client

    def partitions(self) -> dict[str, list[int]]:
        """{topic: partitions}, at most KNOWN_FOR_S old."""
        if self._topics is None or self._clock() - self._topics[0] > KNOWN_FOR_S:
            found = answer(lambda: self.client.list_topics(timeout=ANSWER_S)).topics
            self._topics = self._clock(), {name: list(topic.partitions) for name, topic in found.items()}
        return self._topics[1]

    def look_again(self) -> None:
        """Believe no list of topics or groups any longer: what was looked for is not in it."""
        self._topics = self._groups = None

    def existing(self, places: Iterable[Place]) -> set[Place]:
        """Those of the partitions that there are; of topics that were deleted commits stay for a while."""
        wanted = set(places)
        if any(partition not in self.partitions().get(topic, ()) for topic, partition in wanted):
            self._topics = None
        known = self.partitions()
        return {(topic, partition) for topic, partition in wanted if partition in known.get(topic, ())}

    def groups(self) -> list[str]:
        """All groups there are, at most KNOWN_FOR_S old."""
        if self._groups is None or self._clock() - self._groups[0] > KNOWN_FOR_S:
            asked = self.client.list_consumer_groups(request_timeout=ANSWER_S)
            found = answer(asked.result)
            if found.errors:  # of a broker that does not answer: its groups would seem to be gone
                raise refusal(found.errors[0])
            self._groups = self._clock(), sorted(group.group_id for group in found.valid)
        return self._groups[1]

    def offsets(self, places: Iterable[Place], spec: OffsetSpec) -> dict[Place, int | ProbeError]:
        """What the brokers say of each partition: an offset, or why they give none.

        Topics of which one partition is unknown may have been made again with fewer: they are listed anew next time.
        """
        wanted = {TopicPartition(topic, partition): spec for topic, partition in places}
        if not wanted:
            return {}
        asked = self.client.list_offsets(wanted, request_timeout=ANSWER_S)
        found = {(place.topic, place.partition): told(future) for place, future in asked.items()}
        if any(isinstance(offset, ProbeError) for offset in found.values()):
            self._topics = self._client = None
        return {place: one if isinstance(one, ProbeError) else offset_of(one) for place, one in found.items()}

    def ends(self, places: Iterable[Place]) -> dict[Place, int | ProbeError]:
        """The next offset of each partition."""
        return self.offsets(places, OffsetSpec.latest())  # type: ignore[no-untyped-call]

    def beginnings(self, places: Iterable[Place]) -> dict[Place, int | ProbeError]:
        """The first offset that each partition still has."""
        return self.offsets(places, OffsetSpec.earliest())  # type: ignore[no-untyped-call]

    def committed(self, groups: Mapping[str, set[Place]]) -> dict[str, dict[Place, int] | ProbeError]:
        """{group: {partition: next offset it wants}}; empty for a group that committed nothing, or is not there.

        Given are the partitions that its members read; where else it committed is looked up now and then. Once one
        question timed out, the others are not asked: each would take its time too.
        """
        found: dict[str, dict[Place, int] | ProbeError] = {}
        failure: ProbeError | None = None
        for group, reads in groups.items():
            try:
                found[group] = failure or self._committed_by(group, reads)
            except ProbeError as error:
                found[group] = failure = error
        return found

    def _committed_by(self, group: str, reads: set[Place]) -> dict[Place, int]:
        reader, known = self._reader(group), self._committed_in.get(group)
        if known is None or not known[1] or self._clock() - known[0] > KNOWN_FOR_S:
            everywhere = {(t, p) for t, of in self.partitions().items() for p in of if not t.startswith("__")}
            found = committed_in(reader, everywhere)
            self._committed_in[group] = self._clock(), set(found)
            return found
        return committed_in(reader, known[1] | reads)

    def _reader(self, group: str) -> Consumer:
        """A consumer that bears the group's name and never joins it, since it subscribes to nothing.

        The admin client's own question for a group's offsets is not used: where a broker answers that it is not the
        group's coordinator (any more, or yet), librdkafka 2.16 goes down with the whole process (its issue 5040).
        """
        if group not in self._readers:
            config = {"group.id": group, "enable.auto.commit": False}
            self._readers[group] = Consumer(client_config(self._settings, "lakestorm-probes") | config)
        return self._readers[group]

    def close(self) -> None:
        """Let go of all connections."""
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()
        self._client = None

    def members(self, groups: Collection[str]) -> dict[str, list[set[Place]]]:
        """{group: what each of its members reads}; without members for a group that is not there, or may not be asked.

        Raises:
            ProbeError: the brokers do not answer.
        """
        if not groups:
            return {}
        asked = self.client.describe_consumer_groups(list(groups), request_timeout=ANSWER_S)
        try:
            return {group: members_of(future) for group, future in asked.items()}
        except ProbeError:
            self._client = None  # librdkafka 2.16 does not find a coordinator again that was away: seen for minutes
            raise


def answer(ask: Callable[[], Any]) -> Any:
    """What the brokers answer; raises ProbeError with librdkafka's words where they do not."""
    try:
        return ask()
    except KafkaException as error:
        raise refusal(error) from error


def members_of(future: Any) -> list[set[Place]]:
    """What each member of a group reads; raises ProbeError unless the answer is that there is no such group for us."""
    try:
        return [reads_of(member) for member in future.result(ANSWER_S + 1).members]
    except KafkaException as error:
        if error.args[0].code() in NO_MEMBERS:
            return []
        raise refusal(error) from error


def told(future: Any) -> Any:
    """A future's result, or a ProbeError where there is none."""
    try:
        return future.result(ANSWER_S + 1)
    except KafkaException as error:
        return refusal(error)


def refusal(error: KafkaException | KafkaError) -> ProbeError:
    """The words of librdkafka."""
    reason: KafkaError = error.args[0] if isinstance(error, KafkaException) else error
    return ProbeError(f"{reason.name()} {reason.str()}")


def offset_of(found: Any) -> int | ProbeError:
    """The offset of an answer; one that timed out may come without an error, and with a negative offset."""
    return int(found.offset) if found.offset >= 0 else ProbeError("the partition's leader gave no offset in time")


def committed_in(reader: Consumer, places: Iterable[Place]) -> dict[Place, int]:
    """What a group has committed in some partitions; those without a commit are left out. Raises ProbeError."""
    wanted = [TopicPartition(topic, partition) for topic, partition in sorted(places)]
    if not wanted:
        return {}
    found = answer(lambda: reader.committed(wanted, timeout=ANSWER_S))
    if errors := [place.error for place in found if place.error is not None]:
        raise refusal(errors[0])
    return {(place.topic, place.partition): place.offset for place in found if place.offset >= 0}


def reads_of(member: Any) -> set[Place]:
    """The partitions that one member of a group was given."""
    if member.assignment is None:
        return set()
    return {(place.topic, place.partition) for place in member.assignment.topic_partitions}
