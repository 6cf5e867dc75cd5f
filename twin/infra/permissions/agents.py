"""The eleven agents. The MCP server has next to nothing itself: it takes the role of the agent that calls."""

from __future__ import annotations

from twin.infra.permissions.table import (
    AIRFLOW_OP,
    EVERYTHING,
    EXECUTIONS,
    LEDGER,
    MINE,
    WORKFLOW,
    Grant,
    Role,
    bucket,
    key,
    logs,
    objects,
    pass_role,
    sagemaker,
    secret,
)

_WHO = "MCP server, for the agent {}"
_SHARED = "The server keeps GitHub's token for five minutes: whichever agent comes first has read it for all."
_FAILS = "A call that failed gives its claim back; the recorded runs may have none in this agent."
_MISSING = "Only where an object is missing; in the recorded runs none was."
_LAST = "The last phase's answer is handed back by whoever closes the run."
_SECOND = "Only where an issue names the second bucket."
_NO_STOP = "In the recorded runs nobody stopped a job of this phase by the tool."
_FAULT = "In the recorded runs no phase of this agent failed."


def _ledger(*more: str, seen: str = "", unseen: dict[str, str] | None = None) -> Grant:
    """`seen` names what is not seen of most agents, and was of this one."""
    actions = ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem", *more)
    why = "The run's record, and the claim under which a call happens once (UpdateItem: the state machine's token)."
    reasons = {"dynamodb:DeleteItem": _FAILS, **(unseen or {})}
    reasons.pop(seen, None)
    return Grant("Ledger", why, actions, LEDGER, unseen=reasons)


def _answers(seen: str = "", unseen: dict[str, str] | None = None) -> Grant:
    """Whoever carries a phase has it: the state machine waits for its answer."""
    reasons = {"states:SendTaskFailure": _FAULT, **(unseen or {})}
    reasons.pop(seen, None)
    return Grant(
        "AnswerStateMachine", "Hands the phase's result to the state that waits. A token is no resource of IAM.",
        ("states:SendTaskSuccess", "states:SendTaskFailure"), (EVERYTHING,), unseen=reasons,
    )  # fmt: skip


_IS_IT_STOPPED = Grant("WasItStopped", "A run whose execution a person stopped starts nothing more.",
                       ("states:DescribeExecution",), EXECUTIONS)  # fmt: skip


def _jobs(kind: str, phase: str, *, looks_at: tuple[str, ...] = (), unseen: dict[str, str] | None = None) -> Grant:
    """Create, follow and stop the jobs of one phase: their names carry it."""
    job = {"training-job": "TrainingJob", "processing-job": "ProcessingJob"}[kind]
    actions = (f"sagemaker:Create{job}", f"sagemaker:Describe{job}", f"sagemaker:Stop{job}", "sagemaker:AddTags",
               "sagemaker:ListTags")  # fmt: skip
    reasons = {
        f"sagemaker:Stop{job}": _NO_STOP,
        "sagemaker:ListTags": "Asked only where a job of that name exists already: its tag says whether it is ours.",
    }
    return Grant(
        "Jobs", f"Starts, adopts, follows and stops jobs of phase {phase}.", actions,
        sagemaker(f"{kind}/*-{phase}-*", *looks_at), unseen={**reasons, **(unseen or {})},
    )  # fmt: skip


def _job_logs(group: str) -> Grant:
    return Grant("JobLogs", "follow_job shows what the job prints.", ("logs:DescribeLogStreams", "logs:GetLogEvents"),
                 logs(f"/aws/sagemaker/{group}")[1:])  # fmt: skip


def _pass(unseen: str = "") -> Grant:
    return pass_role("GiveJobsTheirRole", "Jobs, models and endpoints run with role jobs.", "sagemaker", "jobs",
                     unseen=unseen)  # fmt: skip


_VOLUMES = Grant(
    "DiskKey", "SageMaker uses the key for a machine's disk by a grant that whoever starts it gives.",
    ("kms:CreateGrant",), ("${key}",), {"Bool": {"kms:GrantIsForAWSResource": "true"}},
)  # fmt: skip
_DESCRIBE_KEY = Grant("WhichKey", "SageMaker asks for the key's state with the caller's permissions.",
                      ("kms:DescribeKey",), ("${key}",))  # fmt: skip
