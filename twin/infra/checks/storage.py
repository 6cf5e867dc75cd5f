"""Buckets, the ledger, queues, secrets, keys, backups: what holds data."""

from __future__ import annotations

from typing import Any

from twin.infra.checks.looking import (
    Account,
    Values,
    Wrong,
    encrypted_by_ours,
    expect,
    looks_at,
    only,
    refuses_without_tls,
    statements,
)


def _sse(account: Account, bucket: str) -> dict[str, Any]:
    found = account("s3").get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    return only(found, "rules of encryption")["ApplyServerSideEncryptionByDefault"]


def _name(values: Values) -> str:
    return values["bucket"]


@looks_at("aws_s3_bucket")
def bucket(account: Account, values: Values) -> str:
    account("s3").head_bucket(Bucket=_name(values))
    return "exists"


@looks_at("aws_s3_bucket_server_side_encryption_configuration")
def bucket_encryption(account: Account, values: Values) -> str:
    rule = _sse(account, _name(values))
    if "access-logs" in _name(values):
        expect(rule["SSEAlgorithm"], "AES256", "encryption of access logs")
        return "SSE-S3, the only kind access logs can have"
    expect(rule["SSEAlgorithm"], "aws:kms", "encryption")
    encrypted_by_ours(rule.get("KMSMasterKeyID"), "the bucket")
    return "SSE-KMS by our key"


@looks_at("aws_s3_bucket_versioning")
def bucket_versions(account: Account, values: Values) -> str:
    expect(account("s3").get_bucket_versioning(Bucket=_name(values)).get("Status"), "Enabled", "versioning")
    return "versions are kept"


@looks_at("aws_s3_bucket_policy")
def bucket_policy(account: Account, values: Values) -> str:
    policy = account("s3").get_bucket_policy(Bucket=_name(values))["Policy"]
    refuses_without_tls(policy, "the bucket")
    for each in statements(policy):
        if each["Effect"] == "Allow" and "Condition" not in each:
            raise Wrong(f"{each['Sid']} allows without a condition")
    return "TLS only; each Allow is conditional"


@looks_at("aws_s3_bucket_public_access_block")
def bucket_public(account: Account, values: Values) -> str:
    block = account("s3").get_public_access_block(Bucket=_name(values))["PublicAccessBlockConfiguration"]
    expect(set(block.values()), {True}, "the block of public access")
    return "all four kinds of public access blocked"


@looks_at("aws_s3_bucket_ownership_controls")
def bucket_owner(account: Account, values: Values) -> str:
    rules = account("s3").get_bucket_ownership_controls(Bucket=_name(values))["OwnershipControls"]["Rules"]
    expect(rules[0]["ObjectOwnership"], "BucketOwnerEnforced", "ownership")
    return "no access lists"


@looks_at("aws_s3_bucket_logging")
def bucket_logging(account: Account, values: Values) -> str:
    target = account("s3").get_bucket_logging(Bucket=_name(values))["LoggingEnabled"]["TargetBucket"]
    if "access-logs" not in target:
        raise Wrong(f"access is logged to {target}")
    return f"access is logged to {target}"


@looks_at("aws_s3_bucket_lifecycle_configuration")
def bucket_lifecycle(account: Account, values: Values) -> str:
    rules = account("s3").get_bucket_lifecycle_configuration(Bucket=_name(values))["Rules"]
    expect({each["Status"] for each in rules}, {"Enabled"}, "rules' status")
    if not any("AbortIncompleteMultipartUpload" in each for each in rules):
        raise Wrong("unfinished uploads stay")
    days = [each["Expiration"]["Days"] for each in rules if "Days" in each.get("Expiration", {})]
    if any(word in _name(values) for word in ("archive", "audit", "access-logs")) and min(days, default=0) < 365:
        raise Wrong(f"logs are deleted after {days} days, before the year is over")
    tiers = any(each.get("Transitions", [{}])[0].get("StorageClass") == "INTELLIGENT_TIERING" for each in rules)
    if _name(values).startswith(("mlops-bucket", "mlops-datasets")):
        expect(tiers, True, "Intelligent-Tiering")
    return (
        f"{len(rules)} rules"
        + (", Intelligent-Tiering" if tiers else "")
        + (f", gone after {days[0]} d" if days else "")
    )


