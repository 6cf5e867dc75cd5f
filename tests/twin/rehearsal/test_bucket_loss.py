"""The runbook of a bucket, step 2, without the rest of the system: every object that was copied comes back."""

from __future__ import annotations

import argparse
import time

import pytest

from mlops.aws import Cloud
from mlops.recovery.__main__ import recover_bucket
from mlops.services import Services
from mlops.settings import Settings
from twin.aws.options import Options
from twin.aws.seed import BUCKET, seed
from twin.aws.server import start
from twin.rehearsal import losses
from twin.rehearsal.report import RPO_S, RTO_S
from twin.rehearsal.watch import Writer


@pytest.fixture
def services(tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "twin")
    with start(state_dir=tmp_path, options=Options(replication_s=2.0)) as server:
        seed(server.url)
        services = Services(Settings())
        services.cloud = Cloud(endpoint_url=server.url, region="us-east-1")
        yield services


def recover(services, *, plan=False):
    chosen = argparse.Namespace(bucket=None, replica=None, as_of=None, overwrite=False, plan=plan)
    return recover_bucket(services, chosen, source=services.cloud)


def test_what_was_copied_comes_back_and_only_the_last_moments_are_lost(services):
    s3 = services.cloud.s3
    for number in range(200):
        s3.put_object(Bucket=BUCKET, Key=f"models/m/{number:03d}", Body=b"%d" % number * 100)

    def copied(key: str) -> bool:
        return s3.head_object(Bucket=BUCKET, Key=key).get("ReplicationStatus") == "COMPLETED"

    with Writer(s3, BUCKET) as writer:
        held = losses.inventory(s3, BUCKET)
        while len(writer.written) < 10 or not all(copied(f"models/m/{number:03d}") for number in range(190, 200)):
            time.sleep(0.05)
    lost_at = time.time()
    assert losses.lose_objects(s3, BUCKET) >= 210

    assert recover(services) == 0

    assert time.time() - lost_at < RTO_S
    now = losses.inventory(s3, BUCKET)
    models = {key for key in held if key.startswith("models/")}
    assert len(models) == 200
    assert {key: now[key].sha256 for key in models} == {key: held[key].sha256 for key in models}
    missing = set(writer.written) - now.keys()
    assert missing, "the last object was not copied yet"
    assert lost_at - min(writer.written[key] for key in missing) < 10 < RPO_S
    assert recover(services, plan=True) == 0, "nothing is left to do"
    told = s3.get_bucket_notification_configuration(Bucket=BUCKET)["QueueConfigurations"]
    assert [each["Id"] for each in told] == ["data-arrived"]
