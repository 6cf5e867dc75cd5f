"""The agents carry runs over MCP, without Airflow: each with its own token and role, jobs in a network and with a key.

What the policies allow is held against these calls, too: those of drift checks, a canary and a way back among them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import httpx
import pytest

from mlops.judge import judge
from twin import environment
from twin.infra.permissions.render import ROLES
from twin.infra.permissions.replay import replay
from twin.layout import HOST, PORTS, PROJECT, Layout
from twin.visitor import BridgeClient

pytestmark = [pytest.mark.whole, pytest.mark.timeout(600)]

_PATIENCE_S = 120.0
FORM = {"name": "wine", "algorithm": "xgboost", "dataset_name": "wine", "deployment_target": "sagemaker_endpoint"}


class Agents:
    """The AWS twin, the receivers and the MCP server; `call` speaks as one of the agents."""

    def __init__(self, layout: Layout, tokens: dict[str, str]):
        self.layout = layout
        self._clients = {agent: BridgeClient(f"{layout.url('mcp')}/mcp", token) for agent, token in tokens.items()}

    def call(self, agent: str, tool: str, **arguments: Any) -> dict[str, Any]:
        return self._clients[agent].call(tool, arguments)

    def act(self, agent: str, tool: str, **arguments: Any) -> dict[str, Any]:
        """A tool with an effect, under a key of its own."""
        return self.call(agent, tool, **arguments, idempotency_key=uuid.uuid4().hex)

    def job(self, agent: str, start: str, collect: str, **about: str) -> dict[str, Any]:
        """Start, follow to the end, collect."""
        started = self.act(agent, start, **about)
        if job := started.get("job"):
            until(lambda: self.call(agent, "follow_job", name=job["name"], kind=job["kind"])["state"] != "running")
        return self.act(agent, collect, **about)

    def run(self, key: str, **changes: str) -> dict[str, Any]:
        """One lifecycle, as dags/lifecycle.py orders it; its record."""
        about = {"run_key": key}
        opened = self.act("history_writer", "open_run", airflow_run_id=key, parameters={**FORM, **changes}, **about)
        self.job("data_preparation", "start_preparation", "collect_preparation", **about)
        self.job("training", "start_training", "collect_training", **about)
        found = self.job("evaluation", "start_evaluation", "collect_evaluation", **about)
        verdict = judge(
            found["task"], found["metrics"], opened["spec"]["evaluation"]["thresholds"], rows=found["rows"],
            seal_intact=found["seal_intact"], champion_metrics=found["champion_metrics"],
            champion_version=found["champion_version"],
        )  # fmt: skip
        self.act("evaluation", "record_verdict", verdict=verdict.model_dump(mode="json"), **about)
        if verdict.accepted:
            self.job("packaging", "start_packaging", "collect_packaging", **about)
            self.deploy(key)
            self.act("monitor", "open_watch", **about)
        self.act("retrain", "decide_next", **about)
        return self.act("history_writer", "close_run", **about)

    def deploy(self, key: str) -> None:
        self.act("deployment", "start_deployment", run_key=key)
        until(lambda: self.act("deployment", "follow_deployment", run_key=key)["state"] != "changing")
        self.act("deployment", "confirm_deployment", run_key=key)

    def trail(self) -> list[dict[str, Any]]:
        return httpx.get(f"{self.layout.url('aws')}/twin/trail", timeout=30).json()

    def aws(self, service: str) -> Any:
        return boto3.client(
            service, endpoint_url=self.layout.url("aws"), region_name=environment.REGION,
            aws_access_key_id="twin", aws_secret_access_key="twin",
        )  # fmt: skip


def until(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not look():
        assert time.monotonic() < deadline, f"not within {_PATIENCE_S:.0f} s"
        time.sleep(0.3)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def placed(layout: Layout) -> dict[str, str]:
    """A network and a key, and the settings that name them."""
    made = Agents(layout, {}).aws
    ec2 = made("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="jobs", Description="jobs", VpcId=vpc)["GroupId"]
    key = made("kms").create_key()["KeyMetadata"]["Arn"]
    return {"MLOPS_JOB_SUBNETS": subnet, "MLOPS_JOB_SECURITY_GROUPS": group, "MLOPS_JOB_KMS_KEY": key}


@pytest.fixture(scope="module")
def agents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agents]:
    home = tmp_path_factory.mktemp("agents") / "twin"
    layout = Layout.create(home, {f"{name.upper()}_PORT": str(_free_port()) for name in PORTS})
    environment.prepare_homes(layout)
    log = (home / "log").open("wb")
    started: list[subprocess.Popen[bytes]] = []

    def start(env: dict[str, str], *words: str) -> None:
        words = (sys.executable, "-m", *words)
        started.append(subprocess.Popen(words, cwd=PROJECT, env=env, stdout=log, stderr=subprocess.STDOUT))

    try:
        start({**environment.for_services(layout, {}), "TWIN_HOME": str(home)}, "twin.serve")
        until(lambda: answers(f"{layout.url('aws')}/twin/health") and answers(f"{layout.url('github')}/healthz"))
        env = {**environment.for_services(layout, {}), **placed(layout)}
        minted = subprocess.run(
            [sys.executable, "-m", "mcp_bridge", "token", "--all"],
            cwd=PROJECT,
            env=env,
            capture_output=True,
            check=True,
        )
        start(env, "mcp_bridge", "--host", HOST, "--port", str(layout.ports["mcp"]))
        until(lambda: answers(f"{layout.url('mcp')}/healthz"))
        yield Agents(layout, json.loads(minted.stdout))
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait(timeout=30)
        log.close()


@pytest.fixture(scope="module")
def first(agents) -> dict[str, Any]:
    return agents.run("ui-aaaaaaaaaaaa")


@pytest.fixture(scope="module")
def second(agents, first) -> dict[str, Any]:
    """The same once more, brought in by a canary."""
    return agents.run("ui-bbbbbbbbbbbb", deployment_strategy="canary")


@pytest.fixture(scope="module")
def third(agents, second) -> dict[str, Any]:
    """And once more, all at once: SageMaker itself would go back on an alarm."""
    return agents.run("ui-cccccccccccc", deployment_strategy="blue_green")


@pytest.fixture(scope="module")
def checked(agents, first) -> dict[str, Any]:
    """A drift check on captured requests."""
    endpoint = first["phases"]["deploy"]["handle"]["endpoint"]
    row = agents.aws("s3").get_object(Bucket=environment.BUCKET, Key="datasets/wine/raw/data.csv")["Body"].read()
    names, *lines = [line.split(",") for line in row.decode().splitlines()]
    rows = [dict(zip(names[:-1], map(float, line[:-1]), strict=True)) for line in lines[:120]]
    for start in range(0, len(rows), 40):
        agents.call("deployment", "predict", endpoint=endpoint, instances=rows[start : start + 40])
    httpx.post(f"{agents.layout.url('aws')}/twin/flush", timeout=30)
    about = {"endpoint": endpoint, "check_id": "first"}
    report = agents.job("monitor", "start_drift_check", "collect_drift_check", **about)
    agents.call("monitor", "endpoint_metrics", endpoint=endpoint, minutes=10)
    agents.act("retrain", "act_on_drift", **about)
    return report


def test_run_is_deployed_without_airflow(first):
    assert first["outcome"] == "deployed", first["message"]


def test_jobs_and_models_lie_in_the_network_that_the_settings_name(agents, first):
    made = agents.aws("sagemaker")
    job = made.describe_training_job(TrainingJobName=first["phases"]["train"]["jobs"][0]["name"])
    config = made.describe_endpoint_config(EndpointConfigName=first["phases"]["deploy"]["handle"]["config"])
    model = made.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    assert job["VpcConfig"] == model["VpcConfig"]
    assert job["ResourceConfig"]["VolumeKmsKeyId"] == config["KmsKeyId"] == job["OutputDataConfig"]["KmsKeyId"]


def test_canary_then_all_at_once_then_back(agents, second, third):
    assert [each["outcome"] for each in (second, third)] == ["deployed", "deployed"]
    endpoint = third["phases"]["deploy"]["handle"]["endpoint"]
    assert agents.act("deployment", "roll_back", endpoint=endpoint)["version"] == "v1.1.0"


def test_drift_check_reads_what_was_captured(checked):
    assert checked["checked_rows"] >= 100


def test_secrets_are_renewed_by_the_functions_role(agents, first):
    """Keys by the function; an address of Slack's only people can renew, and they are told."""
    manager = agents.aws("secretsmanager")
    before = manager.get_secret_value(SecretId="mlops/api-keys")["VersionId"]
    for name in ("mlops/api-keys", "mlops/slack-webhook"):
        manager.rotate_secret(SecretId=name)
    until(lambda: manager.get_secret_value(SecretId="mlops/api-keys")["VersionId"] != before)
    until(lambda: ("rotation", "sns:Publish") in {(each["role"], each["operation"]) for each in agents.trail()})


def test_no_agent_did_what_its_role_may_not(agents, first, second, third, checked):
    assert [str(each) for each in replay(ROLES, agents.trail()).refused] == []


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
