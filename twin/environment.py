"""The environment of each process of the local system, and of the people who use it (`.twin/env`)."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from twin import engine
from twin.aws import seed
from twin.aws.seed import AGENT_ROLES, AIRFLOW, BUCKET, DATA_QUEUE, WORKFLOW
from twin.aws.trail import KEY
from twin.aws.webhook_seed import WEBHOOK_QUEUE
from twin.layout import HOST, PROJECT, REPOSITORY, Layout

ACCOUNT = "123456789012"
REGION = "us-east-1"
USER_TOKEN = "twin-octocat-token"  # noqa: S105 - a made-up token of the emulator
CONNECTIONS = "mlops/connections"
"""Begins the names of Airflow's connections in Secrets Manager."""
MARK = "TWIN_PART_OF"
"""Carried by every process of a running system, so that `down` can find what a `kill -9` orphaned."""

_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "LD_LIBRARY_PATH")


def aws(layout: Layout, role: str = "") -> dict[str, str]:
    """`role` signs what the process asks of AWS; without one, it is a person's doing."""
    return {
        "AWS_ENDPOINT_URL": layout.url("aws"),
        "AWS_ACCESS_KEY_ID": f"{KEY}{role}" if role else "twin",
        "AWS_SECRET_ACCESS_KEY": "twin",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def for_people(layout: Layout, tokens: Mapping[str, str]) -> dict[str, str]:
    """What `.twin/env` publishes: enough for the aws CLI, PyGithub, curl and an MCP client."""
    return {
        **aws(layout),
        "GITHUB_API_URL": f"{layout.url('github')}/api/v3",
        "GITHUB_GRAPHQL_URL": f"{layout.url('github')}/api/graphql",
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_TOKEN": USER_TOKEN,
        "GITHUB_WEB_URL": layout.url("github"),
        "AIRFLOW_API_URL": layout.url("airflow"),
        "AIRFLOW_USER": "admin",
        "AIRFLOW_PASSWORD": layout.airflow_password,
        "MCP_URL": f"{layout.url('mcp')}/mcp",
        "MCP_TOKEN": tokens.get("operator", ""),
        "MLFLOW_TRACKING_URI": f"sqlite:///{mlflow_home(layout) / 'mlflow.db'}",
        "MESSAGES_URL": f"{layout.url('github')}/messages",
    }


def policy_file() -> Path:
    return Path(os.environ.get("MLOPS_POLICY_FILE", PROJECT / "dags" / "policy.yaml")).resolve()


def mlflow_home(layout: Layout) -> Path:
    return layout.home / "mlflow"


def write_env_file(layout: Layout, tokens: Mapping[str, str]) -> None:
    lines = [f"export {name}={shlex.quote(value)}" for name, value in for_people(layout, tokens).items()]
    layout.env_file.touch(mode=0o600)
    layout.env_file.write_text(
        "# source this: addresses and logins of the running local system\n" + "\n".join(lines) + "\n"
    )


def secrets(layout: Layout) -> dict[str, str | dict[str, str | int]]:
    """What lies in the twin's Secrets Manager, under the names of the specification (5.5)."""
    web = layout.url("github")
    return {
        "mlops/github-token": layout.github_token,
        "mlops/slack-webhook": f"{web}/slack/hook/mlops/{layout.slack_hook}",
        "mlops/email-smtp": {
            "host": HOST,
            "port": layout.ports["smtp"],
            "user": "mlops",
            "password": layout.smtp_password,
            "sender": "mlops@example.invalid",
            "to": "operators@example.invalid",
        },
        "mlops/api-keys": {
            "mcp_signing_key": layout.mcp_signing_key,
            "github_webhook_secret": layout.github_webhook_secret,
            "pagerduty_routing_key": layout.pagerduty_key,
        },
        f"{CONNECTIONS}/github_default": {
            "conn_type": "github",
            "host": f"{web}/api/v3",
            "password": layout.github_token,
        },
    }


def connection_to_the_bridge(layout: Layout, tokens: Mapping[str, str]) -> dict[str, object]:
    """Airflow's connection `mlops_mcp`, as it lies in Secrets Manager; the operator's token is no part of it."""
    agents = {agent: token for agent, token in tokens.items() if agent != "operator"}
    return {
        "conn_type": "http",
        "host": HOST,
        "port": layout.ports["mcp"],
        "schema": "http",
        "extra": {"url": f"{layout.url('mcp')}/mcp", "tokens": agents},
    }


def publish_connection(layout: Layout, tokens: Mapping[str, str]) -> None:
    """Put the agents' tokens where Airflow reads them."""
    seed.put_secrets(layout.url("aws"), {f"{CONNECTIONS}/mlops_mcp": connection_to_the_bridge(layout, tokens)})


def workflow_arn() -> str:
    return f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{WORKFLOW}"


def terraform_settings_file(layout: Layout) -> Path:
    return layout.home / "infra" / "settings.json"


def made_by_terraform(layout: Layout) -> dict[str, str]:
    """The MLOPS_* that Terraform's outputs name, where the system stands on what it made.

    Airflow is reached by its own address here, and by the state machine only where that was asked for.
    """
    if not layout.infra:
        return {}
    settings = json.loads(terraform_settings_file(layout).read_text())
    elsewhere = {"MLOPS_TRACES_URL", "MLOPS_TRACE_PAGE"}
    ours = {"MLOPS_MWAA_ENVIRONMENT", "MLOPS_WORKFLOW_ARN", "MLOPS_GITHUB_REPOSITORY", *elsewhere}
    return {name: value for name, value in settings.items() if name not in ours}


def operator_token(layout: Layout) -> str:
    """The MCP token that `.twin/env` publishes for people."""
    match = re.search(r"^export MCP_TOKEN=(.+)$", layout.env_file.read_text(), re.MULTILINE)
    return shlex.split(match.group(1))[0] if match else ""


def for_services(layout: Layout, tokens: Mapping[str, str]) -> dict[str, str]:
    """The environment shared by the MCP server and Airflow: the project's settings, pointed at the twin."""
    here = {name: os.environ[name] for name in _KEPT if name in os.environ}
    image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/mlops-{{}}:1"
    here["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), here.get("PATH", "")])
    people = for_people(layout, tokens)
    people.pop("MCP_TOKEN")
    people.pop("GITHUB_TOKEN")
    return {
        **here,
        **people,
        **aws(layout, "mcp"),
        MARK: str(layout.home),
        "TWIN_HOME": str(layout.home),
        "PYTHONPATH": os.pathsep.join([str(PROJECT), str(PROJECT / "plugins")]),
        "MLOPS_BUCKET": BUCKET,
        "MLOPS_TRAINING_IMAGE": image.format("training"),
        "MLOPS_PROCESSING_IMAGE": image.format("processing"),
        "MLOPS_INFERENCE_IMAGE": image.format("inference"),
        # No container here has a GPU.
        **{
            f"MLOPS_GPU_{name.upper()}_IMAGE": image.format(name if layout.containers else f"{name}-gpu")
            for name in ("training", "processing", "inference")
        },
        "MLOPS_JOB_ROLE_ARN": f"arn:aws:iam::{ACCOUNT}:role/mlops-jobs",
        "MLOPS_AGENT_ROLE_PREFIX": f"arn:aws:iam::{ACCOUNT}:role/{AGENT_ROLES}",
        "MLOPS_JOB_POLL_INTERVAL_S": "1",
        "MLOPS_INTAKE_POLL_INTERVAL_S": os.environ.get("MLOPS_INTAKE_POLL_INTERVAL_S", "2"),
        "MLOPS_CANARY_STEP_S": "5",
        "MLOPS_TRACES_URL": f"{layout.url('aws')}/v1/traces",
        "MLOPS_TRACE_PAGE": f"{layout.url('github')}/traces/{{run_key}}",
        "MLOPS_WORKFLOW_ARN": workflow_arn() if layout.workflow else "",
        # With the state machine in front, Airflow is reached as on AWS.
        **({"MLOPS_MWAA_ENVIRONMENT": AIRFLOW} if layout.workflow else {}),
        "MLOPS_PAGERDUTY_URL": f"{layout.url('github')}/pagerduty",
        "MLOPS_DATA_QUEUE_URL": f"{layout.url('aws')}/{ACCOUNT}/{DATA_QUEUE}",
        "MLOPS_WEBHOOK_QUEUE_URL": f"{layout.url('aws')}/{ACCOUNT}/{WEBHOOK_QUEUE}",
        "MLOPS_POLICY_FILE": str(policy_file()),
        **made_by_terraform(layout),
    }


def for_airflow(layout: Layout, tokens: Mapping[str, str]) -> dict[str, str]:
    home = layout.home / "airflow"
    api = layout.url("airflow")
    return {
        **for_services(layout, tokens),
        **aws(layout, "airflow"),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW_CONFIG": str(PROJECT / "airflow.cfg"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{api}/execution/",
        "AIRFLOW__CORE__FERNET_KEY": layout.fernet_key,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__API__PORT": str(layout.ports["airflow"]),
        "AIRFLOW__API__BASE_URL": api,
        "AIRFLOW__API__SECRET_KEY": layout.jwt_secret,
        "AIRFLOW__API_AUTH__JWT_SECRET": layout.jwt_secret,
        # As on MWAA (terraform/mwaa.tf): secrets are read from Secrets Manager when a task asks for the connection.
        "AIRFLOW__SECRETS__BACKEND": "airflow.providers.amazon.aws.secrets.secrets_manager.SecretsManagerBackend",
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps(
            {
                "connections_prefix": CONNECTIONS,
                "variables_prefix": None,
                "config_prefix": None,
                "connections_lookup_pattern": "^(mlops_|github_)",
            }
        ),
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(
            {"conn_type": "aws", "extra": {"endpoint_url": layout.url("aws"), "region_name": REGION}}
        ),
    }


def for_twin(layout: Layout) -> dict[str, str]:
    """The twin's own: what was chosen about it (`TWIN_*`), and how a container engine is reached."""
    chosen = {name: value for name, value in os.environ.items() if name.startswith("TWIN_")}
    jobs = {"TWIN_JOBS": "container", "TWIN_CONTAINER_ENGINE": engine.find().command} if layout.containers else {}
    return {**chosen, **engine.settings(), **for_services(layout, {}), **jobs}


def prepare_homes(layout: Layout) -> None:
    """Write the login before Airflow invents one; MLflow makes no folder."""
    mlflow_home(layout).mkdir(parents=True, exist_ok=True)
    home = layout.home / "airflow"
    home.mkdir(parents=True, exist_ok=True)
    passwords = home / "passwords.json"
    passwords.touch(mode=0o600)
    passwords.write_text(json.dumps({"admin": layout.airflow_password}))
