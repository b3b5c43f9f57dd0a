"""What an object store is told before anybody is asked: addresses, buckets, regions."""

from __future__ import annotations

import pytest

from lakestorm.clients.object_store import ObjectStore
from lakestorm.errors import SettingsError


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://minio:9000", "minio:9000/lakestorm"),
        ("https://store.example", "store.example/lakestorm"),
        ("http://127.0.0.1:9000/", "127.0.0.1:9000/lakestorm"),
        ("http://[::1]:9000", "[::1]:9000/lakestorm"),
    ],
)
def test_an_address_of_a_store(url: str, shown: str) -> None:
    """With scheme, host and perhaps a port it is taken, and shown without the keys."""
    store = ObjectStore(url, "an-access-key", "a-secret-key", "lakestorm", "us-east-1")
    assert str(store) == shown
    store.close()


@pytest.mark.parametrize("url", ["", "minio:9000", "ftp://minio", "http://", "http://minio/path", "http://minio?x=1"])
def test_an_address_that_is_none(url: str) -> None:
    """The error names the setting, the value, and what one looks like."""
    with pytest.raises(SettingsError, match=r'MINIO_URL is ".*": an address as http://minio:9000 is wanted'):
        ObjectStore(url, "key", "secret", "lakestorm", "us-east-1")


@pytest.mark.parametrize(
    ("bucket", "region"),
    [
        ("Two Words", "us-east-1"),
        ("ab", "us-east-1"),
        ("10.0.0.1", "us-east-1"),
        ("lakestorm", "us east"),
        ("ö" * 5, "x"),
    ],
)
def test_a_bucket_or_region_that_is_none(bucket: str, region: str) -> None:
    """Names that no store takes are told before it is asked."""
    with pytest.raises(SettingsError, match="MINIO_REGION or MINIO_BUCKET_NAME is wrong"):
        ObjectStore("http://minio:9000", "key", "secret", bucket, region)
