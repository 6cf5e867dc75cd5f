"""Step Functions: a definition's check and the list of published versions, which moto does not know."""

from __future__ import annotations

import json

from twin.aws.twin import Answer, Request, Twin


def validate(twin: Twin, request: Request) -> Answer:
    """Only what would keep a machine from being read: JSON, a first state, states that exist."""
    try:
        definition = json.loads(request["definition"])
    except ValueError as wrong:
        return _result("INVALID_JSON_DESCRIPTION", str(wrong))
    states = definition.get("States", {}) if isinstance(definition, dict) else {}
    named = [definition.get("StartAt"), *(state["Next"] for state in states.values() if "Next" in state)]
    missing = [name for name in named if name not in states]
    return _result("MISSING_TRANSITION_TARGET", f"No state is called {missing[0]}") if missing else _result()


def _result(code: str = "", message: str = "") -> Answer:
    found = [{"severity": "ERROR", "code": code, "message": message}] if code else []
    return {"result": "FAIL" if found else "OK", "diagnostics": found, "truncated": False}


def versions(twin: Twin, request: Request) -> Answer:
    return {"stateMachineVersions": []}


OPERATIONS = {"ValidateStateMachineDefinition": validate, "ListStateMachineVersions": versions}
