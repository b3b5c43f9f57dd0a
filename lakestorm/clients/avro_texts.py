"""Avro records of texts only, written three times as fast as a writer of any schema can."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

KEPT = 200_000
"""Texts that are kept with their length; then it begins anew."""
SHORT = tuple(bytes([length << 1]) for length in range(64))
"""Lengths that are one byte in Avro."""


def framed(text: str) -> bytes:
    """A text as Avro has it: its length in bytes as a zigzag varint, then UTF-8."""
    data = text.encode()
    left = len(data)
    if left < len(SHORT):
        return SHORT[left] + data
    left, length = left << 1, bytearray()
    while left >= 0x80:  # noqa: PLR2004 - seven bits a byte
        length.append(left & 0x7F | 0x80)
        left >>= 7
    length.append(left)
    return bytes(length) + data


class Framed(dict[str, bytes]):
    """Texts that come again and again, framed once."""

    def __missing__(self, text: str) -> bytes:
        """A new one."""
        if len(self) >= KEPT:
            self.clear()
        found = self[text] = framed(text)
        return found


class TextEncoder:
    """Writes records of one schema in Confluent's wire format: byte 0, the schema's id in 4 bytes, the Avro body.

    Args:
        schema: the writer's, all of whose fields are texts.
        number: its id in the registry.
        once: fields whose values do not come again, so that none is kept.

    Raises:
        ValueError: a field is no text.
    """

    def __init__(self, schema: Mapping[str, Any], number: int, once: Collection[str] = ()) -> None:
        if strange := [field["name"] for field in schema["fields"] if field["type"] != "string"]:
            raise ValueError(f"{', '.join(strange)} of {schema['name']}: only fields of type string are wanted")
        keep = Framed().__getitem__
        self._header = struct.pack(">bI", 0, number)
        self._fields: list[tuple[str, Callable[[str], bytes]]] = [
            (field["name"], framed if field["name"] in once else keep) for field in schema["fields"]
        ]

    def __call__(self, record: Mapping[str, str]) -> bytes:
        """The record's bytes; raises KeyError if it lacks a field."""
        return b"".join([self._header, *[frame(record[name]) for name, frame in self._fields]])
