"""Operators steer by comments: over HTTP against the GitHub twin, moto and an Airflow stand-in."""

from __future__ import annotations

import re

import pytest

from mlops import actions, endpoints, intake, memory, registry, runs
from mlops.identity import Phase
from mlops.record import Outcome, PhaseRecord, PhaseState, RunState, TakenBack, Trigger
from tests.mlops.bodies import DEAR, GOOD
from tests.mlops.records import deployed_record, judged_record, put, running_record

CHANGE = "/retrain\nn_estimators: 80"


def admit(house, number):
    """The commands that one poll dealt with."""
    return [one for one in intake.admit(house, [number]) if one.decision == "command"]


def finish(house, run_key, *, value: float = 0.8) -> None:
    """End a run as the DAG does: judged with f1 = `value` against 0.9."""
    judged = judged_record(value=value, limit=0.9, champion=None)

    def put(record):
        return record.model_copy(
            update={
                "phases": {**record.phases, Phase.VALIDATE: judged.phases[Phase.VALIDATE]},
                "verdict": judged.verdict,
            }
        )

    house.ledger.update_run(run_key, put)
    runs.close_run(house, run_key)


@pytest.fixture
def waiting(house, forge, airflow):
    """An issue whose run ended below its threshold: (number, run key)."""
    number = forge.file(GOOD)
    (admission,) = intake.admit(house, [number])
    finish(house, admission.run_key)
    return number, admission.run_key


def test_other_settings_start_the_next_training(house, forge, airflow, waiting):
    number, run_key = waiting
    comment = forge.say(number, CHANGE)
    (done,) = admit(house, number)
    assert done.run_key == f"{run_key}-r1"
    record = house.ledger.require_run(f"{run_key}-r1")
    assert record.spec["hyperparameters"]["n_estimators"] == 80
    assert (record.parent, record.retraining, record.trigger, record.actor) == (run_key, 1, Trigger.COMMENT, "octocat")
    assert airflow.runs[f"{run_key}-r1"]["conf"]["hyperparameters_n_estimators"] == 80
    assert forge.reactions(comment) == {"eyes", "+1"}
    assert forge.labels(number) == {"mlops:train", "mlops:running"}
    assert f"Run `{run_key}-r1` followed" in forge.comments(number)[0]


def test_a_yaml_block_alone_is_an_answer_while_a_run_waits_for_settings(house, forge, airflow, waiting):
    number, run_key = waiting
    forge.say(number, "Let us try\n```yaml\nhyperparameters:\n  n_estimators: 90\n```")
    admit(house, number)
    assert f"{run_key}-r1" in airflow.runs


def test_a_code_block_about_something_else_is_left_alone(house, forge, airflow, waiting):
    number, _ = waiting
    comment = forge.say(number, "I see this:\n```\nTraceback: oh no\n```")
    assert admit(house, number) == []
    assert forge.reactions(comment) == set()


def test_each_comment_is_obeyed_once_however_often_it_is_polled(house, forge, airflow, waiting):
    number, run_key = waiting
    forge.say(number, CHANGE)
    for _ in range(20):
        intake.admit(house, [number])
    assert [key for key in airflow.creates if key.endswith(("-r1", "-r2"))] == [f"{run_key}-r1"]


def test_after_three_retrainings_it_stops_and_says_so(house, forge, airflow, waiting):
    number, run_key = waiting
    for turn in range(1, 4):
        forge.say(number, f"/retrain\nn_estimators: {80 + turn}")
        (done,) = admit(house, number)
        assert done.run_key == f"{run_key}-r{turn}"
        finish(house, done.run_key)
    last = house.ledger.require_run(f"{run_key}-r3")
    assert last.outcome is Outcome.STOPPED
    assert forge.labels(number) == {"mlops:train", "mlops:stopped"}
    assert "3 of 3 retrainings used; it stops" in forge.comments(number)[-1]
    fourth = forge.say(number, CHANGE)
    admit(house, number)
    assert len(airflow.creates) == 4
    assert "3 of 3 retrainings used" in forge.comments(number)[-1]
    assert forge.reactions(fourth) == {"eyes", "-1"}


