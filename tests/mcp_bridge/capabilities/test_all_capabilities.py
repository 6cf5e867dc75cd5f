"""Tools reach the control plane: what they read is there, and what is not there is said with a remedy.

Whole runs through these tools are in tests/whole.
"""

from __future__ import annotations

import asyncio

import pytest
from mcp import Client

from mcp_bridge.server import build

ISSUE = """```yaml
model_type: supervised_learning
algorithm: xgboost
dataset: {name: wine}
```"""
RUN = {"run_key": "gh-1-1-0123456789ab"}
KEY = {"idempotency_key": "k"}


@pytest.fixture
def call(services):
    bridge = build(services, agent="operator")

    def inner(tool, **arguments):
        async def over():
            async with Client(bridge) as client:
                return await client.call_tool(tool, arguments)

        return asyncio.run(over())

    return inner


def test_good_issue_is_accepted_with_its_canonical_spec(call):
    checked = call("check_issue", body=ISSUE).structured_content
    assert checked["accepted"]
    assert checked["spec"]["algorithm"] == "xgboost"


def test_bad_issue_is_told_every_mistake(call):
    checked = call(
        "check_issue", body=ISSUE.replace("xgboost", "oracle").replace("wine", "no/slash")
    ).structured_content
    assert not checked["accepted"]
    assert len(checked["problems"]) >= 2
    assert all(problem["remedy"] for problem in checked["problems"])


def test_plan_names_phases_and_cost(call):
    plan = call("explain_plan", body=ISSUE).structured_content["plan"]
    assert plan["phases"][0] == "prepare"
    assert plan["estimate"]["total_usd"] > 0


def test_a_rollback_is_shown_on_the_run_whose_version_left(services, monkeypatch):
    from mcp_bridge import server
    from mlops import endpoints
    from mlops.handles import Deployment
    from mlops.phases import deploy

    def rolled_back(services, endpoint):
        endpoints.change(services.ledger, endpoint, rollbacks=[{"what": "rollback", "run": RUN["run_key"]}])
        return Deployment(endpoint=endpoint, config="c", version="v1.0.0", state="in_service", strategy="all_at_once")

    told = []
    monkeypatch.setattr(deploy, "roll_back", rolled_back)
    monkeypatch.setattr(server, "_publish", lambda services, run_key: told.append(run_key))
    bridge = build(services, agent="operator")

    async def over():
        async with Client(bridge) as client:
            return await client.call_tool("roll_back", {"endpoint": "mlops-wine", **KEY})

    assert not asyncio.run(over()).is_error
    assert bridge.reporter.drain(10)
    assert told == [RUN["run_key"]]


def test_run_is_read_from_the_ledger(call, services, record):
    services.ledger.create_run(record)
    assert call("get_run", run_key=record.run_key).structured_content["spec"] == record.spec
    assert len(call("list_runs", limit=5).structured_content["runs"]) == 1


def test_run_from_the_form_is_opened_without_an_issue(call):
    from mlops.spec import dag_params

    parameters = {name: schema["default"] for name, schema in dag_params().items()}
    opened = call("open_run", run_key="ui-1", airflow_run_id="manual__1", parameters=parameters, **KEY)
    assert opened.structured_content["state"] == "started"
    assert opened.structured_content["trigger"] == "ui"


def test_nothing_known_is_an_empty_answer(call):
    assert call("list_watched").structured_content == {"endpoints": []}
    assert call("list_versions", model="wine").structured_content["versions"] == []
    assert call("describe_dataset", dataset="wine").structured_content["current"] is None
    assert call("intake_cursor").structured_content == {"cursor": None}


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("get_run", RUN),
        ("suggest_settings", RUN),
        ("start_preparation", {**RUN, **KEY}),
        ("collect_preparation", {**RUN, **KEY}),
        ("start_training", {**RUN, **KEY}),
        ("collect_training", {**RUN, **KEY}),
        ("start_evaluation", {**RUN, **KEY}),
        ("collect_evaluation", {**RUN, **KEY}),
        ("start_packaging", {**RUN, **KEY}),
        ("collect_packaging", {**RUN, **KEY}),
        ("start_deployment", {**RUN, **KEY}),
        ("follow_deployment", {**RUN, **KEY}),
        ("confirm_deployment", {**RUN, **KEY}),
        ("open_watch", {**RUN, **KEY}),
        ("decide_next", {**RUN, **KEY}),
        ("close_run", {**RUN, **KEY}),
        ("publish_report", {**RUN, **KEY}),
        ("report_failure", {**RUN, "phase": "train", "reason": "r", **KEY}),
        ("record_verdict", {**RUN, "verdict": {"accepted": False, "decision": "invalid"}, **KEY}),
        ("notify", {**RUN, "event": "failed", "text": "t", **KEY}),
        ("describe_endpoint", {"endpoint": "mlops-nothing"}),
        ("roll_back", {"endpoint": "mlops-nothing", **KEY}),
        ("promote", {"endpoint": "mlops-nothing", **KEY}),
        ("start_drift_check", {"endpoint": "mlops-nothing", "check_id": "c", **KEY}),
        ("act_on_drift", {"endpoint": "mlops-nothing", "check_id": "c", **KEY}),
        ("start_scheduled_run", {"schedule": "no", "interval_end": "2026-11-23T00:00:00Z", "backfill": False, **KEY}),
        ("follow_job", {"name": "nothing", "kind": "training"}),
        ("stop_job", {"name": "nothing", "kind": "training", **KEY}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_exist_is_refused_by_name(call, tool, arguments):
    answer = call(tool, **arguments)
    assert answer.is_error
    assert answer.content[0].text.startswith("[refused]"), answer.content[0].text