_DISKS = (_VOLUMES, _DESCRIBE_KEY)


def _lists(*names: str, unseen: str | dict[str, str] = "") -> Grant:
    return Grant("FindObjects", "Lists objects; and without it AWS calls a missing object forbidden.",
                 ("s3:ListBucket",), bucket(*names), MINE, unseen)  # fmt: skip


def _reads(sid: str, why: str, *resources: str, unseen: str | dict[str, str] = "", versions: bool = False) -> Grant:
    actions = ("s3:GetObject", "s3:GetObjectVersion") if versions else ("s3:GetObject",)
    return Grant(sid, why, actions, resources, MINE, unseen)


def _writes(sid: str, why: str, *resources: str, unseen: str | dict[str, str] = "") -> Grant:
    return Grant(sid, why, ("s3:PutObject",), resources, MINE, unseen)


_GITHUB = Grant("GitHubToken", "Writes to GitHub with the bot's token.", ("secretsmanager:GetSecretValue",),
                secret("github-token"), unseen=_SHARED)  # fmt: skip
_TELLS = Grant(
    "ReachPeople", "Slack's address, the mail account and PagerDuty's key, read when a message is sent.",
    ("secretsmanager:GetSecretValue",), secret("slack-webhook", "email-smtp", "api-keys"),
    unseen="Messages are sent where something is worth telling; api-keys only for what pages somebody.",
)  # fmt: skip


def _starts(unseen: str = "") -> Grant:
    return Grant("StartExecutions", "Starts a run through the state machine.", ("states:StartExecution",), WORKFLOW,
                 unseen=unseen)  # fmt: skip


_ASK_AIRFLOW = Grant("AskAirflow", "Looks after a run in Airflow, and ends it there.", ("airflow:InvokeRestApi",),
                     AIRFLOW_OP)  # fmt: skip


def _closing(unseen: str = "") -> tuple[Grant, ...]:
    """For whoever closes a run: the history writer, and `/stop`."""
    plots, curves = objects("bucket", "evaluations/*", "models/*/training/*")
    why = "What is kept of a run that is over: plots for the history, learning curves for the tracking."
    return _reads("Closing", why, plots, curves, unseen={plots: unseen} if unseen else {}), _lists(
        "bucket", unseen=_MISSING
    )


