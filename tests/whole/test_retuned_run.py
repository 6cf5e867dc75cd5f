"""Below its threshold, re-tuned by the operator's comment, then deployed."""

from __future__ import annotations

import httpx
import pytest

from twin.follow import read_example
from twin.layout import PROJECT

pytestmark = [pytest.mark.whole, pytest.mark.timeout(900)]


EXAMPLE = read_example(PROJECT / "examples/issues/digits_neural_network_retuned.md")


def file_ahead(system):
    return system.file_issue(EXAMPLE.body)


@pytest.fixture(scope="module")
def story(system):
    """(issue, first record, second record) of a run whose first settings are too small."""
    issue = system.ahead[file_ahead]
    first = system.finished(issue)
    system.comment(issue, EXAMPLE.replies[0])
    return issue, first, system.finished(issue, runs=2)


def test_the_first_run_ends_below_its_threshold_and_deploys_nothing(story):
    _, first, _ = story
    assert first["outcome"] == "below-threshold"
    assert first["phases"]["deploy"]["state"] == "skipped"


def test_the_operator_is_told_on_slack_and_by_mail(system, story):
    issue, *_ = story
    messages = httpx.get(f"{system.layout.url('github')}/messages.json").json()
    told = {message["kind"] for message in messages if f"/issues/{issue}#" in str(message) and "0.93" in str(message)}
    assert {"slack", "mail"} <= told


def test_the_comment_starts_the_first_retraining_with_the_changed_settings(story):
    _, first, second = story
    assert second["run_key"] == first["run_key"] + "-r1"
    assert second["parent"] == first["run_key"]
    assert second["spec"]["hyperparameters"]["epochs"] == 40
    assert second["spec"]["dataset"] == first["spec"]["dataset"]


def test_the_second_run_is_deployed(system, story):
    issue, _, second = story
    assert second["outcome"] == "deployed"
    assert "mlops:deployed" in system.labels(issue)


def test_the_prepared_data_are_used_again(story):
    _, first, second = story
    prepared = [record["phases"]["prepare"]["handle"] for record in (first, second)]
    assert prepared[0]["version"] == prepared[1]["version"]
    assert prepared[1]["reused"]
