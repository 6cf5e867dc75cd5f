"""Secrets in the whole system: found nowhere they do not belong, renewed while a run goes on, asked for by the webhook.

The system's own six secrets are the canaries: each is made anew for it.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import io
import json
import secrets
import smtplib
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import httpx
import pytest

from tests.whole.bodies import issue_about
from twin import environment
from twin.aws import webhook_seed
from twin.layout import PROJECT
from twin.visitor import BridgeClient

sys.path.insert(0, str(Path(__file__).parent))

from leaks import Searcher, Watch

pytestmark = [pytest.mark.whole, pytest.mark.timeout(1500)]

KEYS = "mlops/api-keys"
BRIDGE = f"{environment.CONNECTIONS}/mlops_mcp"
# Where each secret is kept on purpose: the vault, the twin's own notes, and what the services given them remember.
VAULTS = {
    "system.json": (),
    "env": (),
    "state/aws/services/secretsmanager.pickle": (),
    "state/github/github.sqlite": ("tokens", "hooks"),
}


LONG = {
    "algorithm": "neural_network",
    "dataset": {"name": "digits"},
    "hyperparameters": {"hidden_layers": [256, 256], "epochs": 60, "early_stopping_patience": 200},
}


class House:
    """The system with its vault."""

    def __init__(self, system):
        self.system, self.layout = system, system.layout
        self.manager = system.aws("secretsmanager")
        self.web, self.aws = system.layout.url("github"), system.layout.url("aws")
        self.webhook = webhook_seed.address(self.aws, environment.REGION)
        self.canaries = {
            "GitHub's token": self.layout.github_token,
            "the webhook's secret": self.layout.github_webhook_secret,
            "Slack's address": self.layout.slack_hook,
            "the mail account's password": self.layout.smtp_password,
            "PagerDuty's key": self.layout.pagerduty_key,
            "the signing key": self.layout.mcp_signing_key,
            **{f"the token of {agent}": token.rpartition(".")[2] for agent, token in self.tokens().items()},
        }

    def value(self, secret: str) -> str:
        return self.manager.get_secret_value(SecretId=secret)["SecretString"]

    def put(self, secret: str, value: str) -> None:
        self.manager.put_secret_value(SecretId=secret, SecretString=value)

    def keys(self) -> dict[str, str]:
        return json.loads(self.value(KEYS))

    def rotate(self) -> None:
        before = self.keys()["mcp_signing_key"]
        self.manager.rotate_secret(SecretId=KEYS)
        self.system.eventually(lambda: self.keys()["mcp_signing_key"] != before, "a new signing key", 60)
        self.system.eventually(self._settled, "the rotation is over", 60)
        number = len(self.canaries)
        self.canaries[f"the signing key after {number}"] = self.keys()["mcp_signing_key"]
        renewed = {f"the token of {a} after {number}": t.rpartition(".")[2] for a, t in self.tokens().items()}
        self.canaries |= renewed

    def tokens(self) -> dict[str, str]:
        """The agents' tokens, as Airflow reads them."""
        return json.loads(self.value(BRIDGE))["extra"]["tokens"]

    def _settled(self) -> bool:
        return "AWSPENDING" not in str(self.manager.describe_secret(SecretId=KEYS)["VersionIdsToStages"])

    def minted(self) -> dict[str, str]:
        """Tokens of today's key, one an agent, as an operator makes them."""
        done = subprocess.run(
            [sys.executable, "-m", "mcp_bridge", "token", "--all"],
            cwd=PROJECT, env=environment.for_services(self.layout, {}), capture_output=True, timeout=60, check=True,
        )  # fmt: skip
        return json.loads(done.stdout)

    def accepts(self, token: str) -> bool:
        return self.post_to_bridge(token) == 200

    def post_to_bridge(self, token: str) -> int:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
        headers = {"authorization": f"Bearer {token}", "accept": "application/json, text/event-stream"}
        return httpx.post(f"{self.layout.url('mcp')}/mcp", json=body, headers=headers, timeout=30).status_code

    def file(self, name: str, **changes: object) -> int:
        return self.system.file_issue(issue_about(name, **({"deployment": {"target": "none"}} | changes)))

    def deliver(self, issue: int, secret: str, delivery: str) -> httpx.Response:
        """GitHub's delivery for a label on `issue`, signed with `secret`."""
        payload = {"action": "labeled", "repository": {"full_name": "acme/perception"}, "issue": {"number": issue}}
        body = json.dumps(payload).encode()
        headers = {
            "content-type": "application/json", "x-github-event": "issues", "x-github-delivery": delivery,
            "x-hub-signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(),
        }  # fmt: skip
        return httpx.post(self.webhook, content=body, headers=headers, timeout=60)

    def fail(self, where: str, *rules: dict) -> None:
        httpx.post(where, json=list(rules), timeout=30).raise_for_status()

    def fail_no_more(self) -> None:
        for where in self.faults:
            httpx.delete(where, timeout=30).raise_for_status()

    @property
    def faults(self) -> tuple[str, str, str]:
        return f"{self.aws}/twin/faults", f"{self.web}/twin/faults", f"{self.web}/messages/faults"

    def at_rest(self) -> None:
        """Everything that the twin holds in memory is on disk."""
        httpx.post(f"{self.aws}/twin/flush", timeout=60).raise_for_status()

    def leaks(self, secrets: dict[str, str]) -> set[tuple[str, str]]:
        self.at_rest()
        return Searcher(secrets, self.layout.fernet_key).below(self.layout.home, passed_over=VAULTS)


