"""What a failed state machine says on the issue, and of which phase."""

from __future__ import annotations

import pytest

from mlops.workflow.report import failure_report

KEY = "gh-4242-7-0123456789ab"


def report(error="Mlops.PhaseFailed", cause="", **state):
    return failure_report({"run_key": KEY, "error": error, "cause": cause, "state": state})


def test_phase_without_an_answer_is_the_one_that_failed():
    assert report(prepare={"next": "train"}, cause="no column y") == {
        "run_key": KEY, "phase": "train", "reason": "no column y",
    }  # fmt: skip


def test_way_around_the_deployment_is_followed():
    told = report(prepare={"next": "train"}, train={"next": "validate"}, validate={"next": "retrain"})
    assert told["phase"] == "retrain"


def test_run_that_never_started_failed_in_its_first_phase():
    assert report("Mwaa.RestApiClientException", cause="409")["phase"] == "prepare"


@pytest.mark.parametrize(
    ("error", "cause", "reason"),
    [
        ("States.HeartbeatTimeout", "", "Nothing was heard of this phase for too long."),
        ("DynamoDb.DynamoDbException", "Table is gone", "Table is gone"),
        ("Some.Error", "", "Some.Error"),
        ("", "", "The state machine failed without a word."),
    ],
    ids=["known", "cause", "error alone", "nothing"],
)
def test_reason_is_in_plain_words_where_they_are_known(error, cause, reason):
    assert report(error, cause)["reason"] == reason
