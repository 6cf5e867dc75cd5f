"""An endpoint changes step by step; each look is a new one."""

from __future__ import annotations

import asyncio

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
    script.on("follow_deployment", status("changing", "Creating"), status("changing", "", v1=0.9, v2=0.1), status(end))
    event = first_event(DeploymentTrigger("gh-1", "deployment"))
    assert event == {"endpoint": "mlops-wine", "state": end, "detail": ""}


def test_no_look_repeats_an_older_answer(bridge_server, script):
    script.on("follow_deployment", status("changing"), status("done"))
    first_event(DeploymentTrigger("gh-1", "deployment"))
    assert len(set(script.keys_of("follow_deployment"))) == 2
