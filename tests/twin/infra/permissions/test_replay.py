"""The proof: calls that whole runs made, held against the policies. And that it would see a wrong one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from twin.infra.permissions.render import ROLES
from twin.infra.permissions.replay import replay
from twin.infra.permissions.table import Grant, Role

RECORDED = json.loads(Path(__file__).with_name("recorded.json").read_text())
"""Kept of whole runs by `python -m twin.infra.permissions record`: one call for each permission that was used."""


@pytest.fixture(scope="module")
def proof():
    return replay(ROLES, RECORDED)


def test_every_recorded_call_is_allowed_to_the_role_that_made_it(proof):
    assert proof.calls
    assert [str(each) for each in proof.refused] == []


def test_every_permission_was_used_or_the_table_says_why_not(proof):
    assert [str(each) for each in proof.unexplained] == []


def test_nothing_is_called_unused_that_was_used(proof):
    assert [str(each) for each in proof.stale] == []


def test_agents_that_carry_a_run_called_as_themselves(proof):
    carrying = {"issue_detector", "data_preparation", "training", "evaluation", "packaging", "deployment", "monitor",
                "retrain", "history_writer"}  # fmt: skip
    assert {f"agent-{agent}" for agent in carrying} <= proof.calls.keys()


def test_sessions_are_named_after_the_run():
    assert any(each["session"].startswith("gh-4242-") for each in RECORDED if each["role"] == "agent-training")


def call(role: str, action: str, resource: str, **facts: str) -> dict:
    ask = {"action": action, "resource": resource, "facts": facts}
    return {"role": role, "session": "", "operation": action, "asks": [ask]}


def test_call_of_another_agents_is_refused():
    job = "arn:aws:sagemaker:us-east-1:123456789012:training-job/gh-1-train-t1"
    found = replay(ROLES, [call(f"agent-{name}", "sagemaker:CreateTrainingJob", job) for name in ("training", "judge")])
    assert [each.role for each in found.refused] == ["agent-judge"]


def test_bucket_of_somebody_elses_account_is_refused():
    where = "arn:aws:s3:::mlops-bucket/datasets/wine/raw/data.csv"
    ours = call("agent-data_preparation", "s3:GetObject", where, **{"aws:ResourceAccount": "123456789012"})
    theirs = call("agent-data_preparation", "s3:GetObject", where, **{"aws:ResourceAccount": "210987654321"})
    assert [each.facts["aws:ResourceAccount"] for each in replay(ROLES, [ours, theirs]).refused] == ["210987654321"]


def test_role_without_a_policy_may_do_nothing():
    assert replay(ROLES, [call("stranger", "s3:GetObject", "arn:aws:s3:::mlops-bucket/a")]).refused


def test_what_the_key_encrypts_needs_the_key():
    """S3 decrypts an object as its reader: a role without the key reads nothing."""
    reads = Grant("Read", "Reads.", ("s3:GetObject",), ("arn:${partition}:s3:::${name}-bucket/*",))
    found = replay([Role("reader", "", (reads,))], [call("reader", "s3:GetObject", "arn:aws:s3:::mlops-bucket/a")])
    assert [each.action for each in found.refused] == ["kms:Decrypt"]


def test_permission_that_nobody_used_or_explains_is_found():
    idle = Grant("Idle", "Nobody knows.", ("s3:PutObject", "s3:GetObject"), ("*",), unseen={"s3:GetObject": "Because."})
    found = replay([Role("idler", "", (idle,))], [])
    assert [each.name for each in found.unexplained] == ["s3:PutObject"]
