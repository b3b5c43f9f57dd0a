"""Kinds of settings that are more than a number or a word: weights by kind, and what may be left empty."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

PURCHASE_KINDS = ("buy", "view", "cancel")
"""What `PURCHASE_MIX` may name."""


def mix_of(*kinds: str) -> BeforeValidator:
    """Reads weights by kind from `buy:90,view:8,cancel:2`; ValueError on anything else."""

    def mix_from_text(text: object) -> object:
        if not isinstance(text, str):
            return text
        mix: dict[str, float] = {}
        for part in text.split(","):
            kind, colon, weight = part.strip().partition(":")
            if not colon or kind not in kinds or kind in mix:
                raise ValueError(part)
            mix[kind] = float(weight)
        if any(not 0 <= w < math.inf for w in mix.values()) or not sum(mix.values()):
            raise ValueError(text)
        return mix

    return BeforeValidator(mix_from_text)


def none_if_empty(value: object) -> object:
    """An empty setting is one that is not set."""
    return None if value == "" else value


def credentials(secret: SecretStr) -> SecretStr:
    """A user, a colon and a password, or nothing; ValueError on anything else, and on control characters."""
    text = secret.get_secret_value()
    if text and not (text.partition(":")[0] and ":" in text and text.isprintable()):
        raise ValueError
    return secret


type_optional = BeforeValidator(none_if_empty)
Mix = Annotated[dict[str, float], NoDecode, mix_of(*PURCHASE_KINDS)]
AnomalyMix = Annotated[dict[str, float], NoDecode, mix_of("impossible_travel", "unseen_country")]
HardMix = Annotated[dict[str, float], NoDecode, mix_of("flight", "vpn", "nat", "address", "pair")]
Credentials = Annotated[SecretStr, AfterValidator(credentials)]
OptionalCount = Annotated[int | None, type_optional]
OptionalSeconds = Annotated[float | None, type_optional]