@pytest.fixture(scope="module")
def house(hinted_system) -> House:
    return House(hinted_system)


# -- the webhook: polls come every ten minutes here, so what starts sooner was hinted at


@pytest.fixture(scope="module")
def filed(house) -> dict[str, int]:
    return {name: house.file(name) for name in ("hinted", "replayed")}


def test_labelled_issue_starts_a_run_by_the_webhook(house, filed):
    assert house.system.finished(filed["hinted"])["outcome"] == "registered"
    hook = house.system.github.get("/hooks").json()[0]
    assert hook["config"]["url"] == house.webhook
    answers = [each["status_code"] for each in house.system.github.get(f"/hooks/{hook['id']}/deliveries").json()]
    assert set(answers) == {202}


def test_forged_delivery_is_refused_and_a_replayed_one_starts_nothing(house, filed):
    issue = filed["replayed"]
    key = house.system.finished(issue)["run_key"]
    assert house.deliver(issue, "a guess", "forged").status_code == 401
    words = [house.deliver(issue, house.layout.github_webhook_secret, "again").json()["status"] for _ in range(3)]
    assert words == ["accepted", "known", "known"]
    later = house.system.file_issue("```yaml\nalgorithm: none\n```")
    house.system.eventually(lambda: "mlops:refused" in house.system.labels(later), "the sensor looked after it")
    assert [run["run_key"] for run in house.system.runs(issue)] == [key]


# -- rotation


def test_rotation_during_a_run_stops_nobody(house):
    issue = house.file("rotated", **LONG)
    house.system.eventually(lambda: _is_training(house, issue), "the training job computes")
    first = house.keys()["mcp_signing_key"]
    house.rotate()
    assert house.keys()["mcp_signing_key_previous"] == first
    assert house.system.finished(issue)["outcome"] == "registered"
    assert house.accepts(house.tokens()["training"])


def test_key_before_ends_with_the_next_rotation_and_agents_go_on(house):
    """Nobody mints anything for the agents; the operator's token is kept elsewhere, so a person does."""
    old = house.tokens()["training"]
    house.rotate()
    renewed, operator = house.tokens()["training"], house.minted()["operator"]
    house.system.eventually(lambda: house.accepts(operator), "tokens of the new key are let in", 60)
    assert house.post_to_bridge(old) == 401
    assert house.accepts(renewed)
    house.system.bridge = BridgeClient(f"{house.layout.url('mcp')}/mcp", operator)
    house.canaries["the operator's new token"] = operator.rpartition(".")[2]
    assert house.system.finished(house.file("after-the-rotation"))["outcome"] == "registered"


@pytest.mark.parametrize("name", ["github-token", "slack-webhook", "email-smtp"])
def test_what_only_people_renew_is_asked_for_and_stays(house, name):
    secret = f"mlops/{name}"
    before = house.value(secret)
    house.manager.rotate_secret(SecretId=secret)
    labels = house.system.eventually(lambda: _reminder(house, secret), "people were asked", 60)
    assert "AWSPENDING" not in labels
    assert house.value(secret) == before


def _reminder(house: House, secret: str) -> list[str] | None:
    stages = house.manager.describe_secret(SecretId=secret)["VersionIdsToStages"]
    labels = [label for each in stages.values() for label in each]
    return labels if any(label.startswith("REMINDED-") for label in labels) and "AWSPENDING" not in labels else None


def _is_training(house: House, issue: int) -> bool:
    runs = house.system.runs(issue)
    jobs = [e["name"] for e in house.system.effects("CreateTrainingJob") if runs and runs[-1]["run_key"] in e["name"]]
    sagemaker = house.system.aws("sagemaker")
    return bool(jobs) and sagemaker.describe_training_job(TrainingJobName=jobs[0])["SecondaryStatus"] == "Training"


