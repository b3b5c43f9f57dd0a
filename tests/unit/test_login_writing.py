"""Logins as Avro: byte for byte what fastavro writes."""

from __future__ import annotations

import io
import struct

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakestorm.clients import login_writing
from lakestorm.clients.login_writing import LoginWriter, framed
from lakestorm.model.devices import Device
from lakestorm.model.event_time import ms_from_timestamp
from lakestorm.model.login_schema import LOGIN
from lakestorm.model.logins import Login
from tests.unit.made_logins import HARD, geography, history, live, town

PARSED = fastavro.parse_schema(LOGIN)
FIRST_MS, LAST_MS = (ms_from_timestamp(f"{year}-01-01T00:00:00Z") for year in (1970, 9999))


def by_fastavro(login: Login, number: int) -> bytes:
    """The reference."""
    out = io.BytesIO(struct.pack(">bI", 0, number))
    out.seek(0, io.SEEK_END)
    fastavro.schemaless_writer(out, PARSED, login.record)
    return out.getvalue()


def login_of(account: int, at_ms: int, address: int, device: Device) -> Login:
    """A login of which only what is written matters."""
    return Login(account, 0, at_ms, geography().cities[0], 0, "usual", False, address, device)


logins = st.builds(
    login_of,
    st.integers(0, 2**63),
    st.integers(FIRST_MS, LAST_MS),
    st.integers(0, 2**32 - 1),
    st.builds(Device, *[st.text(max_size=80)] * 3),
)


@given(st.lists(logins, min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_any_login(found: list[Login], number: int) -> None:
    """Whoever, whenever, from wherever and with whatever, one after the other by one writer, kept or not."""
    write = LoginWriter(number)
    for login in [*found, *found]:
        assert write(login) == (str(login.account).encode(), by_fastavro(login, number))


def test_the_logins_of_a_town() -> None:
    """All kinds of logins that the model makes, those of one millisecond among them."""
    made, write = town(behaviour=HARD), LoginWriter(7)
    found = [*history(made), *live(made, 3000, late_every=50)]
    found += [made.crowd.login(found[-1].at_ms) for _ in range(20)]
    for login in found:
        assert write(login) == (login.record["user_id"].encode(), by_fastavro(login, 7))


@pytest.mark.parametrize("length", [0, 63, 64, 8191, 8192, 100_000])
def test_lengths_at_the_edges_of_a_byte(length: int) -> None:
    """Lengths of one, two and three bytes, in texts of one byte a letter and of two."""
    for letter in ("a", "ü"):
        login = login_of(1, 0, 0, Device(letter * length, letter * length, ""))
        assert LoginWriter(1)(login)[1] == by_fastavro(login, 1)
        assert framed(letter * length).endswith((letter * length).encode())


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """More accounts and devices than are kept come out right all the same."""
    monkeypatch.setattr(login_writing, "KEPT", 3)
    monkeypatch.setattr(login_writing, "DEVICES", 3)
    write = LoginWriter(1)
    for number in range(20):
        login = login_of(number % 7, number, number << 14, Device(str(number % 5), "", ""))
        assert write(login)[1] == by_fastavro(login, 1)
    assert max(len(write._whose), len(write._by_what)) <= 3
