"""The address table, and the reference detector behind it."""

from __future__ import annotations

import csv
import io
import ipaddress
import json

import pytest

from lakestorm.model.addresses import COLUMNS
from lakestorm.scoring.address_table import csv_text, json_text
from lakestorm.scoring.detect import Watch, counts_in_words
from tests.unit.made_logins import HARD, history, live, plan, town


def test_the_table_agrees_with_every_login() -> None:
    """By CIDR arithmetic of the standard library each address is in one range, whose city and kind are the login's."""
    rows = list(csv.DictReader(io.StringIO(csv_text(plan()))))
    assert tuple(rows[0]) == COLUMNS
    networks = {}
    for row in rows:
        [network] = ipaddress.summarize_address_range(
            ipaddress.IPv4Address(row["start"]), ipaddress.IPv4Address(row["end"])
        )
        networks[network] = row
    sizes = {network.prefixlen for network in networks}
    made = town(accounts=100, behaviour=HARD)
    kinds = set()
    for login in [*history(made), *live(made, 2000)]:
        within = [ipaddress.IPv4Network((login.record["ip"], size), strict=False) for size in sizes]
        [row] = [networks[network] for network in within if network in networks]
        assert (row["city"], row["country"]) == (login.city.name, login.city.country)
        kinds.add(row["kind"])
    assert kinds == {"residential", "mobile", "vpn", "nat"}


def test_both_forms_say_the_same() -> None:
    """Ranges ascend and do not overlap; JSON has numbers for degrees."""
    rows = list(csv.DictReader(io.StringIO(csv_text(plan()))))
    objects = json.loads(json_text(plan()))
    assert [{name: str(value) for name, value in of.items()} for of in objects] == rows
    assert isinstance(objects[0]["lat"], float)
    ends = [int(ipaddress.ip_address(row[name])) for row in rows for name in ("start", "end")]
    assert ends == sorted(set(ends))


@pytest.mark.parametrize(
    ("value", "counted"),
    [
        (b'{"user_id": "1", "timestamp": "2026-03-01T09:30:00Z", "ip": "10.0.0.1"}', "logins"),
        (b'{"user_id": "1", "timestamp": "2026-03-01T09:30:00Z", "ip": "11.0.0.1"}', "unplaced"),
        (b'{"user_id": "1", "timestamp": "2026-03-01T09:30:00Z", "ip": "home"}', "poison"),
        (b'{"user_id": "1", "timestamp": "soon", "ip": "10.0.0.1"}', "poison"),
        (b"", "poison"),
    ],
)
def test_what_cannot_be_read_is_counted(value: bytes, counted: str) -> None:
    """Poison and unknown addresses raise no alert and stop nobody."""
    watch = Watch(json.loads, plan())
    assert watch.see(value) == []
    assert watch.counts == {counted: 1}


def test_the_watch_alerts_on_what_it_has_learnt_to_find() -> None:
    """After ten logins at home one from the other end of the world is both; the counts say so."""
    watch = Watch(json.loads, plan())
    far = next(owned[0] for owned in plan().by_city if owned[0].city.country == "AU")

    def login(minute: int, address: int) -> bytes:
        ip = str(ipaddress.ip_address(address))
        return json.dumps({"user_id": "1", "timestamp": f"2026-03-01T09:{minute:02d}:00Z", "ip": ip}).encode()

    home = next(owned[0] for owned in plan().by_city if owned[0].city.country == "CN")
    assert [watch.see(login(minute, home.start)) for minute in range(11)] == [[]] * 11
    assert [alert.kind for alert in watch.see(login(11, far.start))] == ["impossible_travel", "unseen_country"]
    assert counts_in_words(watch.counts) == (
        "12 logins read, 0 records skipped as poison, 0 from addresses that are not in the table;"
        " alerts: 1 impossible_travel, 1 unseen_country."
    )
