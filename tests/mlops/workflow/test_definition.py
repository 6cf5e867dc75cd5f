"""The state machine: the graph of the phases, drawn for Step Functions."""

from __future__ import annotations

import pytest

from mlops.airflow_api import MWAA_PATH_LIMIT
from mlops.identity import Phase
from mlops.phases.graph import FOLLOWERS
from mlops.workflow.__main__ import FILE, main
from mlops.workflow.definition import HEARTBEAT_S, MAX_RETRIES, definition, rendered

STATES = definition()["States"]
TASKS = {name: state for name, state in STATES.items() if state["Type"] == "Task"}


def test_committed_file_is_what_is_rendered():
    """Write it again with `python -m mlops.workflow render`."""
    assert FILE.read_text() == rendered(definition())


def test_render_prints(capsys):
    assert main(["render", "-"]) == 0
    assert capsys.readouterr().out == rendered(definition())


def test_seven_states_wait_for_the_token_of_their_phase():
    waiting = [name for name, state in TASKS.items() if state["Resource"].endswith(".waitForTaskToken")]
    assert waiting == [phase.value for phase in Phase]


def ways(state):
    """The states that may follow, without those of failure and of answers that came first."""
    following = STATES[state].get("Next") or STATES[state].get("Default")
    if STATES[following]["Type"] != "Choice":
        return [following]
    return [STATES[following]["Default"], *[choice["Next"] for choice in STATES[following]["Choices"]]]


@pytest.mark.parametrize("phase", Phase)
def test_states_follow_each_other_as_the_phases_do(phase):
    expected = [follower.value for follower in FOLLOWERS[phase]] or ["finished"]
    assert ways(phase.value) == expected
    assert ways(f"{phase}_answer") == expected


@pytest.mark.parametrize("name", TASKS)
def test_every_task_is_retried_three_times_at_most_with_back_off_and_caught(name):
    assert all(retry["MaxAttempts"] == MAX_RETRIES == 3 for retry in TASKS[name]["Retry"])
    assert all(retry["BackoffRate"] > 1 for retry in TASKS[name]["Retry"])
    last = TASKS[name]["Catch"][-1]
    assert last["ErrorEquals"] == ["States.ALL"]
    assert last["Next"] in {"report_failure", "tell_operators", "failed"}


@pytest.mark.parametrize("phase", Phase)
def test_phase_of_which_nothing_is_heard_fails(phase):
    assert TASKS[phase]["HeartbeatSeconds"] == HEARTBEAT_S < TASKS[phase]["TimeoutSeconds"]


def test_paths_fit_into_what_mwaa_takes():
    paths = [state["Parameters"]["Path"] for state in TASKS.values() if "Path" in state["Parameters"]]
    assert paths
    assert all(len(path) <= MWAA_PATH_LIMIT for path in paths)


def test_names_of_the_deployment_are_left_to_terraform():
    text = rendered(definition())
    assert all("${" + name + "}" in text for name in ("ledger_table", "mwaa_environment", "alarm_topic_arn"))
    assert "${" not in rendered(definition(table="t", environment="e", topic="arn:aws:sns:us-east-1:1:t"))
