"""From a labelled issue to exactly one run: over HTTP against the GitHub twin, moto and an Airflow stand-in."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mlops import intake, keys, runs
from mlops.errors import Unavailable
from mlops.identity import RunKey
from mlops.issues import Edit, IssueSnapshot, LabelEvent, body_hash
from mlops.memory import Memory, recall
from mlops.record import Outcome, RunState
from mlops.settings import Settings
from tests.mlops.bodies import BAD, DEAR, GOOD

LABELLED = datetime(2026, 11, 23, 10, tzinfo=UTC)
ROLES = ("none", "read", "triage", "write", "maintain", "admin", "ml-operator")


# -- the decision, pure ------------------------------------------------------------------------------------------------
def issue(**changes):
    event = LabelEvent(id=1, label="mlops:train", actor="octocat", at=LABELLED)
    plain = IssueSnapshot(
        number=7, title="Train", body=GOOD, state="open", is_pull_request=False, author="octocat",
        labels=("mlops:train",), labelled=event, updated_at=LABELLED, url="",
    )  # fmt: skip
    return replace(plain, **changes)


def decide(snapshot, roles=None, memory=None, edit=None, cost=1.0, settings=None):
    return intake.decide(
        snapshot,
        {"octocat": "admin"} if roles is None else roles,
        memory or Memory(),
        edit,
        settings or Settings(),
        4242,
        lambda spec: cost,
    )


@pytest.mark.parametrize(
    "changes",
    [{"is_pull_request": True}, {"state": "closed"}, {"labels": ()}, {"labels": ("bug", "mlops:running")}],
    ids=["pull request", "closed", "unlabelled", "foreign label"],
)
def test_what_asks_for_nothing_is_ignored(changes):
    assert decide(issue(**changes)).kind == "ignored"


@pytest.mark.parametrize("role", ROLES)
def test_only_write_maintain_and_admin_may_start(role):
    expected = "started" if role in {"write", "maintain", "admin"} else "refused"
    assert decide(issue(), roles={"octocat": role}).kind == expected


def test_a_named_account_may_start_without_a_role():
    settings = Settings(allowed_actors=("release-bot",))
    labelled = LabelEvent(1, "mlops:train", "release-bot", LABELLED)
    assert decide(issue(labelled=labelled), roles={"octocat": "admin"}, settings=settings).kind == "started"


@pytest.mark.parametrize("actor", ["", "github-actions[bot]"])
def test_a_label_set_by_nobody_or_by_a_bot_starts_nothing(actor):
    labelled = LabelEvent(1, "mlops:train", actor, LABELLED)
    assert decide(issue(labelled=labelled), roles={"octocat": "admin", actor: "none"}).kind == "refused"


def test_a_body_with_mistakes_is_refused_with_all_of_them():
    decision = decide(issue(body=BAD))
    assert decision.kind == "refused"
    assert [problem.line for problem in decision.problems] == [9, 13]


def test_the_revision_follows_the_meaning_and_not_the_spelling():
    one, two = decide(issue()), decide(issue(body=GOOD.replace("a classifier", "another one") + "\n\nThanks!"))
    other = decide(issue(body=GOOD.replace("50", "60")))
    assert one.revision == two.revision != other.revision
    assert one.run_key == f"gh-4242-7-{one.revision}"


def test_a_known_revision_is_adopted():
    rev = decide(issue()).revision
    assert decide(issue(), memory=Memory(runs={rev: "key"})).kind == "adopted"


def test_above_the_ceiling_it_waits_for_approval():
    decision = decide(issue(), cost=50.01)
    assert (decision.kind, decision.doubt) == ("awaiting_approval", "cost")
    assert "50.01 USD" in decision.reason
    assert decide(issue(), cost=50.0).kind == "started"


BY_STRANGER = {"author": "stranger"}
STRANGER = {"octocat": "admin", "stranger": "read"}
BEFORE, AFTER = LABELLED - timedelta(minutes=1), LABELLED + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("edit", "kind"),
    [
        (Edit(body_hash(GOOD), None, ""), "started"),
        (Edit(body_hash(GOOD), BEFORE, "stranger"), "started"),
        (Edit(body_hash(GOOD), AFTER, "stranger"), "awaiting_approval"),
        (Edit(body_hash(GOOD), LABELLED, "stranger"), "awaiting_approval"),
        (Edit(body_hash(GOOD), AFTER, "octocat"), "started"),
        (Edit(body_hash("other"), BEFORE, "stranger"), "awaiting_approval"),
    ],
    ids=["never edited", "before the label", "after the label", "same second", "by a maintainer", "other text by now"],
)
def test_a_label_vouches_only_for_the_text_it_was_set_on(edit, kind):
    assert decide(issue(**BY_STRANGER), roles=STRANGER, edit=edit).kind == kind


def test_without_a_word_on_edits_any_change_after_the_label_counts_as_one():
    assert decide(issue(**BY_STRANGER), roles=STRANGER).kind == "started"
    assert decide(issue(**BY_STRANGER, updated_at=AFTER), roles=STRANGER).kind == "awaiting_approval"


def test_one_label_event_vouches_for_one_revision():
    """A new meaning after a run began needs the label again, whoever edited."""
    assert decide(issue(), memory=Memory(label_events={"1": "another"})).kind == "awaiting_approval"
    again = LabelEvent(2, "mlops:train", "octocat", AFTER)
    assert decide(issue(labelled=again), memory=Memory(label_events={"1": "another"})).kind == "started"


def test_a_revision_that_waits_for_a_voucher_starts_when_labelled_again():
    rev = decide(issue()).revision
    memory = Memory(runs={rev: "key"}, waiting={rev: "edited"}, label_events={"1": "another"})
    assert decide(issue(), memory=memory).kind == "adopted"
    again = LabelEvent(2, "mlops:train", "octocat", AFTER)
    assert decide(issue(labelled=again), memory=memory).kind == "started"


# -- over HTTP ---------------------------------------------------------------------------------------------------------
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
    key = decide(house.repository.snapshot(number, ("mlops:train",))).run_key
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


# -- the cursor --------------------------------------------------------------------------------------------------------
def test_the_cursor_is_kept_when_all_is_done_and_never_goes_back(house, forge):
    assert intake.cursor(house) == {}
    number = forge.file(GOOD)
    intake.admit(house, [number], {"since": "2026-11-23T10:00:00Z", "seen": {str(number): "a"}})
    intake.admit(house, [], {"since": "2026-11-23T09:00:00Z", "seen": {str(number): "a"}})
    assert intake.cursor(house) == {"since": "2026-11-23T10:00:00Z", "seen": {str(number): "a"}}


def test_an_issue_that_failed_stays_ahead_of_the_cursor(house, forge, airflow):
    number = forge.file(GOOD)
    airflow.down = True
    intake.admit(house, [number], {"since": "2026-11-23T10:00:00Z", "seen": {str(number): "a", "99": "b"}})
    assert intake.cursor(house) == {"since": None, "seen": {"99": "b"}}


def test_an_issue_that_fails_again_and_again_is_let_go(house):
    for _ in range(5):
        intake.admit(house, [9999], {"since": "2026-11-23T10:00:00Z", "seen": {"9999": "a"}})
    assert intake.cursor(house)["seen"] == {"9999": "a"}


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
