"""An alert as a JSON object, as detectors write it and the score reads it.

{"user_id": "17", "timestamp": "2026-03-01T09:30:00.250Z", "kind": "unseen_country", "alerted_at": "2026-…Z"}

`user_id` must be there. `timestamp` is the event time of the login that is meant, as its record has it. Times may be
ISO 8601 with a zone, or whole milliseconds since 1970. Any other field is ignored.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lakestorm.model.event_time import ms_from_timestamp, timestamp
from lakestorm.verdict.detection import SCORED_KINDS, Alert

if TYPE_CHECKING:
    from lakestorm.verdict import detector


def alert_to_json(alert: detector.Alert, alerted_ms: int) -> str:
    """What the reference detector writes, on one line."""
    said = {
        "user_id": alert.user_id,
        "timestamp": timestamp(alert.at_ms),
        "kind": alert.kind,
        "alerted_at": timestamp(alerted_ms),
    }
    return json.dumps(said)


def alert_from_json(text: str | bytes, arrived_ms: int | None = None) -> Alert:
    """The alert that a text says.

    Args:
        text: one JSON object in UTF-8.
        arrived_ms: when it came, by the broker's clock; wins over what it says itself.

    Raises:
        ValueError: it says none; the message is half a sentence.
    """
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"it is not JSON ({error})") from error
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - a wrong text, not a wrong call
    kind = found.get("kind")
    if kind is not None and kind not in SCORED_KINDS:
        raise ValueError(f"its kind is {kind!r}; one of {', '.join(SCORED_KINDS)} is wanted, or none")
    alerted_ms = arrived_ms if arrived_ms is not None else moment(found, "alerted_at")
    return Alert(user_of(found), moment(found, "timestamp"), alerted_ms, kind)


def user_of(found: dict[str, Any]) -> str:
    """The account; as a number or as text."""
    user_id = found.get("user_id")
    if isinstance(user_id, bool) or not isinstance(user_id, str | int) or user_id == "":
        raise ValueError(f"its user_id is {user_id!r}; text or a whole number is wanted")
    return str(user_id)


def moment(found: dict[str, Any], name: str) -> int | None:
    """A time in milliseconds since 1970; None if it is not there."""
    value = found.get(name)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, str):
        try:
            return ms_from_timestamp(value)
        except ValueError as error:
            raise ValueError(f"its {name} is {value!r}; {error}") from error
    raise ValueError(f"its {name} is {value!r}; ISO 8601 or whole milliseconds since 1970 are wanted")
