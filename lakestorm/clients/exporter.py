"""What a metrics page in Prometheus' text format says at this moment: Connect's JMX exporter has one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from lakestorm.errors import UnreachableError

if TYPE_CHECKING:
    from prometheus_client.samples import Sample

ANSWER_S = 5.0


def samples(url: str, *, answer_s: float = ANSWER_S) -> list[Sample]:
    """Every sample (`name`, `labels`, `value`) of a page; it is asked directly, whatever proxy the environment names.

    Raises:
        UnreachableError: nothing answers there, or not with metrics.
    """
    try:
        answer = httpx2.get(url, timeout=answer_s, trust_env=False).raise_for_status()
        return [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]
    except (httpx2.HTTPError, ValueError) as error:
        raise UnreachableError(f"{url} does not answer with metrics: {str(error) or type(error).__name__}.") from error
