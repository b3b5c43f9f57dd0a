"""Asks one check once, and gives up on time, whatever the other side does.

Each asking is what a client that comes anew would see: the name is looked up, a connection is made, one small question
is answered (Kafka: on a connection that is kept while all is well). All of it has to end within the time-out.
"""

from __future__ import annotations

import base64
import contextlib
import re
import select
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any

import psycopg2
import psycopg2.extensions
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from lakestorm.clients.kafka import client_config
from sysload.addresses import Addresses, Deadline
from sysload.health import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakestorm.settings import Settings
    from sysload.checks import Check

STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
HEAD_BYTES = 65_536
GOOD = range(200, 400)
CLIENT = "lakestorm-sysload-watch"


class Poller:
    """Asks the checks; holds what they share: time-out, trust, credentials.

    Args:
        settings: of sys-load, PostgreSQL (TLS) and Kafka (security).
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._timeout_s = settings.sysload.watch_timeout_s
        self._tls: ssl.SSLContext | None = None
        self._addresses = Addresses()
        self._kafka: dict[str, tuple[AdminClient, list[Any]]] = {}
        self._asks: dict[str, Callable[[Check, Deadline], None]] = {
            "http": self._ask_http,
            "https": self._ask_http,
            "tcp": self._ask_tcp,
            "postgres": self._ask_postgres,
            "kafka": self._ask_kafka,
        }

    def ask(self, check: Check) -> Answer:
        """Ask once. An answer that is none is in the answer's error, in a few words; nothing is raised for it."""
        began_s = time.monotonic()
        try:
            self._asks[check.scheme](check, Deadline(self._timeout_s))
        except TimeoutError:
            return Answer(began_s, time.monotonic(), f"no answer within {self._timeout_s:g} s")
        except (OSError, Refused, psycopg2.Error, KafkaException) as error:
            return Answer(began_s, time.monotonic(), words_of(error))
        return Answer(began_s, time.monotonic())

    def _ask_tcp(self, check: Check, deadline: Deadline) -> None:
        self._connect(check, deadline).close()

    def _connect(self, check: Check, deadline: Deadline) -> socket.socket:
        """A TCP connection to the first of its addresses that takes one; raises OSError."""
        failed = OSError("it has no address")
        for family, address in self._addresses.of(check.host, check.port, deadline):
            link = socket.socket(family, socket.SOCK_STREAM)
            try:
                link.settimeout(deadline.left_s())
                link.connect(address)
            except OSError as error:
                link.close()
                failed = error
            else:
                return link
        raise failed

    def _ask_http(self, check: Check, deadline: Deadline) -> None:
        """Up if the answer's head is complete and its status is 2xx or 3xx; redirects are not followed."""
        with contextlib.closing(self._secured(check, self._connect(check, deadline), deadline)) as link:
            link.settimeout(deadline.left_s())
            link.sendall(request_of(check))
            head = b""
            while b"\r\n\r\n" not in head and len(head) < HEAD_BYTES:
                link.settimeout(deadline.left_s())
                received = link.recv(4096)
                if not received:
                    break
                head += received
        status = STATUS.match(head)
        if status is None or b"\r\n\r\n" not in head:
            raise Refused("what it answers is not HTTP")
        if int(status[1]) not in GOOD:
            raise Refused(f"HTTP {int(status[1])}")

    def _secured(self, check: Check, link: socket.socket, deadline: Deadline) -> socket.socket:
        if check.scheme != "https":
            return link
        try:
            if self._tls is None:
                self._tls = ssl.create_default_context(cafile=self._settings.sysload.watch_ca_file or None)
            link.settimeout(deadline.left_s())
            return self._tls.wrap_socket(link, server_hostname=check.host)
        except BaseException:
            link.close()
            raise

    def _ask_postgres(self, check: Check, deadline: Deadline) -> None:
        """Up if it lets us in and answers `SELECT 1`; asynchronous, as libpq's own time-out knows only seconds."""
        shop = self._settings.postgres
        options: dict[str, Any] = {
            "host": check.host,
            "hostaddr": self._addresses.of(check.host, check.port, deadline)[0][1][0],
            "port": check.port,
            "user": check.user,
            "password": check.password.get_secret_value(),
            "dbname": check.path,
            "sslmode": shop.sslmode,
            "application_name": CLIENT,
        }
        if shop.sslrootcert:
            options["sslrootcert"] = shop.sslrootcert
        with contextlib.closing(psycopg2.connect(None, async_=True, **options)) as backend:
            wait_for(backend, deadline)
            with backend.cursor() as cursor:
                cursor.execute("SELECT 1")
                wait_for(backend, deadline)

    def _ask_kafka(self, check: Check, deadline: Deadline) -> None:
        """Up if a broker lets us in and says which brokers there are.

        The client is kept while all is well, as a new one takes 50 ms to begin whatever the broker does; after a
        failure the next asking begins with a new one, which does not sit out the old one's pause between connections.
        """
        kept = self._kafka.pop(check.name) if check.name in self._kafka else None
        client, said = kept or self._kafka_client(check, deadline)
        try:
            client.list_topics(timeout=deadline.left_s())
        except KafkaException as error:
            client.poll(0)
            if said:
                raise KafkaException(said[0]) from error
            raise TimeoutError from error
        self._kafka[check.name] = client, said

    def _kafka_client(self, check: Check, deadline: Deadline) -> tuple[AdminClient, list[Any]]:
        """A new client, and the list that takes what it complains of."""
        self._addresses.of(check.host, check.port, deadline)
        there = self._settings.kafka.model_copy(update={"brokers": f"{bracketed(check.host)}:{check.port}"})
        said: list[Any] = []
        return AdminClient(client_config(there, CLIENT) | {"error_cb": said.append}), said


class Refused(Exception):  # noqa: N818 - an answer, not an error of ours
    """The other side answers, but not as one that is well."""


def bracketed(host: str) -> str:
    """A host as it stands before a port."""
    return f"[{host}]" if ":" in host else host


def request_of(check: Check) -> bytes:
    """The HTTP request."""
    lines = [
        f"GET {check.path} HTTP/1.1",
        f"Host: {bracketed(check.host)}:{check.port}",
        f"User-Agent: {CLIENT}",
        "Accept: */*",
        "Connection: close",
    ]
    if check.user:
        pair = f"{check.user}:{check.password.get_secret_value()}".encode()
        lines.append(f"Authorization: Basic {base64.b64encode(pair).decode()}")
    return "\r\n".join([*lines, "", ""]).encode()


def wait_for(backend: psycopg2.extensions.connection, deadline: Deadline) -> None:
    """Until what an asynchronous connection does is done; raises TimeoutError or the driver's error."""
    kinds = {psycopg2.extensions.POLL_READ: select.POLLIN, psycopg2.extensions.POLL_WRITE: select.POLLOUT}
    while (wanted := backend.poll()) != psycopg2.extensions.POLL_OK:
        waiting = select.poll()
        waiting.register(backend.fileno(), kinds[wanted])
        waiting.poll(deadline.left_s() * 1000)


def words_of(error: Exception) -> str:
    """Why it is down, in one line of the system's, the server's or the client's own words."""
    if isinstance(error, KafkaException):
        return f"{error.args[0].str()} ({error.args[0].name()})"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