@pytest.mark.parametrize("crash", ["create_run", "start", "react"])
def test_a_crash_between_count_and_start_costs_no_retraining(house, forge, airflow, waiting, monkeypatch, crash):
    """I5: the number belongs to the comment, so the second look goes on with it."""
    number, run_key = waiting
    forge.say(number, CHANGE)
    target = {"create_run": house.ledger, "start": intake, "react": house.repository}[crash]
    with monkeypatch.context() as patched:
        original = getattr(target, crash)

        def dies(*arguments, **options):
            if crash == "react" and arguments[-1] == "eyes":
                return original(*arguments, **options)
            raise SystemError("killed")

        patched.setattr(target, crash, dies)
        assert intake.admit(house, [number])[-1].decision == "failed"
    admit(house, number)
    assert [key for key in airflow.creates if "-r" in key] == [f"{run_key}-r1"]
    assert memory.recall(house, number).retrainings == {run_key: {next(iter(_comments(house, number))): 1}}


def _comments(house, number):
    return memory.recall(house, number).parents


def test_bad_settings_are_answered_with_their_lines_and_cost_no_retraining(house, forge, airflow, waiting):
    number, run_key = waiting
    comment = forge.say(number, "/retrain\nn_estimators: -5\nlearning_rte: 3")
    admit(house, number)
    answer = forge.comments(number)[-1]
    assert "| `n_estimators` |" in answer
    assert "learning_rte" in answer
    assert forge.reactions(comment) == {"eyes", "-1"}
    forge.say(number, CHANGE)
    assert admit(house, number)[0].run_key == f"{run_key}-r1"


def test_a_retraining_while_a_run_is_under_way_is_refused(house, forge, airflow):
    number = forge.file(GOOD)
    intake.admit(house, [number])
    forge.say(number, CHANGE)
    (refused,) = admit(house, number)
    assert "under way" in refused.message
    assert len(airflow.creates) == 1


@pytest.mark.parametrize("login", ["stranger", "triager"])
def test_commands_of_people_without_write_access_do_nothing(house, forge, airflow, waiting, login):
    number, _ = waiting
    comment = forge.say(number, CHANGE, login)
    admit(house, number)
    assert len(airflow.creates) == 1
    assert forge.reactions(comment) == {"-1"}


def test_an_edited_comment_is_not_obeyed(house, forge, airflow, waiting, monkeypatch):
    number, _ = waiting
    comment = forge.say(number, "/stop")
    forge.call("PATCH", f"/issues/comments/{comment}", {"body": CHANGE})
    original = house.repository.comments

    def a_second_later(*arguments):
        # The twin's clock counts whole seconds; the edit came in the next one.
        from dataclasses import replace

        return [replace(one, edited=one.id == comment) for one in original(*arguments)]

    monkeypatch.setattr(house.repository, "comments", a_second_later)
    (refused,) = admit(house, number)
    assert "edited" in refused.message
    assert len(airflow.creates) == 1


def test_a_comment_that_was_read_is_not_read_again_after_an_edit(house, forge, airflow, waiting):
    number, _ = waiting
    comment = forge.say(number, "Interesting.")
    intake.admit(house, [number])
    forge.call("PATCH", f"/issues/comments/{comment}", {"body": CHANGE})
    assert admit(house, number) == []
    assert len(airflow.creates) == 1


def test_our_own_comments_are_never_commands(house, forge, airflow, waiting):
    number, _ = waiting
    forge.say(number, CHANGE, login="mlops-bot")
    forge.say(number, f"<!-- mlops-reply:1 -->\n{CHANGE}", login="octocat")
    assert admit(house, number) == []
    assert len(airflow.creates) == 1


def test_three_bots_that_echo_each_other_start_nothing(house, forge, airflow, waiting):
    """A loop guard: each turn, two foreign bots repeat all they see and we poll."""
    number, _ = waiting
    for bot in ("echo-a[bot]", "echo-b[bot]"):
        forge.knob("users", {"login": bot, "role": "read", "token": f"token-{bot}", "type": "Bot"})
    from tests.mlops.stand_ins import TOKENS

    for _ in range(5):
        heard = forge.comments(number)[-1]
        for bot in ("echo-a[bot]", "echo-b[bot]"):
            TOKENS[bot] = f"token-{bot}"
            forge.say(number, heard, login=bot)
            forge.say(number, CHANGE, login=bot)
        intake.admit(house, [number])
    assert len(airflow.creates) == 1
    assert len(forge.comments(number)) == 1


