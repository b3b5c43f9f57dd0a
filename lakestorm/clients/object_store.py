"""MinIO or another S3 store: whole objects are put into one bucket, which is made if it is not there.

Rights that are needed: `s3:PutObject` on the objects, and `s3:CreateBucket` if the bucket shall be made. Nothing is
read.
"""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import minio
import urllib3
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from minio.helpers import check_bucket_name

from lakestorm.errors import PlatformError, SettingsError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECT_S = 2.0
ANSWER_S = 10.0
"""Silence that long is an end; one request moves kilobytes."""
OWN_ALREADY = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}
KEYS_WRONG = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidTokenId", "AuthorizationHeaderMalformed"}
"""Answers that waiting does not change: somebody must mend the settings."""


class ObjectStore:
    """One bucket of one store. Safe to be used by several threads, not by several processes.

    Args:
        url: `http://host:port` or `https://…`; certificates are checked against the system's authorities.
        access_key: whose rights are used.
        secret_key: never shown.
        bucket: its name.
        region: as the store has it.
    """

    def __init__(self, url: str, access_key: str, secret_key: str, bucket: str, region: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
            shown = url.rpartition("@")[2]  # what stands before it may be a password
            raise SettingsError([f'MINIO_URL is "{shown}": an address as http://minio:9000 is wanted.'])
        self._where, self._bucket = parts.netloc.rpartition("@")[2], bucket
        self._pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=CONNECT_S, read=ANSWER_S), retries=False, maxsize=1
        )
        try:
            self._client = minio.Minio(
                self._where,
                access_key=access_key,
                secret_key=secret_key,
                secure=parts.scheme == "https",
                region=region,
                http_client=self._pool,
            )
            check_bucket_name(bucket, s3_check=True)
        except ValueError as error:
            raise SettingsError([f"MINIO_URL, MINIO_REGION or MINIO_BUCKET_NAME is wrong: {error}."]) from error

    def __str__(self) -> str:
        return f"{self._where}/{self._bucket}"

    def check(self) -> None:
        """Whether it answers and knows the keys; makes the bucket if it says that there is none.

        Raises:
            UnreachableError: nothing answers, or not yet.
            PlatformError: it does not take the keys.
        """
        with self._our_errors():
            try:
                self._client.get_bucket_versioning(self._bucket)  # the smallest question whose answer says why not
            except S3Error as error:
                if error.code == "NoSuchBucket":
                    self._make_bucket()
                elif error.code != "AccessDenied":  # the keys are good; that they may not ask this is as it should be
                    raise

    def has_bucket(self) -> bool:
        """Whether the bucket is there, by a question alone; raises as `check` does."""
        with self._our_errors():
            try:
                self._client.get_bucket_versioning(self._bucket)
            except S3Error as error:
                if error.code == "NoSuchBucket":
                    return False
                if error.code != "AccessDenied":
                    raise
        return True

    def put(self, name: str, content: bytes, content_type: str) -> None:
        """Put an object, whole or not at all; one of that name is replaced.

        Raises:
            UnreachableError: nothing answers, too late, or with an error of its own.
            PlatformError: it refuses: keys, rights, room.
        """
        with self._our_errors():
            try:
                self._put(name, content, content_type)
            except S3Error as error:
                if error.code != "NoSuchBucket":
                    raise
                self._make_bucket()
                self._put(name, content, content_type)

    def close(self) -> None:
        """Let go of connections."""
        self._pool.clear()

    def _put(self, name: str, content: bytes, content_type: str) -> None:
        self._client.put_object(self._bucket, name, io.BytesIO(content), len(content), content_type)

    def _make_bucket(self) -> None:
        try:
            self._client.make_bucket(self._bucket)
        except S3Error as error:
            if error.code not in OWN_ALREADY:
                raise

    @contextlib.contextmanager
    def _our_errors(self) -> Iterator[None]:
        """What the package and its HTTP library raise, in our words."""
        try:
            yield
        except urllib3.exceptions.NewConnectionError as error:  # the package has it as a kind of timeout
            raise self._unreachable("nobody listens there, or the name is unknown") from error
        except urllib3.exceptions.TimeoutError as error:
            raise self._unreachable("no answer in time") from error
        except urllib3.exceptions.SSLError as error:
            raise self._unreachable(f"TLS: {error}") from error
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable("the connection broke off") from error
        except S3Error as error:
            raise self._refusal(error) from error
        except (ServerError, InvalidResponseError, MinioException) as error:
            raise self._unreachable(f"it answers, but not as an object store: {error}") from error

    def _unreachable(self, reason: str) -> UnreachableError:
        return UnreachableError(f"MinIO at {self} cannot be used: {reason.rstrip('.')}. See MINIO_URL.")

    def _refusal(self, error: S3Error) -> UnreachableError | PlatformError:
        """What the store's own error comes to."""
        if error.response.status >= 500:  # noqa: PLR2004 - HTTP's border between "no" and "not now"
            return self._unreachable(f"{error.code}: {error.message}")
        if error.code in KEYS_WRONG:
            return PlatformError(f"MinIO at {self} does not take MINIO_ACCESS_KEY and MINIO_SECRET_KEY: {error.code}.")
        return PlatformError(f"MinIO at {self} refuses: {error.code}: {error.message}")
