"""What an issue is entitled to: the decision table of intake, without a network."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mlops import admission
from mlops.issues import Edit, IssueSnapshot, LabelEvent, body_hash
from mlops.memory import Memory
from mlops.settings import Settings
from tests.mlops.bodies import BAD, GOOD

LABELLED = datetime(2026, 11, 23, 10, tzinfo=UTC)
ROLES = ("none", "read", "triage", "write", "maintain", "admin", "ml-operator")


def issue(**changes):
    event = LabelEvent(id=1, label="mlops:train", actor="octocat", at=LABELLED)
    plain = IssueSnapshot(
        number=7, title="Train", body=GOOD, state="open", is_pull_request=False, author="octocat",
        labels=("mlops:train",), labelled=event, updated_at=LABELLED, url="",
    )  # fmt: skip
    return replace(plain, **changes)


def decide(snapshot, roles=None, memory=None, edit=None, cost=1.0, settings=None):
    return admission.decide(
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
