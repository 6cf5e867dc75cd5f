"""The living comment: a pure function of the record, readable by people and inert against what others wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops import report
from mlops.identity import Phase
from mlops.markdown import COMMENT_LIMIT
from mlops.record import Outcome, PhaseRecord, PhaseState, RunRecord, RunState, TakenBack
from mlops.spec import canonical, parse_issue
from tests.mlops.records import RUN_KEY, deployed_record, judged_record, running_record
from tests.mlops.test_markdown import any_text, living, nodes

ADDRESSES = report.Addresses(repository="https://github.com/acme/perception", airflow="http://127.0.0.1:8080")


def finished(record: RunRecord, outcome: Outcome, **changes: object) -> RunRecord:
    update = {"state": RunState.FINISHED, "outcome": outcome, "ended_at": "2026-11-23T10:03:02Z", **changes}
    return record.model_copy(update=update)


def test_the_comment_is_found_by_its_first_line():
    assert report.render(running_record()).splitlines()[0] == f"<!-- mlops-run:{RUN_KEY} -->"


def test_a_running_run_shows_each_phase_and_how_to_stop():
    text = report.render(running_record(), ADDRESSES)
    assert "## ⏳ Running (train): `xgboost-breast-cancer`" in text
    assert "| ✅ | prepare | 7 s | 569 rows, 30 features; 0 rows dropped. |" in text
    assert "| ⏳ | train |  | … |" in text
    assert "| ⬜ | deploy |" in text
    assert "`/stop`" in text
    assert "http://127.0.0.1:8080/dags/lifecycle/runs/gh-4242-7-0123456789ab" in text


def test_a_run_between_two_phases_does_not_start_anew():
    record = running_record()
    record.phases[Phase.TRAIN] = PhaseRecord()
    assert "## ⏳ Running: `xgboost-breast-cancer`" in report.render(record)
    record.phases[Phase.PREPARE] = PhaseRecord()
    assert "## ⏳ Starting: `xgboost-breast-cancer`" in report.render(record)


def test_a_deployed_run_names_model_version_metrics_and_endpoint():
    text = report.render(finished(deployed_record(), Outcome.DEPLOYED), ADDRESSES)
    assert "## 🚀 Deployed: `xgboost-breast-cancer` `v1.1.0`" in text
    assert "3 min 12 s from request to result" in text
    assert "| ✅ | `f1` | 0.97 | ≥ 0.95 | 0.96 |" in text
    assert "Serving `v1.0.0`" in text
    assert "`mlops-xgboost-breast-cancer`: 20 of 20 probes were answered by 1.1.0." in text
    assert "`/rollback`" in text


def test_a_run_whose_version_was_taken_back_says_by_whom_and_what_serves():
    back = TakenBack(by="octocat", at="2026-11-23T11:00:00Z", endpoint="mlops-xgboost-breast-cancer", serves="v1.0.0")
    text = report.render(finished(deployed_record(), Outcome.DEPLOYED, taken_back=back), ADDRESSES)
    assert "## ↩️ Deployed, then taken back: `xgboost-breast-cancer` `v1.1.0`" in text
    assert (
        "> Version `v1.1.0` was taken back by `octocat` at `2026-11-23T11:00:00Z`: "
        "endpoint `mlops-xgboost-breast-cancer` serves `v1.0.0` again."
    ) in text
    assert "20 of 20 probes" not in text.replace("Version 1.1.0 answers", "")
    assert "/rollback" not in text
    assert "`/rerun`" in text


def test_a_record_that_knows_of_no_taking_back_is_read():
    older = deployed_record().model_dump(mode="json", exclude={"taken_back"})
    assert RunRecord.model_validate(older).taken_back is None


def test_a_deployment_left_out_names_no_endpoint():
    record = finished(deployed_record(), Outcome.REGISTERED)
    skipped = {**record.phases[Phase.DEPLOY].handle, "state": "skipped", "proof": "The issue asks for no deployment."}
    record.phases[Phase.DEPLOY] = PhaseRecord(state=PhaseState.SKIPPED, handle=skipped)
    assert "Endpoint" not in report.render(record, ADDRESSES)


def test_what_leaves_out_all_further_phases_is_said_once():
    why = "Endpoint mlops-x was changed by the newer run gh-4242-8-0123456789ab."
    record = finished(deployed_record(), Outcome.REGISTERED, message=why)
    for phase in (Phase.DEPLOY, Phase.MONITOR):
        record.phases[phase] = PhaseRecord(state=PhaseState.SKIPPED, message=why)
    record.phases[Phase.RETRAIN] = PhaseRecord(state=PhaseState.SUCCEEDED, message=why)
    assert report.render(record, ADDRESSES).count("was changed by the newer run") == 1
    unsaid = record.model_copy(update={"message": ""})
    assert "| ⏭️ | deploy |  | Endpoint mlops-x was changed" in report.render(unsaid, ADDRESSES)
    assert report.render(unsaid, ADDRESSES).count("was changed by the newer run") == 1


def test_the_specification_shown_says_nothing_that_says_nothing():
    spec = parse_issue(Path("examples/issues/breast_cancer_xgboost.md").read_text())
    text = report.render(running_record(spec=canonical(spec)), ADDRESSES)
    shown = text[text.index("```yaml") :]
    assert "early_stopping_rounds: 20" in shown
    for nothing in ("null", "[]", "{}", "masking", "ensemble", "environment"):
        assert nothing not in shown


def test_below_the_threshold_the_operator_gets_something_to_paste():
    record = finished(judged_record(value=0.9), Outcome.BELOW_THRESHOLD)
    text = report.render(record, ADDRESSES)
    assert "| ❌ | `f1` | 0.9 | ≥ 0.95 | 0.96 |" in text
    assert "3 of 3 retrainings left" in text
    assert "```\n/retrain\nhyperparameters:\n  n_estimators: 200\n  max_depth: 4\n```" in text


def test_a_run_that_was_answered_leaves_the_turn_to_the_next():
    record = finished(judged_record(value=0.9), Outcome.BELOW_THRESHOLD)
    text = report.render(record, ADDRESSES, followed_by=f"{RUN_KEY}-r1")
    assert "## 📉 Below the threshold: `xgboost-breast-cancer`" in text
    assert f"Run `{RUN_KEY}-r1` followed" in text
    assert "/retrain" not in text


def test_a_suggestion_takes_the_place_of_the_present_settings():
    record = finished(judged_record(value=0.9, retraining=2), Outcome.BELOW_THRESHOLD)
    text = report.render(record, ADDRESSES, {"hyperparameters": {"max_depth": 8}, "reasons": ["Too deep."]})
    assert "1 of 3 retrainings left. These settings may do better" in text
    assert "hyperparameters:\n  max_depth: 8" in text
    assert "- Too deep." in text


def test_a_waiting_run_says_how_to_approve_it():
    text = report.render(running_record(state=RunState.AWAITING_APPROVAL, message="Dear."), ADDRESSES)
    assert "## ✋ Waits for approval" in text
    assert "/approve 0123456789ab" in text
    retraining = running_record(run_key=RUN_KEY + "-r1", state=RunState.AWAITING_APPROVAL)
    assert "/approve 0123456789ab-r1" in report.render(retraining)


def test_a_failed_run_says_where_and_what_next():
    record = running_record()
    record.phases[Phase.TRAIN] = PhaseRecord(state=PhaseState.FAILED, message="No column `diagnosis`.")
    text = report.render(finished(record, Outcome.FAILED, message="train failed: no column `diagnosis`."), ADDRESSES)
    assert "## ❌ Failed" in text
    assert "> train failed: no column `diagnosis`." in text
    assert "| No column `diagnosis`. |" in text
    assert "| ❌ | train |" in text
    assert "`/rerun`" in text


def test_plots_are_shown_by_commit_once_the_record_is_committed():
    record = finished(deployed_record(), Outcome.DEPLOYED)
    assert "![" not in report.render(record, ADDRESSES)
    committed = record.model_copy(
        update={"history_path": f"training_history/2026/{RUN_KEY}.md", "history_commit": "c0ffee"}
    )
    text = report.render(committed, ADDRESSES)
    root = f"https://github.com/acme/perception/raw/c0ffee/training_history/2026/{RUN_KEY}"
    pictures = [
        f"| Confusion matrix | ROC curve |\n| :-- | :-- |\n"
        f"| ![Confusion matrix]({root}/confusion_matrix.png) | ![ROC curve]({root}/roc_curve.png) |",
        f"| Learning curve |\n| :-- |\n| ![Learning curve]({root}/learning_curve.png) |",
    ]
    assert "\n\n".join(pictures) in text
    assert (
        f"[Record of this run](https://github.com/acme/perception/blob/c0ffee/training_history/2026/{RUN_KEY}.md)"
        in text
    )


def test_a_run_without_an_issue_offers_no_commands():
    assert "What you can do" not in report.render(running_record(issue=None), ADDRESSES)


def test_a_run_from_the_ui_links_to_its_own_airflow_run():
    record = running_record(airflow_run_id="manual__2026-11-23T10:00:00+00:00")
    assert "/runs/manual__2026-11-23T10%3A00%3A00%2B00%3A00)" in report.render(record, ADDRESSES)


def test_retried_jobs_show():
    record = running_record()
    record.phases[Phase.TRAIN].jobs[0].attempt = 3
    assert "(try 3)" in report.render(record)


def test_the_document_for_the_repository_has_its_plots_beside_it_and_no_commands():
    text = report.document(finished(deployed_record(), Outcome.DEPLOYED))
    assert text.startswith("# 🚀 Deployed")
    assert f"![ROC curve]({RUN_KEY}/roc_curve.png)" in text
    assert "What you can do" not in text
    assert "mlops-run:" not in text


def test_an_endless_message_still_makes_a_comment():
    record = running_record(message="x" * 100_000)
    record.spec["dataset"]["name"] = "y" * 100_000
    assert len(report.render(record, ADDRESSES)) <= COMMENT_LIMIT


@pytest.mark.parametrize(
    ("seconds", "shown"), [(None, ""), (0.4, "0 s"), (59, "59 s"), (65, "1 min 05 s"), (7620, "2 h 07 min")]
)
def test_durations_read_like_a_person_says_them(seconds, shown):
    assert report.duration(seconds) == shown


@pytest.mark.parametrize(("value", "shown"), [(0.9736842, "0.9737"), (1, "1"), (None, "–"), (52.123456, "52.12")])
def test_numbers_have_four_digits(value, shown):
    assert report.number(value) == shown


def hostile(text: str) -> RunRecord:
    """A record with `text` in every place that somebody outside can fill."""
    record = deployed_record(
        actor=text,
        message=text,
        parent=text,
        retraining=1,
        data_as_of=text,
        mlflow_run_id=text,
        spec={"name": text, "algorithm": text, "dataset": {"name": text, "classes": [text, text]}, text: {text: text}},
    )
    record.verdict = {
        "checks": [{"metric": text, "value": text, "limit": text, "direction": text, "passed": True}],
        "reasons": [text],
    }
    for phase in Phase:
        record.phases[phase].message = text
    handles = {
        Phase.PREPARE: {"dataset": text, "version": text},
        Phase.VALIDATE: {
            "metrics": {text: 1.0}, "champion_metrics": {text: 1.0}, "champion_version": text, "rows": 1,
            "plots": [f"../{text}"],
        },
        Phase.PACKAGE: {"version": text, "package_arn": text, "openapi_uri": text},
        Phase.DEPLOY: {"endpoint": text, "url": text, "proof": text, "state": "in_service"},
    }  # fmt: skip
    for phase, handle in handles.items():
        record.phases[phase].handle = handle
    return record


@settings(max_examples=150, deadline=None)
@given(any_text, st.sampled_from([*Outcome, None]))
def test_nothing_that_others_wrote_comes_to_life(text, outcome):
    """The comment of a hostile record has exactly the living parts of a harmless one."""
    changes = {"outcome": outcome, "history_path": f"training_history/2026/{RUN_KEY}.md", "history_commit": "c0ffee"}
    evil = report.render(hostile(text).model_copy(update=changes), ADDRESSES)
    harmless = report.render(hostile("plain").model_copy(update=changes), ADDRESSES)
    assert sorted(map(_kind, living(evil))) == sorted(map(_kind, living(harmless)))
    assert evil.startswith(report.marker(RUN_KEY))
    links = [token.attrs["href"] for token in nodes(evil) if token.type == "link_open"]
    assert all(
        str(link).startswith(("https://github.com/acme/perception/", "http://127.0.0.1:8080/")) for link in links
    )


def _kind(found: str) -> str:
    return found.split(" ", 1)[0]