def test_a_rerun_has_its_own_key_and_the_same_settings(house, forge, airflow, waiting):
    number, run_key = waiting
    forge.say(number, "/rerun")
    (first,) = admit(house, number)
    assert first.run_key == f"{run_key}-m1"
    again = house.ledger.require_run(first.run_key)
    assert again.spec == house.ledger.require_run(run_key).spec
    assert again.trigger is Trigger.RERUN
    finish(house, first.run_key)
    forge.say(number, CHANGE)
    assert admit(house, number)[0].run_key == f"{run_key}-m1-r1"


def test_approval_names_the_revision_and_starts_exactly_that(house, forge, airflow):
    number = forge.file(DEAR)
    (waits,) = intake.admit(house, [number])
    forge.say(number, "/approve 000000000000")
    (wrong,) = admit(house, number)
    assert f"The revision to approve is {waits.revision}" in wrong.message
    forge.say(number, f"/approve {waits.revision}", login="maintainer")
    admit(house, number)
    record = house.ledger.require_run(waits.run_key)
    assert (record.state, record.actor) == (RunState.STARTED, "maintainer")
    assert airflow.creates == [waits.run_key]
    assert forge.labels(number) == {"mlops:train", "mlops:running"}


def test_an_approval_of_a_text_that_changed_starts_nothing(house, forge, airflow):
    number = forge.file(DEAR)
    (waits,) = intake.admit(house, [number])
    forge.edit(number, body=DEAR.replace("50\n", "60\n", 1))
    forge.say(number, f"/approve {waits.revision}")
    intake.admit(house, [number])
    assert airflow.creates == []


def test_a_stopped_run_ends_in_airflow_and_on_the_issue(house, forge, airflow):
    number = forge.file(GOOD)
    (started,) = intake.admit(house, [number])
    forge.say(number, "/stop")
    admit(house, number)
    assert airflow.runs[started.run_key]["state"] == "failed"
    record = house.ledger.require_run(started.run_key)
    assert (record.outcome, record.message) == (Outcome.STOPPED, "Stopped by octocat.")
    assert forge.labels(number) == {"mlops:train", "mlops:stopped"}
    runs.report_failure(house, started.run_key, "train", "The task was killed.")
    runs.close_run(house, started.run_key)
    assert house.ledger.require_run(started.run_key).outcome is Outcome.STOPPED


WITHDRAWN = {
    "label removed": lambda forge, number: forge.unlabel(number),
    "closed": lambda forge, number: forge.edit(number, state="closed"),
}


@pytest.fixture(params=WITHDRAWN)
def withdraw(request, forge):
    return lambda number: WITHDRAWN[request.param](forge, number)


def test_a_run_is_stopped_whatever_the_label_and_state_of_its_issue(house, forge, airflow, started, withdraw):
    number, run_key = started
    withdraw(number)
    refused, comment = forge.say(number, "/stop", "stranger"), forge.say(number, "/stop")
    for _ in range(2):
        intake.admit(house, [number])
    assert airflow.runs[run_key]["state"] == "failed"
    assert house.ledger.require_run(run_key).message == "Stopped by octocat."
    assert (forge.reactions(refused), forge.reactions(comment)) == ({"-1"}, {"eyes", "+1"})


def test_a_finished_run_is_answered_whatever_the_label_and_state_of_its_issue(house, forge, airflow, waiting, withdraw):
    number, run_key = waiting
    withdraw(number)
    forge.say(number, CHANGE)
    (done,) = admit(house, number)
    assert done.run_key == f"{run_key}-r1"


def test_a_code_block_that_nobody_was_woken_by_is_no_answer_later(house, forge, airflow, waiting, withdraw):
    number, run_key = waiting
    withdraw(number)
    forge.say(number, "```yaml\nhyperparameters:\n  n_estimators: 90\n```")
    forge.say(number, "/help")
    admit(house, number)
    assert airflow.creates == [run_key]


