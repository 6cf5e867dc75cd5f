"""Names that everything else is found by: stable, bounded, told apart."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.identity import (
    Phase,
    RunKey,
    bounded_name,
    canonical_json,
    endpoint_name,
    job_name,
    key_for_airflow_run,
    model_id,
    revision,
)

_SAGEMAKER_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")


def test_a_revision_does_not_depend_on_the_order_of_fields():
    assert revision(1, 2, {"a": 1, "b": [1, 2]}) == revision(1, 2, {"b": [1, 2], "a": 1})


def test_a_revision_depends_on_repository_issue_and_meaning():
    revisions = {revision(1, 2, {"a": 1}), revision(2, 2, {"a": 1}), revision(1, 3, {"a": 1}), revision(1, 2, {"a": 2})}
    assert len(revisions) == 4


def test_a_revision_is_twelve_hex_digits_of_sha256():
    """By hand: printf '[1,2,{"a":1}]' | sha256sum"""
    assert revision(1, 2, {"a": 1}) == "2911a8e5eb79"


def test_nan_has_no_canonical_spelling():
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"a": float("nan")})


@pytest.mark.parametrize(
    ("key", "text"),
    [
        pytest.param(RunKey(4242, 7, "0123456789ab"), "gh-4242-7-0123456789ab", id="first"),
        pytest.param(RunKey(4242, 7, "0123456789ab", retraining=3), "gh-4242-7-0123456789ab-r3", id="retraining"),
        pytest.param(RunKey(4242, 7, "0123456789ab", rerun=2), "gh-4242-7-0123456789ab-m2", id="re-run"),
        pytest.param(RunKey(1, 1, "0" * 12, retraining=1, rerun=2), "gh-1-1-000000000000-m2-r1", id="both"),
    ],
)
def test_a_run_key_reads_back_from_its_text(key, text):
    assert str(key) == text
    assert RunKey.parse(text) == key


@pytest.mark.parametrize(
    "text", ["", "manual__2026", "gh-1-1-xyz", "gh-1-1-0123456789ab-r", "gh-1-1-0123456789ab/../x"]
)
def test_other_text_is_no_run_key(text):
    assert RunKey.parse(text) is None


def test_a_run_started_from_the_ui_gets_a_key_that_sagemaker_takes():
    key = key_for_airflow_run("manual__2026-11-23T10:00:00+00:00")
    assert re.fullmatch(r"ui-[0-9a-f]{12}", key)
    assert key == key_for_airflow_run("manual__2026-11-23T10:00:00+00:00")


def test_our_own_run_ids_are_run_keys_already():
    assert key_for_airflow_run("gh-4242-7-0123456789ab-r1") == "gh-4242-7-0123456789ab-r1"


@given(st.text(min_size=1, max_size=200), st.sampled_from(Phase), st.integers(1, 4), st.sampled_from(["", "drift"]))
def test_a_job_name_is_always_one_that_sagemaker_takes(run_key, phase, attempt, step):
    name = job_name("r" + run_key, phase, attempt, step)
    assert _SAGEMAKER_NAME.fullmatch(name)
    assert name.endswith(f"-t{attempt}")


def test_long_names_that_differ_at_their_end_stay_apart():
    one, two = (bounded_name("x" * 80 + end) for end in "ab")
    assert one != two
    assert len(one) == len(two) == 63


def test_jobs_of_one_run_differ_by_phase_and_attempt():
    key = "gh-4242-7-0123456789ab"
    names = {job_name(key, phase, attempt) for phase in Phase for attempt in (1, 2)}
    assert len(names) == 14


def test_an_endpoint_follows_from_its_model():
    assert endpoint_name(model_id("XGBoost on breast_cancer")) == "mlops-xgboost-on-breast-cancer"
