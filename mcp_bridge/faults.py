"""The one place where errors of the control plane become tool errors that say what to do next."""

from __future__ import annotations

from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from pydantic import ValidationError

from mlops import errors
from mlops.masking import masked

# Most special first. The word is for machines (the Airflow hook reads it), the sentence for whoever calls.
_KINDS: tuple[tuple[type[Exception], str, str], ...] = (
    (errors.IssueRejected, "rejected", "Correct each as it says; nothing was started."),
    (errors.UserFault, "user_fault", "Change the data or the settings it names; trying again as it is fails again."),
    (errors.PlatformFault, "platform_fault", "Call again; three retries at most are made for one job."),
    (errors.RequestRefused, "refused", "Do not repeat the call unchanged."),
    (errors.Unavailable, "unavailable", "Wait some seconds, then repeat the call with the same idempotency_key."),
    (errors.Conflict, "conflict", "Read the current state (get_run, describe_endpoint) before deciding anew."),
    (errors.MlopsError, "platform_fault", "Call again; if it stays, look into the log of the MCP server."),
)


def as_tool_error(error: errors.MlopsError) -> ToolError:
    """`[word] what happened. What to do next.`"""
    word, remedy = next((word, remedy) for kind, word, remedy in _KINDS if isinstance(error, kind))
    return ToolError(masked(f"[{word}] {_sentence(_told(error))} {remedy}"))


def cleaned(error: ToolError, tool: str) -> ToolError:
    """The SDK's error with our word in front: its own prefix removed, crashes and bad arguments named."""
    if isinstance(error, UnexpectedToolError):
        return UnexpectedToolError(
            f"[internal] {tool} met a defect of ours. Call it once more with the same idempotency_key; "
            "if it stays, the traceback is in the log of the MCP server."
        )
    text = masked(str(error)).removeprefix(f"Error executing tool {tool}: ")
    if isinstance(error.__cause__, ValidationError):
        return ToolError(f"[bad_arguments] {_problems(error.__cause__)} Correct them after the tool's input schema.")
    return ToolError(text if text.startswith("[") else f"[refused] {_sentence(text)}")


def _told(error: errors.MlopsError) -> str:
    if isinstance(error, errors.IssueRejected):
        lines = (
            f"{'' if p.line is None else f'line {p.line}, '}{p.field}: {p.message} {p.remedy}" for p in error.problems
        )
        return "This cannot become a run: " + "; ".join(lines)
    return str(error) or type(error).__name__


def _problems(invalid: ValidationError) -> str:
    # The rejected values are the caller's data: name fields and reasons only.
    found = (f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in invalid.errors(include_input=False))
    return _sentence("; ".join(found))


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."
