"""Messages to people, by Slack, mail and page."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mcp_bridge.tools import IdempotencyKey, RunKey, Tools
from mlops.notify import Delivery, Event


def register(tools: Tools) -> None:
    @tools.effect("Notify people")
    def notify(
        run_key: RunKey,
        event: Annotated[Event, Field(description="Kind of news; `failed` and `drift` also page somebody.")],
        text: Annotated[
            str, Field(min_length=1, max_length=4000, description="What to say; a link to the run is added.")
        ],
        idempotency_key: IdempotencyKey,
    ) -> Delivery:
        """Tell the people who follow this run, once for each key, on every channel that is set up.

        close_run and drift checks tell by themselves; use this for the unforeseen. What could not be sent is kept
        and sent later.
        """
        from mlops import report, runs
        from mlops.notify import Message, deliver

        record = tools.services.ledger.require_run(run_key)
        message = Message(
            event=event,
            key=f"{run_key}/{idempotency_key}",
            incident=run_key,
            title=report.title(record),
            text=text,
            url=runs.issue_url(tools.services, record),
        )
        return deliver(tools.services, message)