@looks_at("aws_s3_bucket_notification")
def bucket_notification(account: Account, values: Values) -> str:
    found = account("s3").get_bucket_notification_configuration(Bucket=_name(values))
    queue = only(found["QueueConfigurations"], "queues told")
    expect(queue["QueueArn"].rpartition(":")[2], "mlops-data-events", "the queue told")
    expect(queue["Filter"]["Key"]["FilterRules"][0]["Value"], "datasets/", "the prefix told of")
    expect("EventBridgeConfiguration" in found, True, "EventBridge")
    return "datasets/ to the queue, everything to EventBridge"


@looks_at("aws_s3_bucket_replication_configuration")
def bucket_replication(account: Account, values: Values) -> str:
    rules = account("s3").get_bucket_replication(Bucket=_name(values))["ReplicationConfiguration"]["Rules"]
    rule = only(rules, "replication rules")
    expect(rule["Status"], "Enabled", "replication")
    target = rule["Destination"]["Bucket"].rpartition(":")[2]
    place = account("s3").get_bucket_location(Bucket=target)["LocationConstraint"]
    here = account("s3").get_bucket_location(Bucket=_name(values))["LocationConstraint"]
    if place == here:
        raise Wrong(f"the copy lies in the same region, {place or 'us-east-1'}")
    expect(account("s3").get_bucket_versioning(Bucket=target).get("Status"), "Enabled", "the copy's versioning")
    return f"copied to {target} in {place}"


@looks_at("aws_s3_object")
def stored_object(account: Account, values: Values) -> str:
    head = account("s3").head_object(Bucket=_name(values), Key=values["key"])
    if not head.get("VersionId") or head["VersionId"] == "null":
        raise Wrong("it has no version")
    return f"{head['ContentLength']} bytes, versioned"


@looks_at("aws_dynamodb_table")
def table(account: Account, values: Values) -> str:
    dynamodb, name = account("dynamodb"), values["name"]
    found = dynamodb.describe_table(TableName=name)["Table"]
    expect(found["KeySchema"], [{"AttributeName": "id", "KeyType": "HASH"}], "the key")
    expect(found["SSEDescription"]["SSEType"], "KMS", "encryption")
    encrypted_by_ours(found["SSEDescription"].get("KMSMasterKeyArn"), "the table")
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    state = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    expect(state, "ENABLED", "point-in-time recovery")
    return "hash key id, SSE-KMS, point-in-time recovery"


