"""Settings of sys-load: pressure beside the platform, and where its record goes."""

from __future__ import annotations

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from lakestorm.settings.group import Group
from lakestorm.settings.words import setting


class MinioSettings(Group):
    """The object store that takes sys-load's metrics."""

    model_config = SettingsConfigDict(env_prefix="MINIO_")

    url: str = setting("", "Address of MinIO or another S3 store.", note="empty = no export")
    access_key: str = setting("minioadmin", "Its access key.")
    secret_key: SecretStr = setting(SecretStr("minioadmin"), "Its secret key, or MINIO_SECRET_KEY_FILE.")
    bucket_name: str = setting("lakestorm", "Bucket; made if it is not there.", min_length=1)


class SysloadSettings(Group):
    """Pressure on the host."""

    model_config = SettingsConfigDict(env_prefix="SYSLOAD_")

    cpu_percent: float = setting(0.0, "Share of the CPU that this container may use.", unit="percent", ge=0, le=100)
