"""Fixtures: an S3 server on loopback, a bucket for each test, and photographs."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from s3_server import SECRET, Bucket, Endpoint, photographs


@pytest.fixture(scope="module", autouse=True)
def credentials() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "somebody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_MAX_ATTEMPTS", "1")
        yield patch


@pytest.fixture(scope="module")
def endpoint(credentials: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()  # those of another server
    server = Endpoint()
    credentials.setenv("AWS_ENDPOINT_URL", server.url)
    yield server
    server.stop()


@pytest.fixture
def bucket(endpoint: Endpoint, request: pytest.FixtureRequest) -> Bucket:
    return Bucket(endpoint, hashlib.sha256(request.node.name.encode()).hexdigest()[:20])


@pytest.fixture
def photos(tmp_path: Path, photo: np.ndarray) -> Path:
    return photographs(tmp_path / "photos", photo, 6)
