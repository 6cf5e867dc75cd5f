"""A moto server over HTTP, fresh for each test, and the services that point at it."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator

import pytest

from mlops.aws import Cloud
from mlops.services import Services
from mlops.settings import Settings


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def moto_cloud(moto_url: str) -> Cloud:
    return Cloud(endpoint_url=moto_url, region="us-east-1")


@pytest.fixture
def services(moto_url: str, moto_cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Services:
    """Settings' defaults with an empty ledger and the two buckets; every test starts from nothing."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "twin")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "twin")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    urllib.request.urlopen(urllib.request.Request(f"{moto_url}/moto-api/reset", method="POST"), timeout=10).close()
    services = Services(Settings(bucket="mlops-bucket"))
    services.cloud = moto_cloud
    services.ledger.create_table()
    for bucket in services.settings.data_buckets:
        moto_cloud.s3.create_bucket(Bucket=bucket)
        moto_cloud.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return services
