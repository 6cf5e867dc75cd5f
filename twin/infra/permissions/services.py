"""Processes that run on AWS, and AWS's own services where they act for us."""

from __future__ import annotations

from twin.infra.permissions.agents import AGENTS
from twin.infra.permissions.table import (
    AIRFLOW_OP,
    ALARM_TOPIC,
    EVERYTHING,
    LEDGER,
    MINE,
    REPOSITORY,
    Grant,
    Role,
    bucket,
    key,
    logs,
    objects,
    queue,
    role,
    secret,
)

_BY_AWS = "AWS's own service does it; the twin's process has no {}."
_NETWORK = "AWS's own service does it: it puts the process into our subnets."
_PULLS = _BY_AWS.format("image to pull")
_SECRETS = ("github-token", "slack-webhook", "email-smtp", "api-keys")


def _traces(unseen: str) -> Grant:
    return Grant(
        "Traces", "Spans and segments of a run's trace. AWS names no resource for them.",
        ("xray:PutSpans", "xray:PutSpansForIndexing", "xray:PutTelemetryRecords", "xray:PutTraceSegments"),
        (EVERYTHING,), unseen=unseen,
    )  # fmt: skip


_OTLP = "The twin takes spans by OTLP without a signature (docs/twin.md)."


def _network() -> tuple[Grant, ...]:
    actions = (
        "ec2:CreateNetworkInterface", "ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface",
        "ec2:DeleteNetworkInterfacePermission", "ec2:DescribeDhcpOptions", "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs",
    )  # fmt: skip
    made = tuple(each for each in actions if "Describe" not in each)
    looked = tuple(each for each in actions if "Describe" in each)
    kinds = ("network-interface", "security-group", "subnet")
    return (
        Grant("NetworkInterfaces", "A network interface in each subnet, and away again.", made,
              tuple(f"arn:${{partition}}:ec2:${{region}}:${{account}}:{kind}/*" for kind in kinds), unseen=_NETWORK),
        Grant("Network", "What there is. AWS names no resource for these.", looked, (EVERYTHING,), unseen=_NETWORK),
    )  # fmt: skip


def _pull(*images: str) -> tuple[Grant, ...]:
    pulls = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
    return (
        Grant("PullImages", "The images it runs.", pulls, tuple(f"{REPOSITORY}{image}" for image in images),
              unseen=_PULLS),
        Grant("EcrLogin", "A login for all repositories; AWS names no resource for it.",
              ("ecr:GetAuthorizationToken",), (EVERYTHING,), unseen=_PULLS),
    )  # fmt: skip


def _function_logs(name: str) -> Grant:
    return Grant("Logs", "What the function prints.", ("logs:CreateLogStream", "logs:PutLogEvents"),
                 logs(f"/aws/lambda/${{name}}-{name}"), unseen=_BY_AWS.format("log of Lambda"))  # fmt: skip


