"""What the deployment decides: addresses, names, limits. Read from the environment, never from an issue."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

_PREFIX = "MLOPS_"


@dataclass(frozen=True)
class Settings:
    """One field per setting; `MLOPS_` plus the upper-case name sets it, e.g. `MLOPS_BUCKET`.

    Lists are separated by commas. Addresses of AWS itself follow boto3's own variables
    (`AWS_ENDPOINT_URL`, `AWS_DEFAULT_REGION`).
    """

    bucket: str = "mlops-bucket"
    data_buckets: tuple[str, ...] = ("mlops-bucket", "mlops-datasets")
    """Buckets an issue may name in `dataset.s3_uri`."""
    ledger_table: str = "mlops-ledger"
    job_role_arn: str = "arn:aws:iam::123456789012:role/mlops-jobs"
    agent_role_prefix: str = ""
    """Begins the ARN of each agent's role, e.g. `arn:aws:iam::123456789012:role/mlops-agent-`; the MCP server then
    makes every call of AWS as the agent that it is for. Empty: with its own role."""
    job_subnets: tuple[str, ...] = ()
    """Subnets that jobs and endpoints run in; empty: SageMaker's own network."""
    job_security_groups: tuple[str, ...] = ()
    job_kms_key: str = ""
    """Encrypts the disks of jobs and endpoints, and what they write; empty: keys that AWS owns."""
    training_image: str = "123456789012.dkr.ecr.us-east-1.amazonaws.com/mlops-training:1"
    processing_image: str = "123456789012.dkr.ecr.us-east-1.amazonaws.com/mlops-processing:1"
    inference_image: str = "123456789012.dkr.ecr.us-east-1.amazonaws.com/mlops-inference:1"
    processing_instance_type: str = "ml.m5.large"
    training_instance_type: str = "ml.m5.large"
    gpu_training_image: str = "123456789012.dkr.ecr.us-east-1.amazonaws.com/mlops-training-gpu:1"
    gpu_processing_image: str = "123456789012.dkr.ecr.us-east-1.amazonaws.com/mlops-processing-gpu:1"
    gpu_inference_image: str = "123456789012.dkr.ecr.us-east-1.amazonaws.com/mlops-inference-gpu:1"
    """For endpoints on instances with a GPU."""
    gpu_processing_instance_type: str = "ml.g4dn.xlarge"
    """For work on images and point clouds: judging a detector, CuPy over LiDAR sweeps."""
    gpu_training_instance_type: str = "ml.p3.2xlarge"
    """For algorithms that learn from images."""
    instance_types: tuple[str, ...] = (
        "ml.t2.medium", "ml.m5.large", "ml.m5.xlarge", "ml.m5.2xlarge", "ml.c5.xlarge", "ml.c5.2xlarge",
        "ml.g4dn.xlarge", "ml.g4dn.2xlarge", "ml.g5.xlarge", "ml.p3.2xlarge",
    )  # fmt: skip
    """Instance types an issue may ask for."""
    max_job_runtime_s: int = 3600
    max_gpu_training_s: int = 86_400
    """The same for training on images; how much of it a run may use follows from its epochs and its variant."""
    managed_spot: bool = False
    """True: training uses spare capacity at a lower price and continues from checkpoints when it is taken away."""
    log_retention_days: int = 90
    """How long the lines of an endpoint stay; the groups of all others are Terraform's."""
    log_archive_arn: str = ""
    """Firehose that keeps them for longer, and below the role that feeds it; empty: nobody does."""
    log_archive_role_arn: str = ""
    job_poll_interval_s: float = 15.0
    """How often a waiting trigger asks after a job; the twin sets 1."""

    github_api_url: str = "https://api.github.com"
    github_web_url: str = "https://github.com"
    github_repository: str = ""
    # Names of secrets, not secrets.
    github_secret: str = "mlops/github-token"  # noqa: S105
    slack_secret: str = "mlops/slack-webhook"  # noqa: S105
    email_secret: str = "mlops/email-smtp"  # noqa: S105
    api_keys_secret: str = "mlops/api-keys"  # noqa: S105
    """JSON with `mcp_signing_key` and, where paging is wanted, `pagerduty_routing_key`."""
    pagerduty_url: str = "https://events.pagerduty.com"
    trigger_labels: tuple[str, ...] = ("mlops:train", "mlops")
    allowed_actors: tuple[str, ...] = ()
    """Logins that may start runs without write access to the repository."""
    intake_poll_interval_s: float = 30.0
    webhook_queue_url: str = ""
    """Where GitHub's webhooks leave hints, which end the pause between two polls; empty: there are none."""
    default_branch: str = "main"

    cost_ceiling_usd: float = 50.0
    """A run estimated above it waits for `/approve <revision>`."""
    data_capture_percent: int = 100
    """Share of requests an endpoint keeps for drift checks; 0 switches it off."""
    canary_minimum_requests: int = 20
    """A canary step is judged on at least so many requests to the new version."""
    canary_step_s: float = 300.0
    """How long a canary step waits for real requests before we send probes of our own; the twin sets 5."""
    canary_max_error_rate: float = 0.02
    canary_max_latency_ms: float = 2000.0
    """P95 of a canary step; an issue's own `target_latency_ms` wins."""
    bake_s: int = 300
    """How long SageMaker keeps the old servers after a blue/green switch, to go back at once on an alarm."""
    alarm_topic_arn: str = ""
    """SNS topic that CloudWatch alarms are sent to."""
    approve_deployments: bool = False
    """True: a deployment, too, waits for a person's `/approve`."""
    max_retrainings: int = 3
    model_versions_kept: int = 5

    airflow_api_url: str = "http://127.0.0.1:8080"
    airflow_user: str = "admin"
    airflow_password: str = ""
    mwaa_environment: str = ""
    """Set on AWS: the Airflow REST API is then reached through `mwaa:InvokeRestApi`."""
    workflow_arn: str = ""
    """The state machine that runs are started through; empty: Airflow is asked directly."""
    mlflow_tracking_uri: str = ""
    traces_url: str = ""
    """Where spans are sent to, by OTLP over HTTP: `https://xray.us-east-1.amazonaws.com/v1/traces`; empty: nowhere."""
    trace_page: str = ""
    """Where people look at a run's trace; `{run_key}` and `{trace_id}` (X-Ray's spelling) are put in."""
    policy_file: str = "dags/policy.yaml"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read `MLOPS_*`; also the plain names that `.twin/env` publishes (`GITHUB_API_URL`, ...)."""
        env = os.environ if environment is None else environment
        values: dict[str, object] = {}
        for field in fields(cls):
            text = env.get(_PREFIX + field.name.upper(), env.get(field.name.upper()) if field.name in _PLAIN else None)
            if text is not None:
                values[field.name] = _convert(text, field.default)
        return cls(**values)  # type: ignore[arg-type]


_PLAIN = {
    "github_api_url",
    "github_web_url",
    "github_repository",
    "airflow_api_url",
    "airflow_user",
    "airflow_password",
    "mlflow_tracking_uri",
}


def _convert(text: str, default: object) -> object:
    if isinstance(default, bool):
        return text.strip().lower() in {"1", "true", "yes", "on"}
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if isinstance(default, (int, float)):
        return type(default)(text)
    return text
