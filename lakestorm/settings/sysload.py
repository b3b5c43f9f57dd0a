"""Settings of sys-load: pressure beside the platform, what it watches meanwhile, and where its record goes."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, SecretStr
from pydantic_settings import SettingsConfigDict

from lakestorm.settings.group import Group
from lakestorm.settings.words import setting

MEMORY_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*(%?)", re.ASCII)
MOST_MEMORY_MB = 1_000_000_000


def memory_amount(text: str) -> tuple[float, bool]:
    """(number, whether it is a percentage) of `300` or `10%`; ValueError on anything else, and above 100 %."""
    found = MEMORY_AMOUNT.fullmatch(text.strip())
    number = float(found[1]) if found else math.nan
    is_share = bool(found and found[2])
    if not number <= (100 if is_share else MOST_MEMORY_MB):
        raise ValueError(text)
    return number, is_share


def checked_amount(text: str) -> str:
    """The text itself, if it is an amount of memory."""
    memory_amount(text)
    return text.strip()


class MinioSettings(Group):
    """The object store that takes sys-load's metrics."""

    model_config = SettingsConfigDict(env_prefix="MINIO_")

    url: str = setting("", "Address of MinIO or another S3 store.", note="empty = no export")
    access_key: str = setting("minioadmin", "Its access key.")
    secret_key: SecretStr = setting(SecretStr("minioadmin"), "Its secret key, or MINIO_SECRET_KEY_FILE.")
    bucket_name: str = setting("lakestorm", "Bucket; made if it is not there.", min_length=1)
    region: str = setting("us-east-1", "Region of the bucket, as the store calls it.", min_length=1)


class SysloadSettings(Group):
    """Pressure on the host."""

    model_config = SettingsConfigDict(env_prefix="SYSLOAD_")

    cpu_percent: float = setting(
        0.0, "Share of the CPU that this container (or host) may use.", unit="percent", note="0 = none", ge=0, le=100
    )
    cpu_shape: Literal["smooth", "bursty"] = setting(
        "smooth", "CPU evenly within every tenth of a second, or all at once and then none."
    )
    cpu_burst_s: float = setting(
        10.0, "Bursty: how long a burst and the rest after it last together.", unit="seconds", ge=0.5, le=3600
    )
    cpu_nice: int = setting(0, "The load's CPU gives way to others by this much.", ge=0, le=19)
    memory_mb: Annotated[str, AfterValidator(checked_amount)] = setting(
        "0", "Memory held resident.", note="megabytes as 300, or a share of what this container may use as 10%"
    )
    memory_ramp_s: float = setting(10.0, "Memory is taken over this time.", unit="seconds", ge=0, le=86_400)
    memory_churn_mbps: float = setting(
        0.0, "Of it so much is written anew.", unit="megabytes a second", note="0 = none", ge=0, le=100_000
    )
    memory_reserve_mb: float = setting(
        128.0, "This much below the container's limit (or the host's end) stays untaken.", unit="megabytes", ge=0
    )
    memory_pressure_percent: float = setting(
        10.0,
        "Memory is let go of while others wait for memory for more than this share of ten seconds (PSI).",
        unit="percent",
        note="100 = never",
        gt=0,
        le=100,
    )
    disk_mbps: float = setting(
        0.0, "Disk bandwidth, reads and writes together.", unit="megabytes a second", note="0 = none", ge=0, le=100_000
    )
    disk_read_share: float = setting(0.5, "Share of it that is read.", ge=0, le=1)
    disk_dir: Path = setting(Path(".sysload/disk"), "Folder for the file that is written and read.")
    disk_file_mb: int = setting(256, "The file grows up to this.", unit="megabytes", ge=8, le=1_000_000)
    disk_reserve_mb: float = setting(1024.0, "Writing stops where less than this is free.", unit="megabytes", ge=0)
    phases: str = setting(
        "steady",
        "How the pressure moves: steady, a load shape's name, or a CSV file of second,cpu,memory,disk.",
        min_length=1,
    )
    phases_s: float = setting(
        600.0, "A shape by name lasts this long, then begins anew (elsewhere --duration).", unit="seconds", ge=1
    )
    status_every_s: float = setting(60.0, "A line of status is printed this often.", unit="seconds", ge=1, le=86_400)
    watch: SecretStr = setting(
        SecretStr(""),
        "Health checks to watch: http, https, tcp, postgres, kafka addresses, comma between; may hold passwords.",
        note="empty = none",
    )
    watch_every_s: float = setting(1.0, "Each is asked this often.", unit="seconds", ge=0.1, le=3600)
    watch_timeout_s: float = setting(1.0, "An answer that takes longer counts as down.", unit="seconds", gt=0, le=60)
    watch_baseline_s: float = setting(
        10.0, "They are asked this long before the pressure begins, to compare with.", unit="seconds", ge=0, le=3600
    )
    watch_ca_file: str = setting(
        "", "File with the certificate authority of watched https addresses.", note="empty = the system's"
    )
    engine_socket: str = setting(
        "", "The container engine's socket, only read from: what it says of the same health.", note="empty = not asked"
    )
    export_every_s: float = setting(
        60.0, "Rows go to the object store this often.", unit="seconds", note="0 = never", ge=0, le=86_400
    )
    export_format: Literal["parquet", "jsonl"] = setting("parquet", "How they are written.")
    spool_dir: Path = setting(Path(".sysload/spool"), "Folder where rows wait for the object store.")
    spool_max_mb: float = setting(
        64.0, "Waiting rows take up to this, then the oldest are dropped.", unit="megabytes", ge=1, le=1_000_000
    )
    bind: str = setting("127.0.0.1", "Address that its own port listens on.", min_length=1)
    port: int = setting(9105, "Its own port, for /healthz, /readyz and /metrics.", note="0 = none", ge=0, le=65_535)