SERVICES = (
    Role("jobs", "SageMaker, for jobs and endpoints", (
        Grant("FindObjects", "Inputs are downloaded by prefix.", ("s3:ListBucket",), bucket("bucket", "datasets"), MINE,
              {bucket("datasets")[0]: "Only where an issue names the second bucket."}),
        Grant("Where", "SageMaker asks in which region a bucket lies.", ("s3:GetBucketLocation",),
              bucket("bucket", "datasets"), MINE, _BY_AWS.format("need to ask")),
        Grant("Objects", "Inputs, checkpoints, results, captures.", ("s3:GetObject", "s3:PutObject"),
              objects("bucket"), MINE),
        Grant("BrokenUploads", "A large upload that is given up is taken away.", ("s3:AbortMultipartUpload",),
              objects("bucket"), MINE, _BY_AWS.format("upload in parts")),
        Grant("ReadDatasets", "Raw data in the second bucket.", ("s3:GetObject",), objects("datasets"), MINE,
              "Only where an issue names the second bucket."),
        key("s3"),
        Grant("Disks", "Volumes are encrypted with the deployment's key.", ("kms:CreateGrant", "kms:DescribeKey"),
              ("${key}",), unseen=_BY_AWS.format("volume")),
        *_pull("training", "training-gpu", "processing", "processing-gpu", "inference", "inference-gpu"),
        *_network(),
        Grant("Logs", "What jobs and servers print.", ("logs:CreateLogStream", "logs:PutLogEvents"),
              logs("/aws/sagemaker/*")[1:]),
        Grant("LogGroups", "SageMaker makes its groups when the first job runs.",
              ("logs:CreateLogGroup", "logs:DescribeLogStreams"), logs("/aws/sagemaker/*"),
              unseen=_BY_AWS.format("need to ask")),
        Grant("Metrics", "Figures of machines and what a job prints as its metrics. AWS names no resource for metrics.",
              ("cloudwatch:PutMetricData",), (EVERYTHING,),
              {"StringEquals": {"cloudwatch:namespace": [
                  "/aws/sagemaker/TrainingJobs", "/aws/sagemaker/ProcessingJobs", "/aws/sagemaker/Endpoints"]}},
              _BY_AWS.format("need to ask")),
        _traces(_OTLP),
    )),
    Role("airflow", "MWAA: scheduler, workers and triggerer", (
        Grant("Itself", "MWAA's own figures.", ("airflow:PublishMetrics",),
              ("arn:${partition}:airflow:${region}:${account}:environment/${name}-airflow",),
              unseen=_BY_AWS.format("environment")),
        Grant("DagFiles", "DAGs, plugins and requirements. MWAA refuses a bucket that the public could read.",
              ("s3:GetBucketLocation", "s3:GetBucketPublicAccessBlock", "s3:GetEncryptionConfiguration",
               "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"),
              (*bucket("airflow"), *objects("airflow")), unseen=_BY_AWS.format("bucket of DAGs")),
        Grant("AccountBlocksPublicAccess", "As above, for the whole account. AWS names no resource for it.",
              ("s3:GetAccountPublicAccessBlock",), (EVERYTHING,), unseen=_BY_AWS.format("bucket of DAGs")),
        Grant("Logs", "Airflow's logs.",
              ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:GetLogEvents", "logs:GetLogGroupFields",
               "logs:GetLogRecord", "logs:GetQueryResults", "logs:PutLogEvents"),
              logs("airflow-${name}-airflow-*"), unseen=_BY_AWS.format("log at CloudWatch")),
        Grant("FindLogs", "Airflow's page shows logs. AWS names no resource for it.",
              ("logs:DescribeLogGroups",), (EVERYTHING,),
              unseen=_BY_AWS.format("log at CloudWatch")),
        Grant("Metrics", "Airflow's figures. AWS names no resource for metrics.", ("cloudwatch:PutMetricData",),
              (EVERYTHING,), {"StringEquals": {"cloudwatch:namespace": "AmazonMWAA"}},
              _BY_AWS.format("figures at CloudWatch")),
        Grant("CeleryQueue", "MWAA hands tasks to workers through a queue in an account of its own.",
              ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl",
               "sqs:ReceiveMessage", "sqs:SendMessage"),
              ("arn:${partition}:sqs:${region}:*:airflow-celery-*",), unseen=_BY_AWS.format("queue of tasks")),
        Grant("Arrivals", "Sensors take GitHub's hints and new objects from their queues.",
              ("sqs:DeleteMessage", "sqs:ReceiveMessage"), queue("data-events", "webhooks")),
        Grant("Connections", "Read by Airflow's secrets backend when a task asks.", ("secretsmanager:GetSecretValue",),
              secret("connections/*")),
        Grant("Variables", "Airflow looks for variables there first; this project has none.",
              ("secretsmanager:GetSecretValue",), secret("variables/*"), unseen="As said."),
        key("sqs", "s3", "secretsmanager",
            unseen={"kms:GenerateDataKey": "Sent to by MWAA's queue of tasks only."}),
        Grant("MwaaKey", "What MWAA's documentation asks for beside that, for its queue and its bucket.",
              ("kms:DescribeKey", "kms:Encrypt"), ("${key}",),
              {"StringEquals": {"kms:ViaService": ["sqs.${region}.amazonaws.com", "s3.${region}.amazonaws.com"]}},
              _BY_AWS.format("queue of tasks")),
        _traces(_OTLP),
    )),
    Role("mcp", "the MCP server itself", (
        Grant("ActAsAgents", "Every call of AWS is made as the agent that it is for.", ("sts:AssumeRole",),
              tuple(role(each.name) for each in AGENTS),
              unseen={role("agent-judge"): "The judge did not call in the recorded runs.",
                      role("agent-notification"): "Phases tell by themselves; the tool was not called.",}),
        Grant("SigningKey", "Tokens of callers are checked with it.", ("secretsmanager:GetSecretValue",),
              secret("api-keys")),
        key("secretsmanager", writes=False),
        _traces(_OTLP),
    )),
    Role("mcp-start", "ECS, to start the MCP server", (
        *_pull("mcp"),
        Grant("Logs", "What the server prints.", ("logs:CreateLogStream", "logs:PutLogEvents"), logs("/${name}/mcp"),
              unseen=_BY_AWS.format("log at CloudWatch")),
    )),
    Role("webhook", "Lambda, for GitHub's webhooks", (
        *_network(), _function_logs("webhook"),
        Grant("Hints", "A checked delivery becomes a hint.", ("sqs:SendMessage",), queue("webhooks")),
        Grant("DeadLetters", "Lambda puts a failed asynchronous call there.", ("sqs:SendMessage",),
              queue("webhooks-dead"), unseen="The function is called by API Gateway, which waits for the answer."),
        Grant("SignatureKey", "GitHub's signature is checked with it.", ("secretsmanager:GetSecretValue",),
              secret("api-keys")),
        key("sqs", "secretsmanager", "lambda"),
        _traces(_BY_AWS.format("trace of Lambda")),
    )),
    Role("rotation", "Lambda, to renew secrets", (
        *_network(), _function_logs("rotation"),
        Grant("Renew", "The four steps of a rotation.",
              ("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue",
               "secretsmanager:UpdateSecretVersionStage"), secret(*_SECRETS)),
        Grant("Agents", "Signs the agents' tokens in Airflow's connection anew; before it is there, its name is asked.",
              ("secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"), secret("connections/mlops_mcp*")),
        Grant("Tell", "Some secrets only people can renew: they are told.", ("sns:Publish",), ALARM_TOPIC),
        Grant("DeadLetters", "Lambda puts a failed asynchronous call there.", ("sqs:SendMessage",),
              queue("webhooks-dead"), unseen="Secrets Manager waits for the answer."),
        key("secretsmanager", "sns", "sqs", "lambda"),
        _traces(_BY_AWS.format("trace of Lambda")),
    )),
    Role("workflow", "Step Functions, for the state machine", (
        Grant("StartRuns", "Starts the run in Airflow.", ("airflow:InvokeRestApi",), AIRFLOW_OP),
        Grant("Tokens", "Writes the token that a phase answers, unless it has answered.", ("dynamodb:UpdateItem",),
              LEDGER),
        Grant("Tell", "An execution that nobody reported.", ("sns:Publish",), ALARM_TOPIC,
              unseen="Only where Airflow cannot be asked to report it."),
        key("dynamodb", "sns"),
        Grant("Itself", "Input and output of executions are encrypted with the key.",
              ("kms:Decrypt", "kms:GenerateDataKey"), ("${key}",), {"StringLike": {
                  "kms:EncryptionContext:aws:states:stateMachineArn":
                      "arn:${partition}:states:${region}:${account}:stateMachine:${name}-workflow"}},
              _BY_AWS.format("encryption")),
        Grant("LogsKey", "Its log is encrypted on the way to CloudWatch.", ("kms:GenerateDataKey",), ("${key}",),
              {"StringLike": {"kms:EncryptionContext:SourceArn": "arn:${partition}:logs:${region}:${account}:*"}},
              _BY_AWS.format("delivery of logs")),
        Grant("Logs", "Step Functions arranges the delivery of its logs. AWS names no resource for it.",
              ("logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups",
               "logs:DescribeResourcePolicies", "logs:GetLogDelivery", "logs:ListLogDeliveries",
               "logs:PutResourcePolicy", "logs:UpdateLogDelivery"), (EVERYTHING,),
              unseen=_BY_AWS.format("delivery of logs")),
        _traces(_BY_AWS.format("trace of Step Functions")),
    )),
    Role("scheduler", "EventBridge Scheduler", (
        Grant("AskHealth", "Asks Airflow for its health every five minutes.", ("airflow:InvokeRestApi",), AIRFLOW_OP,
              unseen=_BY_AWS.format("clock for schedules")),
        Grant("DeadLetters", "What was not answered.", ("sqs:SendMessage",), queue("schedules-dead"),
              unseen=_BY_AWS.format("clock for schedules")),
        key("sqs", "scheduler", unseen=_BY_AWS.format("clock for schedules")),
    )),
    Role("replication", "S3, to copy into the other region", (
        Grant("Sources", "What is to be copied.", ("s3:GetReplicationConfiguration", "s3:ListBucket"),
              bucket("bucket", "datasets"), unseen=_BY_AWS.format("need to ask")),
        Grant("Read", "Each new version.",
              ("s3:GetObjectVersionAcl", "s3:GetObjectVersionForReplication", "s3:GetObjectVersionTagging"),
              (*objects("bucket"), *objects("datasets")), unseen=_BY_AWS.format("need to ask")),
        Grant("Write", "Its copy.", ("s3:ReplicateDelete", "s3:ReplicateObject", "s3:ReplicateTags"),
              (*objects("lifecycle-replica"), *objects("datasets-replica")), unseen=_BY_AWS.format("need to ask")),
        Grant("Unwrap", "Encrypted with the key here.", ("kms:Decrypt",), ("${key}",),
              {"StringEquals": {"kms:ViaService": "s3.${region}.amazonaws.com"}}, _BY_AWS.format("encryption")),
        Grant("Wrap", "And with the key there.", ("kms:Encrypt",), ("${replica_key}",),
              {"StringEquals": {"kms:ViaService": "s3.${replica_region}.amazonaws.com"}}, _BY_AWS.format("encryption")),
    )),
    Role("trail", "CloudTrail", (
        Grant("Logs", "The trail's copy at CloudWatch.", ("logs:CreateLogStream", "logs:PutLogEvents"),
              logs("/${name}/audit"), unseen=_BY_AWS.format("trail of that kind")),
    )),
    Role("flow-logs", "VPC flow logs", (
        Grant("Logs", "Who spoke to whom.", ("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
              logs("/${name}/network"), unseen=_BY_AWS.format("network")),
        Grant("Groups", "Where to write. AWS names no resource for it.", ("logs:DescribeLogGroups",), (EVERYTHING,),
              unseen=_BY_AWS.format("network")),
    )),
    Role("archive", "Firehose, to keep logs for a year", (
        Grant("Write", "The archive.",
              ("s3:AbortMultipartUpload", "s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads",
               "s3:PutObject"), (*bucket("log-archive"), *objects("log-archive")),
              unseen=_BY_AWS.format("delivery of logs")),
        Grant("Errors", "What could not be written.", ("logs:PutLogEvents",), logs("/${name}/archive"),
              unseen=_BY_AWS.format("delivery of logs")),
        key("s3", unseen=_BY_AWS.format("delivery of logs")),
    )),
    Role("log-feed", "CloudWatch Logs, to feed the archive", (
        Grant("Feed", "Into the stream.", ("firehose:PutRecord", "firehose:PutRecordBatch"),
              ("arn:${partition}:firehose:${region}:${account}:deliverystream/${name}-log-archive",),
              unseen=_BY_AWS.format("delivery of logs")),
    )),
    Role("backup", "AWS Backup", (
        Grant("Table", "The runs table, every night.",
              ("dynamodb:CreateBackup", "dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable",
               "dynamodb:ListTagsOfResource", "dynamodb:StartAwsBackupJob"), LEDGER, unseen=_BY_AWS.format("backup")),
        Grant("TableBackups", "Old ones go; a test restores one every month.",
              ("dynamodb:DeleteBackup", "dynamodb:DescribeBackup", "dynamodb:RestoreTableFromAwsBackup"),
              (*(f"{table}/backup/*" for table in LEDGER),
               "arn:${partition}:dynamodb:${region}:${account}:table/awsbackup-restore-test-*"),
              unseen=_BY_AWS.format("backup")),
        Grant("RestoredTable", "The table that a test of the restore makes.",
              ("dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:DescribeTable", "dynamodb:GetItem",
               "dynamodb:PutItem", "dynamodb:Query", "dynamodb:RestoreTableFromBackup", "dynamodb:Scan",
               "dynamodb:UpdateItem"),
              ("arn:${partition}:dynamodb:${region}:${account}:table/awsbackup-restore-test-*",),
              unseen=_BY_AWS.format("backup")),
        Grant("RestoredFrom", "As above.", ("dynamodb:RestoreTableFromBackup",),
              tuple(f"{table}/backup/*" for table in LEDGER), unseen=_BY_AWS.format("backup")),
        Grant("Buckets", "What AWS Backup asks of a bucket.",
              ("s3:GetBucketAcl", "s3:GetBucketLocation", "s3:GetBucketNotification", "s3:GetBucketTagging",
               "s3:GetBucketVersioning", "s3:GetInventoryConfiguration", "s3:ListBucket", "s3:ListBucketVersions",
               "s3:PutBucketNotification", "s3:PutInventoryConfiguration"), bucket("bucket", "datasets"),
              unseen=_BY_AWS.format("backup")),
        Grant("Objects", "What is kept.",
              ("s3:GetObject", "s3:GetObjectAcl", "s3:GetObjectTagging", "s3:GetObjectVersion",
               "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"), (*objects("bucket"), *objects("datasets")),
              unseen=_BY_AWS.format("backup")),
        Grant("RestoreTests", "A bucket that a test of the restore makes and takes away.",
              ("s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteObject", "s3:GetBucketOwnershipControls",
               "s3:ListBucket", "s3:PutBucketOwnershipControls", "s3:PutBucketVersioning", "s3:PutObject",
               "s3:PutObjectAcl", "s3:PutObjectTagging"),
              ("arn:${partition}:s3:::awsbackup-restore-test-*",), unseen=_BY_AWS.format("backup")),
        Grant("RestoreBuckets", "A restore that an operator starts puts versions back where they were.",
              ("s3:GetBucketOwnershipControls", "s3:PutBucketOwnershipControls", "s3:PutBucketVersioning"),
              bucket("bucket", "datasets"), unseen=_BY_AWS.format("backup")),
        Grant("RestoreObjects", "As above.", ("s3:PutObject", "s3:PutObjectAcl", "s3:PutObjectTagging"),
              (*objects("bucket"), *objects("datasets")), unseen=_BY_AWS.format("backup")),
        Grant("Events", "AWS Backup follows the bucket by rules of its own.",
              ("events:DeleteRule", "events:DescribeRule", "events:DisableRule", "events:EnableRule",
               "events:ListTargetsByRule", "events:PutRule", "events:PutTargets", "events:RemoveTargets"),
              ("arn:${partition}:events:${region}:${account}:rule/AwsBackupManagedRule*",),
              unseen=_BY_AWS.format("backup")),
        Grant("Vault", "Where backups lie.", ("backup:CopyFromBackupVault", "backup:CopyIntoBackupVault",
                                             "backup:DescribeBackupVault"),
              ("arn:${partition}:backup:${region}:${account}:backup-vault:${name}",), unseen=_BY_AWS.format("backup")),
        Grant("Metrics", "What AWS Backup looks up. AWS names no resource for these.",
              ("cloudwatch:GetMetricData", "events:ListRules", "tag:GetResources"), (EVERYTHING,),
              unseen=_BY_AWS.format("backup")),
        Grant("Key", "Everything at rest is encrypted with one key.",
              ("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey", "kms:CreateGrant"), ("${key}",),
              {"StringEquals": {"kms:ViaService": ["dynamodb.${region}.amazonaws.com", "s3.${region}.amazonaws.com",
                                                   "backup.${region}.amazonaws.com"]}},
              _BY_AWS.format("backup")),
    )),
)  # fmt: skip
