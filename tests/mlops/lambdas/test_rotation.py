"""Rotation of secrets, step by step, against moto over HTTP: what is made, what people are asked for."""

from __future__ import annotations

import json
import uuid

import anyio
import pytest
from moto.secretsmanager.models import secretsmanager_backends

from mcp_bridge.auth import Verifier, mint
from mlops.lambdas import rotation
from mlops.lambdas.rotation import BY_PEOPLE, KEY, PREVIOUS_KEY, STEPS, RotationRefused

OLD = "0" * 64
KEYS = {KEY: OLD, "github_webhook_secret": "hook", "pagerduty_routing_key": "pager"}
CONNECTION = "mlops/connections/mlops_mcp"
ROTATED = "mlops/api-keys is being rotated: mint tokens anew"


@pytest.fixture
def mail(services, moto_url, monkeypatch):
    """Reads the messages that people got since the last look: [{"Subject", "Message"}, ...]."""
    cloud = services.cloud
    topic = cloud.client("sns").create_topic(Name="mlops-alarms")["TopicArn"]
    queue = cloud.sqs.create_queue(QueueName="people")["QueueUrl"]
    address = cloud.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=address)
    for name, value in {
        "AWS_ENDPOINT_URL": moto_url, "AWS_DEFAULT_REGION": "us-east-1", "ALARM_TOPIC_ARN": topic,
        "SECRET_PREFIX": "mlops/",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    rotation.clients.cache_clear()

    def look():
        return [
            json.loads(each["Body"])
            for each in cloud.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
            if cloud.sqs.delete_message(QueueUrl=queue, ReceiptHandle=each["ReceiptHandle"])
        ]

    yield look
    rotation.clients.cache_clear()


@pytest.fixture
def manager(services, mail):
    return services.cloud.secrets


def keys(manager, stage="AWSCURRENT"):
    return json.loads(manager.get_secret_value(SecretId="mlops/api-keys", VersionStage=stage)["SecretString"])


def stages(manager, secret):
    return manager.describe_secret(SecretId=secret)["VersionIdsToStages"]


def asked(manager, secret="mlops/api-keys", value=None, pending=None):
    """An existing secret for which a rotation was asked: (its ARN, the rotation's token).

    RotateSecret makes a pending version without a value, then calls the function. moto would call it in Docker, so
    that version is put into its memory here.
    """
    try:
        arn = manager.describe_secret(SecretId=secret)["ARN"]
    except manager.exceptions.ResourceNotFoundException:
        arn = manager.create_secret(Name=secret, SecretString=value or json.dumps(KEYS))["ARN"]
    token = str(uuid.uuid4())
    version = {"version_id": token, "createdate": 0, "version_stages": ["AWSPENDING"]}
    memory = secretsmanager_backends["123456789012"]["us-east-1"].secrets[secret]
    memory.remove_version_stages_from_old_versions(["AWSPENDING"])
    memory.versions[token] = {**version, "secret_string": pending} if pending else version
    return arn, token


def step(name, rotated):
    arn, token = rotated
    return rotation.handler({"Step": name, "SecretId": arn, "ClientRequestToken": token}, None)


def rotate(rotated):
    for name in STEPS:
        step(name, rotated)


def test_rotation_gives_a_new_signing_key_and_leaves_the_other_entries(manager):
    rotate(asked(manager))
    after = keys(manager)
    assert (len(after[KEY]), after[KEY] != OLD, after[PREVIOUS_KEY]) == (64, True, OLD)
    assert {name: after[name] for name in KEYS if name != KEY} == {name: KEYS[name] for name in KEYS if name != KEY}


def test_value_before_stays_in_reach_as_the_previous_one(manager):
    rotate(asked(manager))
    assert keys(manager, "AWSPREVIOUS") == KEYS


def test_current_value_holds_until_the_last_step(manager):
    rotated = asked(manager)
    for name in ("createSecret", "setSecret", "testSecret"):
        step(name, rotated)
        assert keys(manager) == KEYS


def test_each_step_may_come_twice(manager, mail):
    rotated = asked(manager)
    for name in STEPS:
        step(name, rotated)
        made = keys(manager, "AWSPENDING") if name != "finishSecret" else keys(manager)
        step(name, rotated)
        assert (keys(manager, "AWSPENDING") if name != "finishSecret" else keys(manager)) == made
    assert [each["Subject"] for each in mail()] == [ROTATED]


def test_rotation_that_was_finished_is_left_alone_by_every_step(manager, mail):
    rotated = asked(manager)
    rotate(rotated)
    made = keys(manager)
    rotate(rotated)
    assert keys(manager) == made
    assert len(mail()) == 1


def test_second_rotation_keeps_the_key_before_it_and_no_older_one(manager):
    rotate(asked(manager))
    first = keys(manager)[KEY]
    rotate(asked(manager))
    assert keys(manager)[PREVIOUS_KEY] == first
    assert OLD not in keys(manager).values()


def test_first_value_of_terraform_gets_a_key(manager):
    rotate(asked(manager, value="{}"))
    assert len(keys(manager)[KEY]) == 64
    assert PREVIOUS_KEY not in keys(manager)


def connected(manager, tokens, **more):
    """Airflow's connection to the MCP server, as people put it there."""
    value = {"conn_type": "http", "extra": {"url": "https://mcp/mcp", "tokens": tokens, **more}}
    manager.create_secret(Name=CONNECTION, SecretString=json.dumps(value))
    return value


def connection(manager):
    return json.loads(manager.get_secret_value(SecretId=CONNECTION)["SecretString"])


def accepted(token, manager):
    served = keys(manager)
    held = [served[name] for name in (KEY, PREVIOUS_KEY) if name in served]
    return anyio.run(Verifier(lambda: held).verify_token, token)


def test_agents_tokens_outlive_one_rotation_after_the_other(manager, mail):
    """Nobody mints anything: each rotation signs them with the key that it leaves as the one before."""
    agents = {"training": mint("training", OLD, days=120), "judge": mint("judge", OLD, days=120)}
    before = connected(manager, agents, region="eu")
    for _ in range(3):
        rotate(asked(manager))
        for agent, token in connection(manager)["extra"]["tokens"].items():
            assert accepted(token, manager).client_id == agent
        (message,) = mail()
        assert message["Subject"] == "mlops/api-keys is being rotated"
        assert f"Those of the agents in {CONNECTION} were renewed" in message["Message"]
    assert accepted(agents["training"], manager) is None
    after = connection(manager)
    assert {**after, "extra": {**after["extra"], "tokens": agents}} == before


def test_tokens_are_let_in_at_every_step_of_a_rotation(manager):
    connected(manager, {"training": mint("training", OLD, days=120)})
    for _ in range(2):
        rotated = asked(manager)
        for name in STEPS:
            step(name, rotated)
            assert accepted(connection(manager)["extra"]["tokens"]["training"], manager), name


def test_what_no_key_of_ours_signed_is_not_signed_now(manager, mail):
    """Who may write into the connection may not have us sign what he likes."""
    agents = {
        "training": mint("training", OLD, days=120), "judge": mint("judge", "9" * 64), "monitor": "a.b.c", "ci": None,
        "packaging": mint("packaging", OLD, days=-1),
    }  # fmt: skip
    connected(manager, agents)
    for _ in range(2):
        rotate(asked(manager))
    after = connection(manager)["extra"]["tokens"]
    assert {agent for agent, token in after.items() if agents[agent] != token} == {"training"}
    message = mail()[-1]
    assert message["Subject"] == ROTATED
    assert "mint ci, judge, monitor, packaging anew (python -m mcp_bridge token --all" in message["Message"]


def test_token_that_ends_before_the_next_rotation_is_asked_for(manager, mail):
    connected(manager, {"training": mint("training", OLD, days=30), "judge": mint("judge", OLD, days=91)})
    rotate(asked(manager))
    assert "mint training anew" in mail()[0]["Message"]


@pytest.mark.parametrize("value", ["no JSON", "[]", '{"extra": 1}', '{"extra": {"tokens": ["a"]}}'])
def test_connection_of_another_shape_is_left_alone_and_people_are_asked(manager, mail, value):
    manager.create_secret(Name=CONNECTION, SecretString=value)
    rotate(asked(manager))
    assert manager.get_secret_value(SecretId=CONNECTION)["SecretString"] == value
    assert "mint all tokens anew" in mail()[0]["Message"]


def test_people_learn_that_tokens_must_be_minted_anew_where_there_is_no_connection(manager, mail):
    rotate(asked(manager))
    (message,) = mail()
    assert message["Subject"] == ROTATED
    assert "mcp_bridge token --all" in message["Message"]
    assert "go on until the next rotation" in message["Message"]
    assert "github_webhook_secret, pagerduty_routing_key" in message["Message"]


def test_no_value_is_told_or_logged(manager, mail, capsys):
    connected(manager, {"training": mint("training", OLD, days=120)})
    rotate(asked(manager))
    said = capsys.readouterr().out + json.dumps(mail())
    assert connection(manager)["extra"]["tokens"]["training"].rpartition(".")[2] not in said
    assert not [value for value in {**KEYS, **keys(manager)}.values() if f'"{value}"' in said or value in said.split()]
    assert OLD not in said
    assert keys(manager)[KEY] not in said


def test_step_that_fails_is_told_as_an_error_and_raised(manager, capsys):
    rotated = asked(manager)
    with pytest.raises(RotationRefused):
        step("noSuchStep", rotated)
    line = json.loads(capsys.readouterr().out)
    assert (line["level"], line["error"]) == ("error", "RotationRefused")


def test_value_that_somebody_changed_meanwhile_is_not_overwritten(manager):
    rotated = asked(manager)
    step("createSecret", rotated)
    manager.put_secret_value(SecretId="mlops/api-keys", SecretString=json.dumps({**KEYS, "pagerduty_routing_key": "n"}))
    for name in ("testSecret", "finishSecret"):
        with pytest.raises(RotationRefused, match="during its rotation"):
            step(name, rotated)
    assert keys(manager)["pagerduty_routing_key"] == "n"


def test_trial_at_set_up_passes_and_cannot_be_finished(manager):
    """Secrets Manager tries testSecret alone, with a copy of the current value as the pending one."""
    trial = asked(manager, pending=json.dumps(KEYS))
    step("testSecret", trial)
    with pytest.raises(RotationRefused, match="no new key"):
        step("finishSecret", trial)


def test_test_without_a_pending_value_fails(manager):
    with pytest.raises(RotationRefused, match="AWSPENDING value is not"):
        step("testSecret", asked(manager))


def test_value_that_is_no_json_is_refused_without_its_text(manager):
    with pytest.raises(RotationRefused) as refused:
        step("createSecret", asked(manager, value="a secret text"))
    assert "a secret text" not in str(refused.value)


@pytest.mark.parametrize("name", BY_PEOPLE)
def test_secret_that_only_a_person_renews_stays_and_is_asked_for(manager, mail, name):
    rotate(asked(manager, f"mlops/{name}", "given by others"))
    assert manager.get_secret_value(SecretId=f"mlops/{name}")["SecretString"] == "given by others"
    (message,) = mail()
    assert message["Subject"] == f"Renew mlops/{name}"
    assert BY_PEOPLE[name] in message["Message"]
    assert "given by others" not in message["Message"]


def test_reminder_leaves_nothing_pending_so_that_the_next_rotation_can_begin(manager):
    rotate(asked(manager, "mlops/github-token", "t"))
    assert not [version for version, labels in stages(manager, "mlops/github-token").items() if "AWSPENDING" in labels]


def test_one_rotation_reminds_once_and_the_next_again(manager, mail):
    for _ in range(2):
        rotated = asked(manager, "mlops/github-token", "t")
        rotate(rotated)
        rotate(rotated)
        assert len(mail()) == 1
    labels = [label for each in stages(manager, "mlops/github-token").values() for label in each]
    assert sum(label.startswith(rotation.REMINDED) for label in labels) == 1


def test_secret_that_is_none_of_ours_is_refused(manager):
    for name in ("mlops/connections", "other/api-keys", "api-keys"):
        with pytest.raises(RotationRefused, match="not a secret that"):
            step("createSecret", asked(manager, name, "x"))


def test_version_that_nobody_asked_for_is_refused(manager):
    arn, _ = asked(manager)
    with pytest.raises(RotationRefused, match="nothing asked"):
        step("createSecret", (arn, str(uuid.uuid4())))


def test_unheard_of_step_is_refused(manager):
    with pytest.raises(RotationRefused, match="not a step"):
        step("dropSecret", asked(manager))
