"""What the container engine's documents say: which containers are behind an address, and what their words claim."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from sysload.checks import Check
from sysload.engine import EngineError, contained, contradicts, is_behind, says_up, word_of

ENTRY: dict[str, Any] = {
    "Id": "8dfafdbc3a40aaaa",
    "Names": ["/shop-db-1"],
    "Labels": {"com.docker.compose.service": "db", "com.docker.compose.project": "shop"},
    "Ports": [
        {"IP": "::", "PrivatePort": 5432, "PublicPort": 15432, "Type": "tcp"},
        {"PrivatePort": 9000, "Type": "tcp"},
    ],
    "NetworkSettings": {
        "Networks": {"shop_default": {"IPAddress": "172.18.0.5", "Aliases": ["database"], "DNSNames": None}}
    },
}


def check(host: str, port: int) -> Check:
    """A check of an address."""
    return Check(f"tcp://{host}:{port}", "tcp", host, port, "/", "", SecretStr(""))


@pytest.mark.parametrize(
    ("host", "port", "is_found"),
    [
        ("db", 5432, True),
        ("shop-db-1", 1, True),
        ("database", 5432, True),
        ("172.18.0.5", 5432, True),
        ("8dfafdbc3a40", 5432, True),
        ("localhost", 15432, True),
        ("127.0.0.1", 15432, True),
        ("::1", 15432, True),
        ("localhost", 5432, False),
        ("localhost", 9000, False),
        ("elsewhere", 15432, False),
        ("172.18.0.6", 15432, False),
        ("shop", 5432, False),
    ],
)
def test_which_container_is_behind_an_address(host: str, port: int, is_found: bool) -> None:  # noqa: FBT001
    """By its names and addresses, or by the port that this host publishes for it."""
    assert is_behind(contained(ENTRY), check(host, port)) is is_found


def test_a_bare_entry_is_read() -> None:
    """An engine that leaves out what is empty is understood; one without an id is not."""
    assert contained({"Id": "a" * 20}).names == {"a" * 12}
    assert contained({"Id": "a" * 20, "Labels": None, "Ports": None, "Names": None, "NetworkSettings": None}).names
    for wrong in ({}, {"Id": 7}, {"Id": "a", "Ports": [7]}):
        with pytest.raises(EngineError, match="cannot be read"):
            contained(wrong)


@pytest.mark.parametrize(
    ("state", "word", "claim"),
    [
        ({"Status": "running", "Health": {"Status": "healthy"}}, "healthy", True),
        ({"Status": "running", "Health": {"Status": "unhealthy"}}, "unhealthy", False),
        ({"Status": "running", "Health": {"Status": "starting"}}, "starting", None),
        ({"Status": "running", "Health": {"Status": "none"}}, "running", None),
        ({"Status": "running", "Health": {"Status": ""}}, "running", None),
        ({"Status": "running"}, "running", None),
        ({"Status": "paused", "Health": {"Status": "healthy"}}, "paused", None),
        ({"Status": "exited", "Health": {"Status": "unhealthy"}}, "exited", False),
        ({"Status": "dead"}, "dead", False),
        ({}, "gone", None),
    ],
)
def test_what_a_container_claims(state: dict[str, Any], word: str, claim: bool | None) -> None:  # noqa: FBT001
    """Its health where it runs and has a health check, else its state; a container without one claims nothing."""
    assert word_of({"State": state}) == word
    assert says_up(word) is claim


@pytest.mark.parametrize(
    ("words", "claim"),
    [("exited/unhealthy", False), ("healthy/unhealthy", None), ("healthy/starting", None), ("", None)],
)
def test_several_containers_claim_what_they_agree_on(words: str, claim: bool | None) -> None:  # noqa: FBT001
    """Behind one address may be several; where they differ they claim nothing."""
    assert says_up(words) is claim


def test_what_contradicts() -> None:
    """Only a claim against what we saw; no claim, or nothing seen yet, contradicts nothing."""
    assert contradicts("down", "healthy")
    assert contradicts("up", "unhealthy")
    agreeing = (("up", "healthy"), ("down", "exited"), ("unknown", "healthy"), ("down", "running"), ("up", ""))
    assert not any(contradicts(state, words) for state, words in agreeing)  # type: ignore[arg-type]
