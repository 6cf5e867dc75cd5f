"""What an account of the deployment holds from the start: buckets, queue, ledger table, secrets, role."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from botocore.exceptions import ClientError

from twin.aws.clients import client

BUCKET = "mlops-bucket"
DATA_BUCKET = "mlops-datasets"
REPLICA, DATA_REPLICA = "mlops-lifecycle-replica", "mlops-datasets-replica"
REPLICA_REGION = "us-west-2"
DATA_QUEUE = "mlops-data-events"
WORKFLOW = "mlops-workflow"
AIRFLOW = "mlops-airflow"
ALARM_TOPIC = "mlops-alarms"
LEDGER_TABLE = "mlops-ledger"
ROLE = "mlops-jobs"
AGENT_ROLES = "mlops-agent-"
"""Begins the name of each agent's role; STS of the twin gives any of them to the MCP server."""
_EXISTS = {
    "BucketAlreadyOwnedByYou", "BucketAlreadyExists", "QueueAlreadyExists", "QueueNameExists", "ResourceInUseException",
    "EntityAlreadyExists", "ResourceExistsException",
}  # fmt: skip


def seed(
    url: str, secrets: Mapping[str, str | Mapping[str, Any]] | None = None, *, region: str = "us-east-1",
    renewed: Collection[str] = (), bucket: str = BUCKET, data_bucket: str = DATA_BUCKET, queue: str = DATA_QUEUE,
    table: str = LEDGER_TABLE,
) -> dict[str, str]:  # fmt: skip
    """Create what is missing and adopt what is there; returns `queue_url`, `role_arn` and the names.

    Args:
        url: Endpoint of the twin (or of anything that speaks AWS).
        secrets: Name -> value; a mapping is stored as JSON. An existing secret gets the value as a new version
            only where it differs.
        renewed: See `put_secrets`.
    """
    account = _Account(url, region)
    for name, replica in ((bucket, REPLICA), (data_bucket, DATA_REPLICA)):
        account.bucket(name)
        account.replicate(name, replica)
    queue_url = account.queue(queue)
    for name in (bucket, data_bucket):
        account.notify(name, queue_url)
    account.table(table)
    role_arn = account.role(ROLE)
    put_secrets(url, secrets or {}, region=region, renewed=renewed)
    return {"queue_url": queue_url, "role_arn": role_arn, "bucket": bucket, "data_bucket": data_bucket, "table": table}


def put_secrets(
    url: str, secrets: Mapping[str, str | Mapping[str, Any]], *, region: str = "us-east-1",
    renewed: Collection[str] = (),
) -> None:  # fmt: skip
    """What an operator does after Terraform: it makes secrets, but no values.

    `renewed` names those whose entries are left as they are found: a rotation may have made them anew.
    """
    account = _Account(url, region)
    for name, value in secrets.items():
        found = account.entries(name) if name in renewed else {}
        account.secret(name, value if isinstance(value, str) else json.dumps({**value, **found}))


def state_machine(url: str, template: str, *, region: str = "us-east-1", table: str = LEDGER_TABLE) -> str:
    """Create or renew the state machine from Terraform's template, with what it needs. Returns its ARN."""
    account = _Account(url, region)
    role = account.role("mlops-workflow", "states.amazonaws.com")
    topic = client(url, "sns", region).create_topic(Name=ALARM_TOPIC)["TopicArn"]
    values = {"ledger_table": table, "mwaa_environment": AIRFLOW, "alarm_topic_arn": topic}
    for name, value in values.items():
        template = template.replace("${" + name + "}", value)
    return account.machine(WORKFLOW, template, role)


class _Account:
    def __init__(self, url: str, region: str):
        self._url, self._region = url, region

    def _client(self, service: str) -> Any:
        return client(self._url, service, self._region)

    def bucket(self, name: str) -> None:
        s3 = self._client("s3")
        _unless_it_exists(lambda: s3.create_bucket(Bucket=name))
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})

    def replicate(self, name: str, replica: str) -> None:
        """Everything that is written to bucket `name` from now on is copied to the other region."""
        s3 = self._client("s3")
        where = {"LocationConstraint": REPLICA_REGION}
        _unless_it_exists(lambda: s3.create_bucket(Bucket=replica, CreateBucketConfiguration=where))
        s3.put_bucket_versioning(Bucket=replica, VersioningConfiguration={"Status": "Enabled"})
        rule = {
            "ID": "everything", "Status": "Enabled", "Priority": 1, "Filter": {},
            "DeleteMarkerReplication": {"Status": "Enabled"}, "Destination": {"Bucket": f"arn:aws:s3:::{replica}"},
        }  # fmt: skip
        configuration = {"Role": self.role("mlops-replication", "s3.amazonaws.com"), "Rules": [rule]}
        s3.put_bucket_replication(Bucket=name, ReplicationConfiguration=configuration)

    def queue(self, name: str) -> str:
        sqs = self._client("sqs")
        _unless_it_exists(lambda: sqs.create_queue(QueueName=name))
        return str(sqs.get_queue_url(QueueName=name)["QueueUrl"])

    def notify(self, bucket: str, queue_url: str) -> None:
        """Uploads below `datasets/` are told to the queue; who reads it picks those of a `raw/` folder."""
        attributes = self._client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
        wanted = {
            "Id": "data-arrived",
            "QueueArn": attributes["Attributes"]["QueueArn"],
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "datasets/"}]}},
        }
        s3 = self._client("s3")
        present = s3.get_bucket_notification_configuration(Bucket=bucket).get("QueueConfigurations", [])
        if not any(each["Id"] == wanted["Id"] for each in present):
            # Setting it puts a test message into the queue: only once.
            s3.put_bucket_notification_configuration(
                Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [*present, wanted]}
            )

    def table(self, name: str) -> None:
        dynamodb = self._client("dynamodb")
        _unless_it_exists(
            lambda: dynamodb.create_table(
                TableName=name,
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        )

    def machine(self, name: str, definition: str, role: str) -> str:
        functions = self._client("stepfunctions")
        for known in functions.list_state_machines()["stateMachines"]:
            if known["name"] == name:
                arn = str(known["stateMachineArn"])
                functions.update_state_machine(stateMachineArn=arn, definition=definition, roleArn=role)
                return arn
        return str(functions.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"])

    def role(self, name: str, service: str = "sagemaker.amazonaws.com") -> str:
        iam = self._client("iam")
        trust = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
        }
        _unless_it_exists(lambda: iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust)))
        return str(iam.get_role(RoleName=name)["Role"]["Arn"])

    def entries(self, secret: str) -> dict[str, Any]:
        """Of a secret that is JSON; none where it does not exist yet."""
        manager = self._client("secretsmanager")
        try:
            return dict(json.loads(manager.get_secret_value(SecretId=secret)["SecretString"]))
        except manager.exceptions.ResourceNotFoundException:
            return {}

    def secret(self, name: str, value: str) -> None:
        manager = self._client("secretsmanager")
        if _unless_it_exists(lambda: manager.create_secret(Name=name, SecretString=value)):
            return
        if manager.get_secret_value(SecretId=name)["SecretString"] != value:
            manager.put_secret_value(SecretId=name, SecretString=value)


def _unless_it_exists(create: Any) -> bool:
    """True where it was created now."""
    try:
        create()
    except ClientError as error:
        if error.response["Error"]["Code"] in _EXISTS:
            return False
        raise
    return True
