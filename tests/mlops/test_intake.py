"""From a labelled issue to exactly one run: over HTTP against the GitHub twin, moto and an Airflow stand-in."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from mlops import intake, keys, runs
from mlops.errors import Unavailable
from mlops.identity import RunKey
from mlops.issues import body_hash
from mlops.memory import Memory, recall
from mlops.record import Outcome, RunState
from tests.mlops.bodies import BAD, DEAR, GOOD


def only(admissions):
    (admission,) = admissions
    return admission


def test_a_labelled_issue_becomes_one_run_with_comment_label_and_kept_text(house, forge, airflow):
    number = forge.file(GOOD)
    admission = only(intake.admit(house, [number]))
    assert admission.decision == "started"
    assert airflow.creates == [admission.run_key]
    assert airflow.runs[admission.run_key]["conf"]["hyperparameters_n_estimators"] == 50
    record = house.ledger.require_run(admission.run_key)
    assert (record.state, record.actor, record.body_hash) == (RunState.STARTED, "octocat", body_hash(GOOD))
    assert RunKey.parse(admission.run_key).issue == number
    assert forge.labels(number) == {"mlops:train", "mlops:running"}
    assert len(forge.comments(number)) == 1
    kept = house.cloud.s3.get_object(Bucket="mlops-bucket", Key=keys.issue_body(record.run_key))["Body"].read()
    assert kept.decode() == GOOD


def test_polling_a_hundred_times_makes_one_run_and_one_comment(house, forge, airflow):
    number = forge.file(GOOD)
    for _ in range(100):
        intake.admit(house, [number])
    assert len(airflow.creates) == 1
    assert len(forge.comments(number)) == 1


def test_a_refused_body_polled_a_hundred_times_gets_one_comment_and_starts_nothing(house, forge, airflow):
    number = forge.file(BAD)
    for _ in range(100):
        assert only(intake.admit(house, [number])).decision == "refused"
    (comment,) = forge.comments(number)
    assert "2 things need a change" in comment
    assert (
        "| 9 | `hyperparameters.n_estimators` | `n_estimators: -50` | must be a whole number from 1 to 2000" in comment
    )
    assert "| 13 | `evaluation.thresholds.f1` | `f1: 9` |" in comment
    assert forge.labels(number) == {"mlops:train", "mlops:refused"}
    assert airflow.creates == []


def test_a_crash_after_the_refusal_was_written_leads_to_no_second_one(house, forge):
    number = forge.file(BAD)
    intake.admit(house, [number])
    house.ledger.delete_item(f"issue#4242#{number}")
    intake.admit(house, [number])
    assert len(forge.comments(number)) == 1


def test_a_mended_body_starts_and_sheds_the_refusal(house, forge, airflow):
    number = forge.file(BAD)
    intake.admit(house, [number])
    forge.edit(number, body=GOOD)
    assert only(intake.admit(house, [number])).decision == "started"
    assert forge.labels(number) == {"mlops:train", "mlops:running"}


def test_another_mistake_gets_its_own_comment(house, forge):
    number = forge.file(BAD)
    intake.admit(house, [number])
    forge.edit(number, body=BAD.replace("-50", "-60"))
    intake.admit(house, [number])
    assert len(forge.comments(number)) == 2


@pytest.mark.parametrize(
    ("login", "decision"),
    [("triager", "refused"), ("writer", "started"), ("maintainer", "started"), ("octocat", "started")],
)  # fmt: skip
def test_the_role_of_whoever_set_the_label_decides(house, forge, airflow, login, decision):
    number = forge.file(GOOD, labels=[], login="octocat")
    forge.label(number, login=login)
    for _ in range(3):
        assert only(intake.admit(house, [number])).decision in {decision, "adopted"}
    assert len(airflow.creates) == (decision == "started")
    assert len(forge.comments(number)) == 1
    if decision == "refused":
        assert f"was set by `{login}`, who may not start runs here" in forge.comments(number)[0]


def test_what_asks_for_nothing_is_left_alone(house, forge, airflow):
    numbers = [forge.file(GOOD, labels=labels) for labels in ([], ["bug"], ["mlops:running"])]
    closed = forge.file(GOOD)
    forge.edit(closed, state="closed")
    admissions = intake.admit(house, [*numbers, closed])
    assert {admission.decision for admission in admissions} == {"ignored"}
    assert airflow.creates == []
    assert all(forge.comments(number) == [] for number in [*numbers, closed])


def test_bad_issues_in_a_batch_hurt_no_good_one(house, forge, airflow):
    hostile = [
        "```yaml\n" + "a: &a [*a]\n```",
        "{" * 50_000,
        "```yaml\nalgorithm: !!python/object:os.system x\n```",
        "",
        "\x00",
    ]
    good = [forge.file(GOOD.replace("50", str(60 + n))) for n in range(4)]
    bad = [forge.file(body) for body in hostile]
    order = [*bad[:2], *good[:2], 9999, *bad[2:], *good[2:]]
    admissions = {admission.number: admission.decision for admission in intake.admit(house, order)}
    assert {admissions[number] for number in good} == {"started"}
    assert {admissions[number] for number in bad} == {"refused"}
    assert admissions[9999] == "failed"
    assert len(airflow.creates) == 4


def test_an_issue_edited_by_a_stranger_after_the_label_waits_until_it_is_labelled_again(house, forge, airflow):
    number = forge.file(GOOD, labels=[], login="stranger")
    forge.label(number)
    forge.edit(number, body=GOOD.replace("50", "2000"), login="stranger")
    assert only(intake.admit(house, [number])).decision == "awaiting_approval"
    assert forge.labels(number) == {"mlops:train", "mlops:awaiting-approval"}
    assert "nobody has vouched" in forge.comments(number)[0]
    assert airflow.creates == []


def test_edits_at_random_moments_never_start_unapproved_text(house, forge, airflow):
    """A stranger edits before, between and after the polls; what runs is only what stood there under the label."""
    rng = random.Random(7)
    for turn in range(12):
        number = forge.file(GOOD, labels=[], login="stranger")
        approved = GOOD
        steps = ["label", "edit", "poll", "edit", "poll"]
        rng.shuffle(steps)
        labelled = False
        for place, step in enumerate(steps):
            if step == "edit":
                approved_now = GOOD.replace("50", str(100 + 10 * turn + place))
                forge.edit(number, body=approved_now, login="stranger")
                approved = approved_now if not labelled else approved
            elif step == "label":
                labelled = True
                forge.label(number)
            else:
                intake.admit(house, [number])
        intake.admit(house, [number])
        trees = {
            run["conf"]["hyperparameters_n_estimators"]
            for key, run in airflow.runs.items()
            if key.startswith(f"gh-4242-{number}-")
        }
        assert trees <= {int(approved.split("n_estimators: ")[1].split()[0])}


def test_an_edit_after_the_start_is_a_new_revision_that_needs_the_label_again(house, forge, airflow):
    number = forge.file(GOOD)
    first = only(intake.admit(house, [number]))
    forge.edit(number, body=GOOD.replace("50", "60"))
    second = only(intake.admit(house, [number]))
    assert second.decision == "awaiting_approval"
    assert second.revision != first.revision
    forge.unlabel(number)
    forge.label(number)
    assert only(intake.admit(house, [number])).decision == "started"
    assert airflow.creates == [first.run_key, second.run_key]


def test_a_dear_run_waits_and_says_what_it_would_cost(house, forge, airflow):
    number = forge.file(DEAR)
    admission = only(intake.admit(house, [number]))
    assert admission.decision == "awaiting_approval"
    (comment,) = forge.comments(number)
    assert "above the ceiling of 50.00 USD" in comment
    assert f"/approve {admission.revision}" in comment
    assert airflow.creates == []


def test_an_edit_voids_what_waited(house, forge, airflow):
    number = forge.file(DEAR)
    first = only(intake.admit(house, [number]))
    forge.edit(number, body=DEAR.replace("50\n", "60\n", 1))
    second = only(intake.admit(house, [number]))
    assert second.run_key != first.run_key
    given_up = house.ledger.require_run(first.run_key)
    assert (given_up.state, given_up.outcome) == (RunState.FINISHED, Outcome.STOPPED)
    assert recall(house, number).current == second.run_key


def test_an_edit_taken_back_gives_up_what_waited_and_steers_the_first_run_again(house, forge, airflow):
    number = forge.file(GOOD)
    first = only(intake.admit(house, [number]))
    forge.edit(number, body=GOOD.replace("50", "60"))
    second = only(intake.admit(house, [number]))
    forge.edit(number, body=GOOD)
    assert only(intake.admit(house, [number])).decision == "adopted"
    assert house.ledger.require_run(second.run_key).outcome is Outcome.STOPPED
    assert recall(house, number).current == first.run_key
    assert forge.labels(number) == {"mlops:train", "mlops:running"}


def test_what_was_given_up_while_it_waited_runs_when_the_label_vouches_for_it(house, forge, airflow):
    number = forge.file(GOOD)
    intake.admit(house, [number])
    keys = []
    for trees in ("60", "70", "60"):
        forge.edit(number, body=GOOD.replace("50", trees))
        keys.append(only(intake.admit(house, [number])).run_key)
    assert keys[0] == keys[2]
    forge.unlabel(number)
    forge.label(number)
    for _ in range(2):
        admitted = only(intake.admit(house, [number]))
        assert admitted.run_key == f"{keys[0]}-m1"
    assert airflow.creates[-1] == f"{keys[0]}-m1"
    assert airflow.runs[f"{keys[0]}-m1"]["conf"]["hyperparameters_n_estimators"] == 60


def test_two_pollers_at_once_start_one_run(house, forge, airflow):
    numbers = [forge.file(GOOD.replace("50", str(70 + n))) for n in range(3)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: intake.admit(house, numbers), range(4)))
    assert sorted(airflow.creates) == sorted(set(airflow.creates))
    assert len(airflow.creates) == 3
    assert [len(forge.comments(number)) for number in numbers] == [1, 1, 1]


def test_while_airflow_is_away_the_run_waits_in_the_ledger(house, forge, airflow):
    number = forge.file(GOOD)
    airflow.down = True
    assert only(intake.admit(house, [number])).decision == "failed"
    airflow.down = False
    assert only(intake.admit(house, [number])).decision == "adopted"
    assert len(airflow.creates) == 1


def test_a_start_whose_reply_is_lost_is_a_start(house, forge, airflow):
    airflow.fail_after_effect = 1
    number = forge.file(GOOD)
    assert only(intake.admit(house, [number])).decision == "started"
    assert len(airflow.creates) == 1


def test_a_run_id_that_means_something_else_fails_in_the_open(house, forge, airflow):
    number = forge.file(GOOD)
    key = intake.judge_issue(house, house.repository.snapshot(number, ("mlops:train",)), Memory()).run_key
    airflow.runs[key] = {"dag_run_id": key, "state": "running", "conf": {"other": 1}}
    intake.admit(house, [number])
    assert house.ledger.require_run(key).outcome is Outcome.FAILED
    assert "was not started" in forge.comments(number)[0]
    assert "mlops:failed" in forge.labels(number)


def test_the_body_is_looked_at_once_more_just_before_the_start(house, forge, airflow):
    number = forge.file(GOOD)
    snapshot = house.repository.snapshot(number, ("mlops:train",))
    decision = intake.judge_issue(house, snapshot, Memory())
    forge.edit(number, body=GOOD.replace("50", "51"))
    assert intake._begin(house, snapshot, decision).decision == "ignored"
    assert airflow.creates == []


def test_a_run_of_another_trigger_starts_by_the_same_door(house, airflow):
    from mlops.spec import canonical, parse_issue
    from tests.mlops.records import running_record

    record = running_record(
        issue=None, run_key="sched-nightly-1", spec=canonical(parse_issue(GOOD)), state=RunState.APPROVED
    )
    house.ledger.create_run(record)
    assert intake.start(house, record).state is RunState.STARTED
    assert airflow.creates == ["sched-nightly-1"]
    airflow.down = True
    with pytest.raises(Unavailable):
        intake.start(house, record)


def test_reconcile_starts_what_was_written_and_never_started(house, forge, airflow, monkeypatch):
    number = forge.file(GOOD)
    airflow.down = True
    intake.admit(house, [number])
    airflow.down = False
    monkeypatch.setattr(runs, "_STALE", timedelta(0))
    (key,) = [record.run_key for record in house.ledger.list_runs()]
    assert runs.reconcile(house)["started"] == [key]
    assert airflow.creates == [key]