# -- canaries


def test_no_secret_is_found_anywhere(house):
    with Watch(Searcher(house.canaries), (environment.MARK, str(house.layout.home))) as watch:
        key = _fail_in_each_phase(house)
        _have_malformed_secrets(house, key)
        assert house.system.finished(house.file("healthy-again"))["outcome"] == "registered"
    assert watch.found == set()
    for part in ("mcp_bridge", "airflow", "workloads train", "workloads serve", "function_runtime.py"):
        assert any(part in line for line in watch.seen), part
    assert house.leaks(house.canaries) == set()


def _fail_in_each_phase(house: House) -> str:
    """Runs that fail, each in another phase, and one to an endpoint while each service fails in several ways.

    Returns the key of the latter.
    """
    aws, github, messages = house.faults
    endpoint = {"deployment": {"target": "sagemaker_endpoint"}}
    failing = [house.file("no-such-column", dataset={"name": "wine", "target": "nope"})]
    for phase in ("train", "validate"):
        failing.append(issue := house.file(f"no-{phase}", **endpoint))
        house.fail(aws, {"fault": "job_platform_failure", "name": f"*-{issue}-*-{phase}*", "count": -1})
    failing += [house.file("no-package", **endpoint), house.file("no-endpoint", **endpoint)]
    house.fail(aws, {"fault": "access_denied", "op": "CreateModelPackage", "name": "no-package*", "count": -1})
    house.fail(aws, {"fault": "access_denied", "op": "CreateEndpoint*", "name": "*no-endpoint*", "count": -1})
    calls = ("CreateProcessingJob", "CreateTrainingJob", "CreateModel", "CreateEndpoint", "DescribeEndpoint",
             "secretsmanager:GetSecretValue", "dynamodb:UpdateItem", "CreateModelPackage")  # fmt: skip
    house.fail(aws, *({"fault": "500", "op": op, "count": 2} for op in calls))
    house.fail(aws, {"fault": "throttle", "op": "secretsmanager:GetSecretValue", "count": 1, "after": 5})
    house.fail(
        github,
        {"match": "(POST|PATCH) .*/comments", "fault": "status", "status": 500, "count": 2},
        {"match": "(POST|DELETE) .*/labels", "fault": "reset", "count": 1},
        {"match": "graphql", "fault": "bad_json", "count": 1},
        {"match": "GET .*/issues[?]", "fault": "status", "status": 403, "count": 1, "after": 1},
    )
    house.fail(
        messages,
        {"match": "POST /slack", "fault": "status", "status": 403, "count": 2},
        {"match": "SMTP", "fault": "status", "status": 535, "count": 4},
        {"match": "POST /pagerduty", "fault": "status", "status": 400, "count": 2},
    )
    served = house.system.finished(house.file("under-fire", **endpoint))
    assert served["outcome"] == "deployed"
    outcomes = {record["spec"]["name"]: record["outcome"] for record in map(house.system.finished, failing)}
    assert outcomes == dict.fromkeys(outcomes, "failed")
    house.fail_no_more()
    return served["run_key"]


def _have_malformed_secrets(house: House, run_key: str) -> None:
    """Each secret in turn is no longer what it should be, and still holds its canary."""
    aws, github, _ = house.faults
    connection = f"{environment.CONNECTIONS}/github_default"
    tokens = json.loads(house.value(BRIDGE))
    broken = {agent: f"{token}\r\nx: y" for agent, token in tokens["extra"]["tokens"].items()}
    malformed = {
        "mlops/github-token": f"{house.layout.github_token}\r\nx: y",
        "mlops/slack-webhook": f"no address: {house.layout.slack_hook}",
        "mlops/email-smtp": house.value("mlops/email-smtp")[:-1],
        KEYS: house.value(KEYS)[:-1],
        connection: json.dumps(
            {**json.loads(house.value(connection)), "password": f"{house.layout.github_token}\r\nx: y"}
        ),
        BRIDGE: json.dumps({**tokens, "extra": {**tokens["extra"], "tokens": broken}}),
    }
    for number, (secret, value) in enumerate(malformed.items()):
        before = house.value(secret)
        house.put(secret, value)
        # A refusal makes the server read GitHub's token anew; then there is work for GitHub and for every channel.
        house.fail(github, {"match": "api.*/comments", "fault": "status", "status": 401, "count": 1})
        issue = house.system.file_issue("```yaml\nalgorithm: none\n```")
        news = {"run_key": run_key, "event": "failed", "text": "News.", "idempotency_key": f"malformed-{number:012}"}
        told = house.system.bridge.call("notify", news)
        assert not any(canary in json.dumps(told) for canary in house.canaries.values())
        assert house.deliver(issue, house.layout.github_webhook_secret, f"malformed-{number}").status_code == 202
        time.sleep(10)
        house.put(secret, before)
    house.fail(aws, {"fault": "access_denied", "op": "secretsmanager:GetSecretValue", "count": 6})
    news = {"run_key": run_key, "event": "failed", "text": "News.", "idempotency_key": "without-the-vault"}
    assert sorted(house.system.bridge.call("notify", news)["failed"]) == ["email", "pagerduty", "slack"]
    house.fail_no_more()
    house.system.trigger("monitoring")