def test_an_approval_counts_whatever_the_label_and_state_of_its_issue(house, forge, airflow, withdraw):
    number = forge.file(DEAR)
    (waits,) = intake.admit(house, [number])
    withdraw(number)
    forge.edit(number, body=DEAR.replace("50\n", "60\n", 1))
    forge.say(number, f"/approve {waits.revision}", login="maintainer")
    (refused,) = admit(house, number)
    assert "edited after this revision was shown" in refused.message
    forge.edit(number, body=DEAR)
    forge.say(number, f"/approve {waits.revision}", login="maintainer")
    admit(house, number)
    assert airflow.creates == [waits.run_key]


def test_a_command_on_an_issue_without_a_run_is_not_answered(house, forge, airflow):
    number = forge.file(GOOD, labels=[])
    comment = forge.say(number, "/rerun")
    assert admit(house, number) == []
    assert (airflow.creates, forge.reactions(comment)) == ([], set())


def test_a_stop_after_an_edit_ends_the_run_under_way_and_the_revision_that_waits(house, forge, airflow, started):
    number, run_key = started
    forge.edit(number, body=GOOD.replace("50", "60"))
    (waits,) = intake.admit(house, [number])
    assert house.ledger.require_run(waits.run_key).state is RunState.AWAITING_APPROVAL
    forge.say(number, "/stop")
    admit(house, number)
    assert airflow.runs[run_key]["state"] == "failed"
    assert {house.ledger.require_run(key).outcome for key in (run_key, waits.run_key)} == {Outcome.STOPPED}
    assert forge.labels(number) == {"mlops:train", "mlops:stopped"}


def test_a_run_that_waits_for_settings_can_be_given_up(house, forge, airflow, waiting):
    number, run_key = waiting
    forge.say(number, "/stop")
    admit(house, number)
    assert house.ledger.require_run(run_key).outcome is Outcome.STOPPED
    assert forge.labels(number) == {"mlops:train", "mlops:stopped"}


def test_help_lists_each_command(house, forge, waiting):
    number, _ = waiting
    forge.say(number, "/help")
    admit(house, number)
    answer = forge.comments(number)[-1]
    assert set(re.findall(r"`/(\w+)", answer)) == {verb.value for verb in actions.ACTIONS}


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("/rollback", "Nothing was rolled back. No run of this issue has deployed a model."),
        ("/promote", "Nothing was promoted. No run of this issue has deployed a model."),
        ("/approve 0123", "Nothing was approved. Nothing waits for approval here."),
        ("/retrain", "Nothing was started.\n\n| Line | Field"),
    ],
)
def test_a_refusal_says_what_was_not_done(house, forge, waiting, command, answer):
    number, _ = waiting
    forge.say(number, command)
    admit(house, number)
    assert answer in forge.comments(number)[-1]


def test_a_refused_stop_says_that_nothing_was_stopped(house, forge, started):
    number, run_key = started
    put(house, run_key, deployed_record())
    runs.close_run(house, run_key)
    forge.say(number, "/stop")
    (refused,) = admit(house, number)
    assert refused.message == f"Run {run_key} is over."
    assert "\n\nNothing was stopped. Run " in forge.comments(number)[-1]


def test_comments_older_than_the_label_are_talk(house, forge, airflow):
    number = forge.file(GOOD, labels=[])
    forge.say(number, "/stop")
    import time

    time.sleep(1.1)  # GitHub's clock counts seconds
    forge.label(number)
    assert admit(house, number) == []


def test_a_rollback_that_was_done_is_answered_and_not_done_again(house, forge, started):
    """A crash between the switch and the memory of the comment must not go back two versions."""
    number, run_key = started
    put(house, run_key, deployed_record())
    runs.close_run(house, run_key)
    comment = forge.say(number, "/rollback")
    went_back = {
        "endpoint": "mlops-xgboost-breast-cancer", "config": "c", "version": "1.0.0", "state": "in_service",
        "strategy": "rollback", "proof": "20 of 20 probes were answered by 1.0.0.",
    }  # fmt: skip
    house.ledger.put_item(f"command#4242#{comment}", went_back)
    admit(house, number)
    assert "serves version `1.0.0`" in forge.comments(number)[-1]
    assert forge.reactions(comment) == {"eyes", "+1"}


