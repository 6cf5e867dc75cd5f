"""The runbook of the runs table, steps 2 and 3: restored beside, taken over, nothing lost and nothing undone."""

from __future__ import annotations

import time

import pytest

from mlops.aws import Cloud
from mlops.recovery.__main__ import recover_table
from mlops.services import Services
from mlops.settings import Settings
from twin.aws.options import Options
from twin.aws.seed import seed
from twin.aws.server import start
from twin.rehearsal.report import RPO_S, RTO_S

RUNS = 200


@pytest.fixture
def services(tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "twin")
    with start(state_dir=tmp_path, options=Options()) as server:
        seed(server.url)
        services = Services(Settings())
        services.cloud = Cloud(endpoint_url=server.url, region="us-east-1")
        services.cloud.dynamodb.update_continuous_backups(
            TableName="mlops-ledger", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        yield services


def test_items_that_were_deleted_come_back_and_what_was_written_since_stays(services):
    ledger = services.ledger
    for number in range(RUNS):
        ledger.put_item(f"run#{number:03d}", {"state": "started"})
        ledger.put_item(f"run#{number:03d}", {"state": "finished"}, expected_version=1)
    known = ledger.list_items("run")
    moment = time.time()
    while time.time() <= moment + 0.01:
        pass
    for item in known:
        ledger.delete_item(item.id)
    lost_at = time.time()
    ledger.put_item("run#000", {"state": "started anew"})

    services.cloud.dynamodb.restore_table_to_point_in_time(
        SourceTableName="mlops-ledger", TargetTableName="mlops-ledger-restored", RestoreDateTime=moment
    )
    assert recover_table(services, "mlops-ledger-restored", [], plan_only=False) == 0

    assert time.time() - lost_at < RTO_S
    assert lost_at - moment < RPO_S
    assert ledger.list_items("run")[1:] == known[1:]
    assert ledger.get_item("run#000").value == {"state": "started anew"}
    assert recover_table(services, "mlops-ledger-restored", [], plan_only=True) == 0
