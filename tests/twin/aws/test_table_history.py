"""A table goes back to any moment since its recovery was switched on, beside the one that goes on."""

from __future__ import annotations

import time

import pytest
from aws_requests import OPTIONS, client
from botocore.exceptions import ClientError

from twin.aws.options import Options
from twin.aws.server import start

TABLE = "ledger"


def started(folder):
    return start(state_dir=folder, options=Options(**OPTIONS))


@pytest.fixture
def dynamodb(tmp_path):
    with started(tmp_path) as server:
        dynamodb = client(server, "dynamodb")
        make(dynamodb)
        yield dynamodb


def make(dynamodb):
    dynamodb.create_table(
        TableName=TABLE, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )  # fmt: skip
    put(dynamodb, "before", 1)
    switch(dynamodb, True)


def switch(dynamodb, on):
    specification = {"PointInTimeRecoveryEnabled": on}
    dynamodb.update_continuous_backups(TableName=TABLE, PointInTimeRecoverySpecification=specification)


def put(dynamodb, name, value):
    dynamodb.put_item(TableName=TABLE, Item={"id": {"S": name}, "value": {"N": str(value)}})


def contents(dynamodb, table):
    return {row["id"]["S"]: int(row["value"]["N"]) for row in dynamodb.scan(TableName=table)["Items"]}


def restore(dynamodb, moment, target="restored"):
    dynamodb.restore_table_to_point_in_time(SourceTableName=TABLE, TargetTableName=target, RestoreDateTime=moment)
    return contents(dynamodb, target)


def tick():
    """A moment after all that was written, and before all that will be."""
    moment = time.time()
    while time.time() <= moment + 0.005:
        pass
    return time.time()


def test_every_way_of_writing_is_undone_by_going_back(dynamodb):
    for name in "abcd":
        put(dynamodb, name, 1)
    moment = tick()
    tick()
    put(dynamodb, "a", 2)
    key = {"id": {"S": "b"}}
    names, values = {"#v": "value"}, {":v": {"N": "2"}}
    dynamodb.update_item(
        TableName=TABLE, Key=key, UpdateExpression="SET #v = :v", ExpressionAttributeNames=names,
        ExpressionAttributeValues=values,
    )  # fmt: skip
    dynamodb.delete_item(TableName=TABLE, Key={"id": {"S": "c"}})
    delete = {"DeleteRequest": {"Key": {"id": {"S": "d"}}}}
    add = {"PutRequest": {"Item": {"id": {"S": "e"}, "value": {"N": "2"}}}}
    dynamodb.batch_write_item(RequestItems={TABLE: [delete, add]})
    write = {"Put": {"TableName": TABLE, "Item": {"id": {"S": "f"}, "value": {"N": "2"}}}}
    dynamodb.transact_write_items(TransactItems=[write])
    assert contents(dynamodb, TABLE) == {"before": 1, "a": 2, "b": 2, "e": 2, "f": 2}
    assert restore(dynamodb, moment) == {"before": 1, "a": 1, "b": 1, "c": 1, "d": 1}
    assert contents(dynamodb, TABLE) == {"before": 1, "a": 2, "b": 2, "e": 2, "f": 2}, "the table itself goes on"


def test_a_refused_write_leaves_no_trace(dynamodb):
    put(dynamodb, "a", 1)
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        dynamodb.put_item(
            TableName=TABLE,
            Item={"id": {"S": "a"}, "value": {"N": "9"}},
            ConditionExpression="attribute_not_exists(id)",
        )
    assert restore(dynamodb, tick()) == {"before": 1, "a": 1}


def test_moments_outside_the_window_and_tables_without_recovery_are_refused(dynamodb):
    with pytest.raises(ClientError, match="InvalidRestoreTime"):
        restore(dynamodb, time.time() - 3600)
    with pytest.raises(ClientError, match="InvalidRestoreTime"):
        restore(dynamodb, time.time() + 3600)
    switch(dynamodb, False)
    with pytest.raises(ClientError, match="PointInTimeRecoveryUnavailable"):
        restore(dynamodb, time.time())


def test_history_and_restored_tables_survive_a_restart(tmp_path):
    with started(tmp_path) as server:
        dynamodb = client(server, "dynamodb")
        make(dynamodb)
        moment = tick()
        tick()
        put(dynamodb, "before", 2)
        assert restore(dynamodb, moment) == {"before": 1}
    with started(tmp_path) as server:
        dynamodb = client(server, "dynamodb")
        assert contents(dynamodb, "restored") == {"before": 1}
        assert restore(dynamodb, moment, "again") == {"before": 1}