AGENTS = (
    Role("agent-issue_detector", _WHO.format("that admits issues and obeys their comments"), (
        _ledger("dynamodb:Scan", "dynamodb:UpdateItem",
                unseen={"dynamodb:Scan": "Comments that look for earlier runs of an issue, such as `/rollback`."}),
        _GITHUB, _TELLS,
        _writes("KeepIssues", "The issue's text is kept as evidence.", *objects("bucket", "logs/*/issue.md")),
        _starts(), _ASK_AIRFLOW,
        _answers("states:SendTaskFailure", {"states:SendTaskSuccess": "What had succeeded was told before the stop."}),
        Grant("StopExecutions", "`/stop` ends the run's execution.", ("states:StopExecution",), EXECUTIONS),
        Grant("StopJobs", "`/stop` ends the job of whatever phase the run is in.",
              ("sagemaker:DescribeProcessingJob", "sagemaker:DescribeTrainingJob", "sagemaker:StopProcessingJob",
               "sagemaker:StopTrainingJob"), sagemaker("processing-job/*", "training-job/*"),
              unseen={"sagemaker:StopTrainingJob": "The run was stopped in another phase."}),
        *_closing("Nobody stopped a run that had been judged."),
        key("s3", "dynamodb", "secretsmanager", "states"),
    )),
    Role("agent-data_preparation", _WHO.format("data_preparation"), (
        _ledger("dynamodb:UpdateItem", seen="dynamodb:DeleteItem"),
        _answers(), _IS_IT_STOPPED,
        _jobs("processing-job", "prepare"), _pass(), *_DISKS, _job_logs("ProcessingJobs"),
        _lists("bucket", "datasets", unseen={bucket("datasets")[0]: _SECOND}),
        Grant("FindVersions", "Which version of each raw object a run is about.", ("s3:ListBucketVersions",),
              bucket("bucket", "datasets"), MINE, {bucket("datasets")[0]: _SECOND}),
        _reads("RawData", "Raw objects, also as they were at a moment in the past.",
               *objects("bucket", "datasets/*"), *objects("datasets"), versions=True,
               unseen={objects("datasets")[0]: _SECOND}),
        _reads("Reports", "What the job reports.", *objects("bucket", "logs/*/prepare/*")),
        _writes("PreparedData", "Manifests, the pointer to the newest version, raw objects kept with one, a task.",
                *objects("bucket", "datasets/*", "logs/*/prepare/*")),
        key("s3", "dynamodb", "states"),
    )),
    Role("agent-training", _WHO.format("training"), (
        _ledger("dynamodb:UpdateItem"),
        _answers(), _IS_IT_STOPPED,
        _jobs("training-job", "train"),
        Grant("FollowAnyJob", "follow_job and stop_job are this agent's tools, for jobs of every phase.",
              ("sagemaker:DescribeProcessingJob", "sagemaker:StopProcessingJob"), sagemaker("processing-job/*"),
              unseen="Each agent followed its own jobs in the recorded runs; people's calls come here."),
        _pass(), *_DISKS, _job_logs("TrainingJobs"),
        _lists("bucket", unseen=_MISSING),
        _reads("Models", "Is the trained model there; its learning curves.", *objects("bucket", "models/*/training/*")),
        _writes("Task", "What the job is to do.", *objects("bucket", "logs/*/train/*")),
        key("s3", "dynamodb", "states"),
    )),
    Role("agent-evaluation", _WHO.format("evaluation"), (
        _ledger("dynamodb:UpdateItem"),
        _answers(), _IS_IT_STOPPED,
        _jobs("processing-job", "validate"), _pass(), *_DISKS, _job_logs("ProcessingJobs"),
        _lists("bucket", unseen=_MISSING),
        _reads("Results", "What the job measured; is the serving model there to compare with.",
               *objects("bucket", "evaluations/*", "models/*")),
        _writes("Task", "What the job is to do.", *objects("bucket", "logs/*/validate/*")),
        _GITHUB,
        key("s3", "dynamodb", "secretsmanager", "states"),
    )),
    Role("agent-judge", _WHO.format("judge, which may look and change nothing"), (
        Grant("ReadRecords", "get_run, list_runs, list_versions.", ("dynamodb:GetItem", "dynamodb:Scan"), LEDGER,
              unseen="The judge decides from what Airflow hands it; it may look, and did not in the recorded runs."),
        Grant("ReadDatasets", "describe_dataset.", ("s3:GetObject",), objects("bucket", "datasets/*"), MINE,
              "As above."),
        Grant("ListDatasets", "describe_dataset.", ("s3:ListBucket",), bucket("bucket"), MINE, "As above."),
        key("s3", "dynamodb", writes=False, unseen="As above."),
    )),
    Role("agent-packaging", _WHO.format("packaging"), (
        _ledger("dynamodb:UpdateItem"),
        _answers(), _IS_IT_STOPPED,
        _jobs("processing-job", "package"), _pass(), *_DISKS, _job_logs("ProcessingJobs"),
        _lists("bucket", unseen=_MISSING),
        _reads("Parts", "Features and manifest of the data, and the archive as the job left it.",
               *objects("bucket", "datasets/*", "models/*")),
        _writes("Task", "What the job is to do.", *objects("bucket", "logs/*/package/*")),
        Grant("Register", "A group a model, a package a version. Names are the issues' to choose.",
              ("sagemaker:CreateModelPackage", "sagemaker:CreateModelPackageGroup"),
              sagemaker("model-package-group/*", "model-package/*")),
        Grant("Forget", "Takes old versions out of the registry.", ("sagemaker:DeleteModelPackage",),
              sagemaker("model-package/*"), unseen="Only beyond the versions kept (MLOPS_MODEL_VERSIONS_KEPT)."),
        Grant("FindPackages", "Was this version registered before? AWS names no resource for lists.",
              ("sagemaker:ListModelPackages",), (EVERYTHING,)),
        key("s3", "dynamodb", "states"),
    )),
    Role("agent-deployment", _WHO.format("deployment"), (
        _ledger("dynamodb:UpdateItem"),
        _answers(), _IS_IT_STOPPED,
        _lists("bucket", unseen=_MISSING),
        _reads("Features", "A typical row, to ask the endpoint for.", *objects("bucket", "datasets/*")),
        _pass(), *_DISKS,
        Grant("Models", "What an endpoint is made of.",
              ("sagemaker:CreateModel", "sagemaker:CreateEndpointConfig", "sagemaker:DescribeEndpointConfig",
               "sagemaker:AddTags"),
              sagemaker("model/mlops-*", "endpoint-config/mlops-*", "endpoint/mlops-*")),
        Grant("Endpoints", "Made, changed, weighted, rolled back, asked for predictions.",
              ("sagemaker:CreateEndpoint", "sagemaker:DeleteEndpoint", "sagemaker:DescribeEndpoint",
               "sagemaker:InvokeEndpoint", "sagemaker:UpdateEndpoint", "sagemaker:UpdateEndpointWeightsAndCapacities"),
              sagemaker("endpoint/mlops-*", "endpoint-config/mlops-*"),
              unseen={"sagemaker:DeleteEndpoint": "Only where the first deployment of a model fails."}),
        Grant("EndpointLogs", "The endpoint's log, before its first line: how long it stays, and into the archive.",
              ("logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:PutSubscriptionFilter"),
              logs("/aws/sagemaker/Endpoints/mlops-*"),
              unseen={"logs:AssociateKmsKey": "Asked within CreateLogGroup where it names a key.",
                      "logs:PutSubscriptionFilter": "Only where Terraform's archive is; the recorded runs are older."}),
        pass_role("FeedArchive", "CloudWatch Logs feeds the archive with this role.", "logs", "log-feed",
                  unseen="Only where Terraform's archive is; the recorded runs are older."),
        Grant("Approve", "The package's approval says what serves.",
              ("sagemaker:DescribeModelPackage", "sagemaker:UpdateModelPackage"), sagemaker("model-package/*"),
              unseen={"sagemaker:DescribeModelPackage": "Only where deployments wait for approval."}),
        Grant("Judge", "A canary step is judged by CloudWatch's figures. AWS names no resource for them.",
              ("cloudwatch:GetMetricData",), (EVERYTHING,)),
        Grant("Alarms", "An alarm that SageMaker rolls back on, and those of target tracking.",
              ("cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"),
              ("arn:${partition}:cloudwatch:${region}:${account}:alarm:mlops-*",
               "arn:${partition}:cloudwatch:${region}:${account}:alarm:TargetTracking-endpoint/mlops-*"),
              unseen={"cloudwatch:DeleteAlarms": "Application Auto Scaling deletes its alarms with the policy."}),
        Grant("LookAtAlarms", "Application Auto Scaling looks whether its alarms exist, as the caller.",
              ("cloudwatch:DescribeAlarms",), ("arn:${partition}:cloudwatch:${region}:${account}:alarm:*",),
              unseen="Called by AWS's own service behind the call; the twin's does not."),
        Grant("Scale", "Auto scaling of the endpoint's variants.",
              ("application-autoscaling:DeregisterScalableTarget", "application-autoscaling:PutScalingPolicy",
               "application-autoscaling:RegisterScalableTarget"),
              ("arn:${partition}:application-autoscaling:${region}:${account}:scalable-target/*",),
              {"StringEquals": {"application-autoscaling:service-namespace": "sagemaker"}}),
        Grant("ScalingRole", "The first target in an account makes Application Auto Scaling's own role.",
              ("iam:CreateServiceLinkedRole",),
              ("arn:${partition}:iam::${account}:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
               "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint",),
              {"StringEquals": {"iam:AWSServiceName": "sagemaker.application-autoscaling.amazonaws.com"}},
              "Once in an account; the twin keeps no such roles."),
        _GITHUB, _TELLS,
        key("s3", "dynamodb", "secretsmanager", "states"),
    )),
    Role("agent-monitor", _WHO.format("monitor"), (
        _ledger("dynamodb:Scan", "dynamodb:UpdateItem"),
        _answers(),
        _jobs("processing-job", "drift"), _pass(), *_DISKS,
        _job_logs("ProcessingJobs"),
        _lists("bucket"),
        _reads("Captures", "What the endpoint answered, and the report of a check.",
               *objects("bucket", "logs/*", "evaluations/*"),
               unseen={objects("bucket", "evaluations/*")[0]: "Only a detector's checks compare with its evaluation."}),
        _writes("Checks", "What a check is to do, and about which captures.", *objects("bucket", "logs/*/drift/*")),
        Grant("LookAtEndpoints", "Is the endpoint there, and what serves.", ("sagemaker:DescribeEndpoint",),
              sagemaker("endpoint/mlops-*")),
        Grant("Alarms", "Latency, errors and drift of an endpoint.", ("cloudwatch:PutMetricAlarm",),
              ("arn:${partition}:cloudwatch:${region}:${account}:alarm:mlops-*",)),
        Grant("WhatRings", "Which alarms ring. Asked for all, whatever the names.", ("cloudwatch:DescribeAlarms",),
              ("arn:${partition}:cloudwatch:${region}:${account}:alarm:*",)),
        Grant("Dashboards", "One an endpoint.", ("cloudwatch:PutDashboard",),
              ("arn:${partition}:cloudwatch::${account}:dashboard/mlops-*",)),
        Grant("ReadMetrics", "Latency and errors. AWS names no resource for metrics.", ("cloudwatch:GetMetricData",),
              (EVERYTHING,)),
        Grant("WriteMetrics", "The share of drifted features. AWS names no resource for metrics.",
              ("cloudwatch:PutMetricData",), (EVERYTHING,), {"StringEquals": {"cloudwatch:namespace": "MLOps"}}),
        _TELLS,
        key("s3", "dynamodb", "secretsmanager", "states"),
    )),
    Role("agent-retrain", _WHO.format("retrain"), (
        _ledger("dynamodb:UpdateItem", unseen={"dynamodb:UpdateItem": _LAST}),
        _answers(unseen={"states:SendTaskSuccess": _LAST}),
        _starts("In the recorded runs with a state machine neither drift nor a schedule started one."),
        Grant("FindVersions", "Which data are new.", ("s3:ListBucketVersions",), bucket("bucket"), MINE),
        _GITHUB, _TELLS,
        key("s3", "dynamodb", "secretsmanager", "states"),
    )),
    Role("agent-notification", _WHO.format("notification"), (
        Grant("Ledger", "The run that a message is about, and what was sent.",
              ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"), LEDGER,
              unseen="Phases tell by themselves; the tool is for the unforeseen, and was not called."),
        Grant("ReachPeople", "Slack's address, the mail account and PagerDuty's key.",
              ("secretsmanager:GetSecretValue",), secret("slack-webhook", "email-smtp", "api-keys"),
              unseen="As above."),
        key("dynamodb", "secretsmanager", unseen="As above."),
    )),
    Role("agent-history_writer", _WHO.format("history_writer"), (
        _ledger("dynamodb:Scan", "dynamodb:UpdateItem", seen="dynamodb:DeleteItem"),
        _answers(seen="states:SendTaskFailure"), _IS_IT_STOPPED,
        Grant("Heartbeat", "A state that waits hears that its phase lives.", ("states:SendTaskHeartbeat",),
              (EVERYTHING,)),
        _starts("Only where a start was lost."), _ASK_AIRFLOW,
        Grant("StopExecutions", "A run that is over ends its execution, too.", ("states:StopExecution",), EXECUTIONS,
              unseen="Only where a run ended outside its execution."),
        *_closing(),
        _GITHUB, _TELLS,
        key("s3", "dynamodb", "secretsmanager", "states"),
    )),
)  # fmt: skip
