from __future__ import annotations

import pytest

from mlops.faults import classify, fault_told, in_plain_words


@pytest.mark.parametrize(
    ("reason", "fault"),
    [
        ("AlgorithmError: UserError: target: no column 'y', exit code: 2", "user"),
        ("UserError: the data looks interrupted in row 7", "user"),
        ("ClientError: Data download failed: no objects under the prefix", "user"),
        ("MaxRuntimeExceeded: the job took longer than it is allowed", "user"),
        ("AlgorithmError: , exit code: 2", "user"),
        ("AlgorithmError: InternalError: KeyError: 'x', exit code: 1", "platform"),
        ("AlgorithmError: , exit code: 137", "platform"),
        ("InternalServerError: We encountered an internal error. Please try again.", "platform"),
        ("CapacityError: Unable to provision requested ML compute capacity.", "platform"),
        ("ClientError: CapacityError: no capacity", "platform"),
        ("Training job interrupted by Spot", "platform"),
        ("", "platform"),
        ("something nobody has seen", "platform"),
    ],
)
def test_a_failure_reason_is_the_requesters_or_the_platforms(reason, fault):
    assert classify(reason) == fault


def test_the_wrapping_of_a_reason_is_taken_off_and_its_length_is_bounded():
    assert in_plain_words("AlgorithmError: UserError: no column 'y'") == "no column 'y'"
    assert in_plain_words("AlgorithmError: UserError: no column 'y', exit code: 2") == "no column 'y'"
    told = "UserError: no column 'y' (AlgorithmError: See job logs for more information, exit code: 2)"
    assert in_plain_words(told) == "no column 'y'"
    assert in_plain_words("AlgorithmError: , exit code: 137") == ", exit code: 137"
    assert len(in_plain_words("x" * 5000)) == 600


@pytest.mark.parametrize(
    ("refusal", "fault"),
    [
        ("[user_fault] No column `y`. Change the data.", "user"),
        ("[rejected] This cannot become a run: epochs: must be at least 1.", "user"),
        ("[platform_fault] 4 attempts failed. Call again.", "platform"),
        # A policy of AWS that forbids us something is none of the requester's.
        ("[refused] AWS does not allow to write s3://b/x. Do not repeat the call unchanged.", "platform"),
        ("KeyError: '[user_fault] '", "platform"),
        ("The task was killed.", "platform"),
    ],
)
def test_the_word_of_a_tool_tells_whose_fault_it_was(refusal, fault):
    assert fault_told(refusal) == fault
