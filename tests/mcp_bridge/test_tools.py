"""What every tool gets for being registered: threads, errors with remedies, kept answers, signs of life."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest
from mcp import Client

from mcp_bridge import tools
from mcp_bridge.auth import Caller
from mcp_bridge.bridge import Bridge
from mcp_bridge.reporting import Reporter
from mcp_bridge.tools import IdempotencyKey, RunKey, Tools
from mlops import errors
from mlops.acting import Actor, actor
from mlops.errors import Problem
from mlops.handles import PhaseProgress
from mlops.record import PhaseState
from mlops.telemetry.lines import JsonLines


@pytest.fixture
def told():
    """Run keys that were published."""
    return []


@pytest.fixture
def empty(services, told):
    bridge = Bridge(local=Caller.of("operator"), reporter=Reporter(told.append))
    return Tools(bridge, services, "model_training", bridge.reporter)


def call(bridge, tool, arguments, **options):
    async def inner():
        async with Client(bridge) as client:
            return await client.call_tool(tool, arguments, **options)

    return asyncio.run(inner())


def done(message):
    return PhaseProgress(phase="train", state=PhaseState.SUCCEEDED, message=message)


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (errors.UserFault("Column `target` is missing."), "user_fault"),
        (errors.PlatformFault("No capacity."), "platform_fault"),
        (errors.RequestRefused("Not allowed."), "refused"),
        (errors.Unavailable("Throttled."), "unavailable"),
        (errors.Conflict("Taken."), "conflict"),
        (errors.IssueRejected([Problem(3, "epochs", "out_of_range", "0 given.", "Choose 1 to 300.")]), "rejected"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_error_says_what_happened_and_what_to_do_next(empty, error, word):
    @empty.read("Fail")
    def fail(run_key: RunKey) -> PhaseProgress:
        """Fails."""
        raise error

    answer = call(empty.server, "fail", {"run_key": "gh-1"})
    text = answer.content[0].text
    assert answer.is_error
    assert text.startswith(f"[{word}] ")
    assert len(text) > len(str(error)) + len(word) + 10


def test_crash_shows_nothing_of_itself(empty):
    @empty.read("Crash")
    def crash(run_key: RunKey) -> PhaseProgress:
        """Crashes."""
        raise RuntimeError("password=hunter2")

    answer = call(empty.server, "crash", {"run_key": "gh-1"})
    assert answer.content[0].text.startswith("[internal] ")
    assert "hunter2" not in answer.content[0].text


def test_bad_arguments_are_named_without_their_values(empty):
    @empty.read("Look")
    def look(run_key: RunKey) -> PhaseProgress:
        """Looks."""
        return done("")

    text = call(empty.server, "look", {"run_key": "no/slash"}).content[0].text
    assert text.startswith("[bad_arguments] run_key")
    assert "no/slash" not in text


def test_repeated_effect_gives_the_same_structured_answer(empty):
    acts = []

    @empty.effect("Act")
    def act(run_key: RunKey, idempotency_key: IdempotencyKey) -> PhaseProgress:
        """Acts."""
        acts.append(run_key)
        return done(f"{len(acts)}")

    asked = {"run_key": "gh-1", "idempotency_key": "k"}
    first, second = call(empty.server, "act", asked), call(empty.server, "act", asked)
    assert first.structured_content == second.structured_content
    assert acts == ["gh-1"]
    assert call(empty.server, "act", {**asked, "run_key": "gh-2"}).content[0].text.startswith("[refused]")


def test_failed_effect_may_be_repeated_with_its_key(empty):
    outcomes = [errors.PlatformFault("capacity"), None]

    @empty.effect("Act")
    def act(run_key: RunKey, idempotency_key: IdempotencyKey) -> PhaseProgress:
        """Acts."""
        if fault := outcomes.pop(0):
            raise fault
        return done("ok")

    asked = {"run_key": "gh-1", "idempotency_key": "k"}
    assert call(empty.server, "act", asked).is_error
    assert call(empty.server, "act", asked).structured_content["message"] == "ok"


def test_long_call_reports_progress(empty, monkeypatch):
    monkeypatch.setattr(tools, "_HEARTBEAT_S", 0.01)
    seen, heard = [], threading.Event()

    @empty.read("Wait")
    def wait(run_key: RunKey) -> PhaseProgress:
        """Waits for a sign that somebody heard of it."""
        assert heard.wait(10)
        return done("ok")

    async def listen(progress, total, message):
        seen.append(message)
        heard.set()

    answer = call(empty.server, "wait", {"run_key": "gh-1"}, progress_callback=listen)
    assert answer.structured_content["message"] == "ok"
    assert seen[0].startswith("wait is at work")


def test_calls_run_side_by_side(empty):
    meet = threading.Barrier(8, timeout=10)

    @empty.read("Meet")
    def meeting(run_key: RunKey) -> PhaseProgress:
        """Needs eight at a time."""
        meet.wait()
        return done("met")

    async def together():
        async with Client(empty.server) as client:
            return await asyncio.gather(*(client.call_tool("meeting", {"run_key": f"gh-{n}"}) for n in range(8)))

    assert all(not answer.is_error for answer in asyncio.run(together()))


def test_log_line_names_tool_agent_and_run(empty, caplog):
    @empty.read("Look")
    def look(run_key: RunKey) -> PhaseProgress:
        """Looks."""
        return done("")

    with caplog.at_level("INFO", logger="mcp_bridge.calls"):
        call(empty.server, "look", {"run_key": "gh-1"})
    event = json.loads(JsonLines().format(caplog.records[-1]))
    assert (event["tool"], event["agent"], event["run_key"]) == ("look", "operator", "gh-1")
    assert event["ms"] >= 0


def test_step_that_moves_a_run_is_reported_also_when_it_fails(empty, told):
    outcomes = [errors.UserFault("no column"), None]

    @empty.effect("Act", reported=True)
    def act(run_key: RunKey, idempotency_key: IdempotencyKey) -> PhaseProgress:
        """Acts."""
        if fault := outcomes.pop(0):
            raise fault
        return done("ok")

    for _ in range(2):
        call(empty.server, "act", {"run_key": "gh-1", "idempotency_key": "k"})
        assert empty.reporter.drain(10)
    assert told == ["gh-1", "gh-1"]


@pytest.mark.parametrize(("caller", "acts"), [("data_preparation", "data_preparation"), ("operator", "training")])
def test_tool_acts_as_its_caller_and_for_people_as_the_capabilitys_agent(services, caller, acts):
    """follow_job is granted to data_preparation, too: it looks after its jobs with its own role."""
    bridge = Bridge(local=Caller.of(caller), reporter=Reporter(lambda run_key: None))
    acted = []

    @Tools(bridge, services, "model_training", bridge.reporter).read("Follow")
    def follow_job(run_key: RunKey) -> PhaseProgress:
        """Follows."""
        acted.append(actor())
        return done("")

    call(bridge, "follow_job", {"run_key": "gh-1-2"})
    assert acted == [Actor(acts, "gh-1-2")]
    assert actor() is None


def test_call_that_is_about_no_run_is_named_after_its_tool(empty):
    acted = []

    @empty.read("Look")
    def look() -> PhaseProgress:
        """Looks."""
        acted.append(actor())
        return done("")

    call(empty.server, "look", {})
    assert acted == [Actor("training", "look")]
