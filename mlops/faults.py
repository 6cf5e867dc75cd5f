"""Whose fault a failed job is: the requester's, never retried, or the platform's, worth another try."""

from __future__ import annotations

import re
from typing import Literal

Culprit = Literal["user", "platform"]
"""Who can mend a failure."""
Fault = Literal["none", Culprit]

_PLATFORM = re.compile(
    r"InternalError:|InternalServerError|CapacityError|InsufficientCapacity|ResourceLimitExceeded|Throttl|"
    r"[Ss]pot|[Ii]nterrupt|NodeFailure|ServiceUnavailable|[Pp]lease (try|retry)|"
    r"exit code:? ?(137|139|143|255)\b"
)
_WRAPPED_BEHIND = re.compile(
    r"\s*\(AlgorithmError: See job logs for more information, exit code: \d+\)$|, exit code: 2$"
)
"""What follows a workload's own words; other exit codes than that of a user's mistake tell something."""
_TOLD_OF_REQUESTER = re.compile(r"\[(user_fault|rejected)\] ")
_USER = re.compile(r"ClientError|MaxRuntimeExceeded|ValidationException|exit code:? ?2\b")


def classify(failure_reason: str) -> Fault:
    """Read SageMaker's `FailureReason` (or the job's own exit message).

    What the workload says about itself comes first: `UserError:` is the requester's, `InternalError:` ours. Then
    what SageMaker is known to say; a reason that nobody knows is worth another try.

    >>> classify("AlgorithmError: UserError: target: no column 'y', exit code: 2")
    'user'
    """
    if not failure_reason.strip():
        return "platform"
    if "UserError:" in failure_reason:
        return "user"
    if _PLATFORM.search(failure_reason):
        return "platform"
    if _USER.search(failure_reason):
        return "user"
    return "platform"


def fault_told(refusal: str) -> Culprit:
    """Whose fault the error of a tool is, by the word in front of it. A word that nobody knows is not the requester's.

    >>> fault_told("[user_fault] No column `y`. Change the data.")
    'user'
    """
    return "user" if _TOLD_OF_REQUESTER.match(refusal) else "platform"


def in_plain_words(failure_reason: str, limit: int = 600) -> str:
    """The part of a reason that a person wants: SageMaker's wrapping taken off, cut at `limit` characters."""
    text = re.sub(r"^\s*(AlgorithmError:\s*)+", "", failure_reason).strip()
    text = re.sub(r"^ExecuteUserScriptError:\s*", "", text)
    text = re.sub(r"^(UserError|InternalError):\s*", "", text)
    text = _WRAPPED_BEHIND.sub("", text) or text
    return text if len(text) <= limit else text[: limit - 1] + "…"