# -- the searcher finds what is there


def test_searcher_finds_a_value_in_every_kind_of_place(house):
    """The claim above is worth as much as this one: one value planted in each place is found in each."""
    planted = secrets.token_hex(16)
    places = set(_planted(house, planted))
    found = {place for place, _ in house.leaks({"planted": planted})}
    missing = {place for place in places if not any(each.startswith(place) for each in found)}
    assert missing == set()


def _planted(house: House, value: str) -> list[str]:
    """Beginnings of the places that must show it."""
    system, layout = house.system, house.layout
    s3, text = system.aws("s3"), f"it says {value} here"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("inner.gz", gzip.compress(text.encode()))
    s3.put_object(Bucket=environment.BUCKET, Key="planted.zip", Body=packed.getvalue())
    system.aws("dynamodb").put_item(
        TableName="mlops-ledger",
        Item={"id": {"S": "planted"}, "text": {"S": base64.b64encode(text.encode()).decode()}},
    )
    sqs, topic = system.aws("sqs"), system.aws("sns").create_topic(Name="planted")["TopicArn"]
    queue = sqs.create_queue(QueueName="planted")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    system.aws("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    system.aws("sns").publish(TopicArn=topic, Message=text)
    logs = system.aws("logs")
    logs.create_log_group(logGroupName="planted")
    logs.create_log_stream(logGroupName="planted", logStreamName="one")
    event = {"timestamp": int(time.time() * 1000), "message": text}
    logs.put_log_events(logGroupName="planted", logStreamName="one", logEvents=[event])
    now = time.time()
    segment = {"trace_id": f"1-{int(now):08x}-{secrets.token_hex(12)}", "id": secrets.token_hex(8), "name": "planted",
               "start_time": now, "end_time": now, "metadata": {"default": {"text": text}}}  # fmt: skip
    system.aws("xray").put_trace_segments(TraceSegmentDocuments=[json.dumps(segment)])
    issue = system.file_issue(text, labels=["question"])
    system.comment(issue, text[::-1])
    encoded = base64.b64encode(text.encode()).decode()
    system.github.put("/contents/planted.md", json={"message": "Plant", "content": encoded}).raise_for_status()
    httpx.post(f"{house.web}/slack/hook/planted", json={"text": text}, timeout=30).raise_for_status()
    with smtplib.SMTP("127.0.0.1", layout.ports["smtp"]) as server:
        server.sendmail("a@example.invalid", ["b@example.invalid"], f"Subject: planted\r\n\r\n{text}")
    conf = {"logical_date": None, "conf": {"planted": text}}
    system.airflow_api.post("/dags/monitoring/dagRuns", json=conf).raise_for_status()
    (layout.logs / "planted.log").write_text(value.encode().hex())
    airflow_log = layout.home / "airflow" / "logs" / "planted.log"
    airflow_log.write_text(json.dumps({"event": text}))
    return [
        "state/aws/s3.db", "state/aws/services/dynamodb", "state/aws/services/sqs", "state/aws/services/logs",
        "state/github/github.sqlite:issues", "state/github/github.sqlite:comments", "state/github/repositories",
        "state/messages", "state/aws/traces.db:segments", "airflow/airflow.db", "logs/planted.log",
        "airflow/logs/planted.log",
    ]  # fmt: skip


def test_watch_sees_arguments_and_variables(house):
    planted = secrets.token_hex(16)
    mark = {environment.MARK: str(house.layout.home), "PLANTED": planted}
    with Watch(Searcher({"planted": planted}), (environment.MARK, str(house.layout.home))) as watch:
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"], env=mark)
        try:
            house.system.eventually(lambda: watch.found, "the variable was seen", 20)
        finally:
            process.kill()
            process.wait()
