"""The job's end, and its log on the way."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace

import pytest
from mcp.server.mcpserver.exceptions import ToolError
from triggers import polling
from triggers.jobs import JobTrigger


def status(state="running", lines=(), cursor=None, reason=""):
    return {
        "name": "j", "state": state, "failure_reason": reason, "log_lines": list(lines), "log_cursor": cursor,
        "poll_after_s": 0.01,
    }  # fmt: skip


def first_event(trigger):
    async def inner():
        async for event in trigger.run():
            return event.payload

    return asyncio.run(inner())


@pytest.fixture
def trigger(bridge_server, monkeypatch):
    monkeypatch.setattr(polling, "_PAUSE_S", 0.05)
    return JobTrigger("j", "training", "training")


def test_fires_when_the_job_has_ended(trigger, script):
    script.on("follow_job", status(), status("failed", reason="UserError: no column"))
    assert first_event(trigger) == {"name": "j", "state": "failed", "reason": "UserError: no column"}


def test_new_log_lines_are_logged_once(trigger, script):
    script.on("follow_job", status(lines=["a", "b"], cursor="2"), status(cursor="2"), status("succeeded", ["c"], "3"))
    # Airflow gives each running trigger a logger of its own; here it is a list.
    logged = []
    trigger._log = SimpleNamespace(info=lambda text, *parts: logged.append(text % parts))
    first_event(trigger)
    assert logged == ["a", "b", "c"]
    assert [asked["log_cursor"] for _, asked in script.asked] == [None, "2", "2"]


def test_server_that_is_away_or_at_fault_is_waited_for(trigger, script, bridge_server):
    script.on("follow_job", ToolError("[unavailable] Throttled. Wait."), status("succeeded"))
    bridge_server.stop()
    restart = threading.Timer(0.3, bridge_server.start)
    restart.start()
    assert first_event(trigger)["state"] == "succeeded"
    restart.join()


def test_refusal_ends_the_wait_so_that_the_task_can_say_why(trigger, script):
    script.on("follow_job", ToolError("[refused] There is no training job j. Start it."))
    assert first_event(trigger)["state"] == "refused"


def test_user_who_kills_the_task_stops_the_job(trigger, script):
    script.on("stop_job", {})
    asyncio.run(trigger.on_kill())
    assert script.asked == [("stop_job", {"name": "j", "kind": "training", "idempotency_key": "stop/j"})]


def test_what_is_stored_holds_no_token(trigger):
    path, kwargs = trigger.serialize()
    assert path == "triggers.jobs.JobTrigger"
    assert "token" not in str(kwargs)
    assert JobTrigger(**kwargs).serialize() == (path, kwargs)
