"""A decision that a run takes once: written to the ledger before it is acted upon, and read ever after.

A retry, a second worker or a changed setting in the middle of a run must not change what the run does: the job it
submitted would then differ from the one it would submit now.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlops.errors import Conflict
from mlops.ledger import Ledger


def once(ledger: Ledger, run_key: str, subject: str, decide: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The run's decision on `subject`, e.g. `train`; taken by `decide()` where there is none yet.

    Two callers at the same time both get the decision that was written first.
    """
    item_id = f"decision#{run_key}#{subject}"
    taken = ledger.get_item(item_id)
    if taken:
        return taken.value
    try:
        return ledger.put_item(item_id, decide()).value
    except Conflict:
        return known(ledger, run_key, subject) or {}


def known(ledger: Ledger, run_key: str, subject: str) -> dict[str, Any] | None:
    """The decision if it was taken, else None."""
    taken = ledger.get_item(f"decision#{run_key}#{subject}")
    return taken.value if taken else None