def test_the_run_that_was_taken_back_says_so_be_it_another_issues(house, forge, started, airflow):
    number, run_key = started
    put(house, run_key, deployed_record())
    runs.close_run(house, run_key)
    other = forge.file(GOOD)
    (newer,) = intake.admit(house, [other])
    put(house, newer.run_key, deployed_record())
    runs.close_run(house, newer.run_key)
    endpoint, at = "mlops-xgboost-breast-cancer", "2026-11-23T11:00:00Z"
    back = TakenBack(by="octocat", at=at, endpoint=endpoint, serves="v1.0.0")
    house.ledger.update_run(newer.run_key, lambda known: known.model_copy(update={"taken_back": back}))
    note = {"at": at, "what": "rollback", "by": "octocat", "from": "v1.1.0", "run": newer.run_key, "to": "v1.0.0"}
    endpoints.change(house.ledger, endpoint, rollbacks=[note])
    comment = forge.say(number, "/rollback")
    went_back = {
        "endpoint": endpoint, "config": "c", "version": "v1.0.0", "state": "in_service", "strategy": "all_at_once"
    }  # fmt: skip
    house.ledger.put_item(f"command#4242#{comment}", went_back)
    admit(house, number)
    assert "taken back by `octocat`" in forge.comments(other)[0]
    assert "mlops:rolled-back" in forge.labels(other)
    assert "Deployed: " in forge.comments(number)[0]


def test_a_rollback_of_an_endpoint_nobody_knows_is_refused(house, forge, started):
    number, run_key = started
    put(house, run_key, deployed_record())
    runs.close_run(house, run_key)
    for command in ("/rollback", "/promote"):
        comment = forge.say(number, command)
        admit(house, number)
        assert forge.reactions(comment) == {"eyes", "-1"}


def test_a_deployment_under_approval_waits_on_the_issue_and_is_approved_there(house, forge, airflow):
    number = forge.file(GOOD.replace("evaluation:", "deployment: {approval: true}\nevaluation:"))
    (started,) = intake.admit(house, [number])
    packaged = deployed_record()
    packaged.phases[Phase.PACKAGE].handle["package_arn"] = registered(house)
    packaged.phases[Phase.DEPLOY] = PhaseRecord(state=PhaseState.RUNNING)
    put(house, started.run_key, packaged)
    runs.publish(house, started.run_key)
    assert f"/approve {started.revision}" in forge.comments(number)[0]
    assert "mlops:awaiting-approval" in forge.labels(number)
    forge.say(number, f"/approve {started.revision}", login="maintainer")
    (approved,) = admit(house, number)
    assert "may be deployed" in approved.message
    assert registry.approval_of(house.cloud, packaged.phases[Phase.PACKAGE].handle["package_arn"]) == "Approved"
    assert "mlops:running" in forge.labels(number)


def registered(house) -> str:
    """A model package that waits for a person."""
    house.cloud.sagemaker.create_model_package_group(ModelPackageGroupName="xgboost-breast-cancer")
    return house.cloud.sagemaker.create_model_package(
        ModelPackageGroupName="xgboost-breast-cancer", ModelApprovalStatus="PendingManualApproval"
    )["ModelPackageArn"]


def test_an_approval_that_nothing_waits_for_is_refused(house, forge, started):
    number, run_key = started
    forge.say(number, f"/approve {run_key.split('-', 3)[3]}", login="maintainer")
    (refused,) = admit(house, number)
    assert "does not wait for approval" in refused.message


def test_stopping_a_run_stops_its_jobs_and_minds_none_that_is_gone(house, forge, airflow, started):
    number, run_key = started
    put(house, run_key, running_record())
    forge.say(number, "/stop")
    admit(house, number)
    assert house.ledger.require_run(run_key).outcome is Outcome.STOPPED


def test_a_dear_retraining_waits_for_its_own_approval(house, forge, airflow, waiting):
    number, run_key = waiting
    forge.say(number, "/retrain\n```yaml\n" + DEAR.split("```yaml\n")[1].split("evaluation:")[0] + "\n```")
    (waits,) = admit(house, number)
    assert house.ledger.require_run(waits.run_key).state is RunState.AWAITING_APPROVAL
    word = waits.run_key.split("-", 3)[3]
    assert f"/approve {word}" in forge.comments(number)[-1]
    forge.say(number, f"/approve {word}")
    admit(house, number)
    assert airflow.creates == [run_key, waits.run_key]
