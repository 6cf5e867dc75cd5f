"""An endpoint changes step by step; each look is a new one."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from triggers.deployments import DeploymentTrigger


def status(state, detail="", **traffic):
    return {"endpoint": "mlops-wine", "state": state, "detail": detail, "traffic": traffic, "poll_after_s": 0.01}


def first_event(trigger):
    async def inner():
        async for event in trigger.run():
            return event.payload

    return asyncio.run(inner())


@pytest.mark.parametrize("end", ["done", "failed"])
def test_fires_when_the_change_has_ended(bridge_server, script, end):
    script.on("follow_deployment", status("changing", "Creating"), status("changing", "", v1=90.0), status(end))
    event = first_event(DeploymentTrigger("gh-1", "deployment"))
    assert event == {"endpoint": "mlops-wine", "state": end, "detail": ""}


def test_no_look_repeats_an_older_answer(bridge_server, script):
    script.on("follow_deployment", status("changing"), status("done"))
    first_event(DeploymentTrigger("gh-1", "deployment"))
    assert len(set(script.keys_of("follow_deployment"))) == 2


def test_the_log_shows_the_traffic_in_per_cent(bridge_server, script):
    script.on("follow_deployment", status("changing", "moving", v1=90.0, v2=10.0), status("done"))
    trigger, logged = DeploymentTrigger("gh-1", "deployment"), []
    # Airflow gives each running trigger a logger of its own; here it is a list.
    trigger._log = SimpleNamespace(info=lambda text, *parts: logged.append(text % parts))
    first_event(trigger)
    assert logged[0] == "mlops-wine moving (v1 90 %, v2 10 %)"
