from __future__ import annotations

import pytest

from mlops.errors import RequestRefused
from mlops.identity import Phase
from mlops.phases import retrain
from mlops.phases.retrain.ending import comment, next_step
from mlops.phases.retrain.tuning import Suggestion
from mlops.record import PhaseRecord, PhaseState, RunRecord, Trigger
from tests.mlops.bodies import plain


def record(decision: str = "below_threshold", retraining: int = 0, issue: int | None = 7) -> RunRecord:
    return RunRecord(
        run_key="gh-1-7-0123456789ab",
        trigger=Trigger.ISSUE,
        issue=issue,
        retraining=retraining,
        spec={},
        created_at="2026-11-23T10:00:00Z",
        verdict={"decision": decision, "reasons": ["accuracy is 0.7; the issue asks for at least 0.9."]},
    )


@pytest.mark.parametrize(
    ("run", "action", "left", "words"),
    [
        (record(), "ask_operator", 3, "(3 more times)"),
        (record("invalid", 2), "ask_operator", 1, "(once more)"),
        (record(retraining=3), "stop", 0, "All 3 retrainings are used"),
        (record(issue=None), "stop", 0, "No issue belongs to this run."),
        (record("keep_champion"), "none", 3, "The serving model is better and stays."),
        (record("deploy"), "none", 3, "The model passed."),
    ],
)
def test_what_comes_next_follows_from_the_verdict(run, action, left, words):
    step = next_step(run, 3)
    assert (step.action, step.retrainings_left) == (action, left)
    assert words in step.message


def test_several_reasons_read_as_sentences():
    missed = {"decision": "below_threshold", "reasons": ["r2 is 0.2; the issue asks for 1.", "rmse is 69."]}
    step = next_step(record().model_copy(update={"verdict": missed}), 3)
    assert step.message.startswith("r2 is 0.2; the issue asks for 1. rmse is 69. Comment")


def test_after_a_deployment_it_is_said_what_starts_the_next_run():
    run = record("deploy")
    run.phases[Phase.DEPLOY] = PhaseRecord(state=PhaseState.SUCCEEDED, message="5 of 5 answered.")
    assert "Drift, new data or the schedule" in next_step(run, 3).message


def test_a_skipped_deployment_repeats_its_reason():
    run = record("deploy")
    run.phases[Phase.DEPLOY] = PhaseRecord(state=PhaseState.SKIPPED, message="The issue asks for none.")
    assert next_step(run, 3).message == "The issue asks for none."


def test_the_conclusion_is_written_down_once(services):
    services.ledger.create_run(record())
    step = retrain.decide(services, "gh-1-7-0123456789ab")
    services.ledger.update_run(step_key := "gh-1-7-0123456789ab", lambda run: run.model_copy(update={"retraining": 3}))
    assert retrain.decide(services, step_key) == step
    phase = services.ledger.get_run(step_key).phases[Phase.RETRAIN]
    assert (phase.state, phase.message) == (PhaseState.SUCCEEDED, step.message)


def test_a_suggestion_needs_a_trained_model(services):
    services.ledger.create_run(record())
    with pytest.raises(RequestRefused, match="no result of phase train"):
        retrain.suggest(services, "gh-1-7-0123456789ab")


def test_the_comment_can_be_posted_as_it_is():
    from mlops.spec import parse_change

    text = comment(Suggestion({"max_depth": 8, "hidden_layers": [64, 32]}))
    assert plain(parse_change(text)) == {"hyperparameters": {"max_depth": 8, "hidden_layers": [64, 32]}}
    assert comment(Suggestion()) == ""