def _attributes(account: Account, url: str) -> dict[str, str]:
    return account("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


@looks_at("aws_sqs_queue")
def queue(account: Account, values: Values) -> str:
    found = _attributes(account, values["url"])
    encrypted_by_ours(found.get("KmsMasterKeyId"), "the queue")
    if values["name"].endswith("-dead"):
        expect(found["MessageRetentionPeriod"], str(14 * 86400), "retention of dead letters")
        return "SSE-KMS, dead letters are kept for 14 days"
    if "-dead" not in found.get("RedrivePolicy", ""):
        raise Wrong("what cannot be read is lost: no queue for dead letters")
    return "SSE-KMS, dead letters go to a queue"


@looks_at("aws_sqs_queue_policy")
def queue_policy(account: Account, values: Values) -> str:
    policy = _attributes(account, values["queue_url"])["Policy"]
    for each in statements(policy):
        if each["Effect"] == "Allow":
            expect("aws:SourceAccount" in str(each.get("Condition")), True, "the condition on the account")
    refuses_without_tls(policy, "the queue")
    return "TLS only; senders are of this account"


@looks_at("aws_sqs_queue_redrive_allow_policy")
def redrive_allow(account: Account, values: Values) -> str:
    found = _attributes(account, values["queue_url"])["RedriveAllowPolicy"]
    expect("byQueue" in found, True, "limited by queue")
    return "takes dead letters of its own queue only"


@looks_at("aws_kms_key")
def key(account: Account, values: Values) -> str:
    kms = account("kms", values["arn"].split(":")[3])
    found = kms.describe_key(KeyId=values["arn"])["KeyMetadata"]
    expect(found["KeyState"], "Enabled", "the key's state")
    expect(kms.get_key_rotation_status(KeyId=values["arn"])["KeyRotationEnabled"], True, "rotation")
    return f"{values['arn'].split(':')[3]}: enabled, rotates"


@looks_at("aws_kms_alias")
def key_alias(account: Account, values: Values) -> str:
    kms = account("kms", values["arn"].split(":")[3])
    found = only((each for each in kms.list_aliases()["Aliases"] if each["AliasName"] == values["name"]), "aliases")
    expect(found["TargetKeyId"], values["target_key_id"], "its key")
    return values["name"]


_SECRETS = {"mlops/github-token", "mlops/slack-webhook", "mlops/email-smtp", "mlops/api-keys"}


@looks_at("aws_secretsmanager_secret")
def secret(account: Account, values: Values) -> str:
    found = account("secretsmanager").describe_secret(SecretId=values["name"])
    expect(values["name"] in _SECRETS, True, f"{values['name']} as a name of the specification")
    encrypted_by_ours(found.get("KmsKeyId"), "the secret")
    return "encrypted by our key"


@looks_at("aws_secretsmanager_secret_version")
def secret_version(account: Account, values: Values) -> str:
    account("secretsmanager").get_secret_value(SecretId=values["secret_id"])
    if values.get("secret_string"):
        raise Wrong("the value lies in Terraform's state")
    return "has a value, which is not in the state"


@looks_at("aws_secretsmanager_secret_rotation")
def secret_rotation(account: Account, values: Values) -> str:
    found = account("secretsmanager").describe_secret(SecretId=values["secret_id"])
    expect(found.get("RotationEnabled"), True, "rotation")
    expect(found["RotationRules"]["AutomaticallyAfterDays"], 90, "days between rotations")
    expect(found["RotationLambdaARN"].rpartition(":")[2], "mlops-rotation", "the function that rotates")
    return "renewed every 90 days"


@looks_at("aws_secretsmanager_secret_policy")
def secret_policy(account: Account, values: Values) -> str:
    policy = account("secretsmanager").get_resource_policy(SecretId=values["secret_arn"])["ResourcePolicy"]
    expect({each["Effect"] for each in statements(policy)}, {"Deny"}, "effects")
    return "other accounts are denied"


@looks_at("aws_ssm_parameter")
def parameter(account: Account, values: Values) -> str:
    found = account("ssm").get_parameter(Name=values["name"])["Parameter"]
    expect(found["Type"], "SecureString", "the type")
    return "kept encrypted"


@looks_at("aws_backup_vault")
def vault(account: Account, values: Values) -> str:
    found = account("backup").describe_backup_vault(BackupVaultName=values["name"])
    encrypted_by_ours(found.get("EncryptionKeyArn"), "the vault")
    return "encrypted by our key"


@looks_at("aws_backup_plan")
def backup_plan(account: Account, values: Values) -> str:
    rule = only(account("backup").get_backup_plan(BackupPlanId=values["id"])["BackupPlan"]["Rules"], "rules")
    expect(rule["ScheduleExpression"], "cron(0 2 * * ? *)", "the schedule")
    expect(rule["Lifecycle"]["DeleteAfterDays"], 30, "days a backup is kept")
    return "daily, kept for 30 days"


@looks_at("aws_backup_selection")
def backup_selection(account: Account, values: Values) -> str:
    found = account("backup").get_backup_selection(BackupPlanId=values["plan_id"], SelectionId=values["id"])
    covered = {each.rpartition("/")[2].rpartition(":")[2] for each in found["BackupSelection"]["Resources"]}
    expect(covered, {"mlops-ledger", "mlops-bucket", "mlops-datasets"}, "what is backed up")
    return "ledger and both buckets"


@looks_at("aws_backup_restore_testing_plan")
def restore_testing(account: Account, values: Values) -> str:
    found = account("backup").get_restore_testing_plan(RestoreTestingPlanName=values["name"])["RestoreTestingPlan"]
    expect(found["ScheduleExpression"], "cron(0 4 1 * ? *)", "the schedule")
    return "a restore is tested each month"


@looks_at("aws_backup_restore_testing_selection")
def restore_tested(account: Account, values: Values) -> str:
    found = account("backup").get_restore_testing_selection(
        RestoreTestingPlanName=values["restore_testing_plan_name"], RestoreTestingSelectionName=values["name"]
    )["RestoreTestingSelection"]
    expect(found["ProtectedResourceType"], "DynamoDB", "what is restored")
    return "of the ledger"
