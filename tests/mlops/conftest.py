"""A moto server over HTTP, fresh for each test, and the services that point at it."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mlops.aws import Cloud
from mlops.services import Services
from mlops.settings import Settings
from tests.mlops.bodies import GOOD
from tests.mlops.stand_ins import AirflowStandIn, Forge, ServerThread


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


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    """A GitHub of its own for the test: `acme/perception`, id 4242, and its people."""
    with Forge(tmp_path / "github") as forge:
        yield forge


@pytest.fixture
def airflow() -> Iterator[AirflowStandIn]:
    stand_in = AirflowStandIn()
    with ServerThread(stand_in.app) as server:
        stand_in.url = server.url
        yield stand_in


@pytest.fixture
def house(services: Services, forge: Forge, airflow: AirflowStandIn) -> Services:
    """Services that reach moto, the GitHub twin and the Airflow stand-in, all over HTTP."""
    house = Services(
        replace(
            services.settings,
            github_api_url=f"{forge.url}/api/v3",
            github_web_url=forge.url,
            github_repository="acme/perception",
            airflow_api_url=airflow.url,
            airflow_user="admin",
            airflow_password="secret",
        )
    )
    house.cloud = services.cloud
    house.cloud.secrets.create_secret(Name=house.settings.github_secret, SecretString="twin-bot-token")
    return house


@pytest.fixture
def started(house: Services, forge: Forge, airflow: AirflowStandIn) -> tuple[int, str]:
    """(issue, run key) of a run that the DAG is about to open."""
    from mlops import intake

    number = forge.file(GOOD)
    (admission,) = intake.admit(house, [number])
    assert admission.run_key is not None
    return number, admission.run_key
