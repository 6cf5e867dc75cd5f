"""One execution a run, under its own name."""

from __future__ import annotations

from mlops.aws import Cloud
from mlops.workflow.executions import NAME_LENGTH, Executions, execution_name


def test_execution_is_named_by_the_run_key():
    assert execution_name("gh-4242-7-0123456789ab-m1-r3") == "gh-4242-7-0123456789ab-m1-r3"


def test_long_key_is_cut_and_told_apart():
    first, second = (f"drift-{'a' * 90}-{tail}" for tail in ("0", "1"))
    assert len(execution_name(first)) <= NAME_LENGTH
    assert execution_name(first) != execution_name(second)


def test_arn_of_an_execution_follows_from_that_of_the_machine():
    machine = Executions(Cloud(), "arn:aws:states:us-east-1:123456789012:stateMachine:mlops-workflow")
    assert machine.arn("gh-1-1-0") == "arn:aws:states:us-east-1:123456789012:execution:mlops-workflow:gh-1-1-0"
