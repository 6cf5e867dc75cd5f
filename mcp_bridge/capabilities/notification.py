"""Messages to people, by Slack, mail and page."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from mcp_bridge.tools import IdempotencyKey, RunKey, Tools


class Delivery(BaseModel):
    channels: list[str] = Field(description="Where the message went.")


def register(tools: Tools) -> None:
    @tools.effect("Notify people")
    def notify(
        run_key: RunKey,
        event: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,40}$", description="Kind of news, e.g. `below-threshold`.")],
        text: Annotated[str, Field(min_length=1, max_length=4000, description="What to say; a link to the run is added.")],
        idempotency_key: IdempotencyKey,
    ) -> Delivery:
        """Tell the people who follow this run. Phases and close_run notify by themselves; use it for the unforeseen."""
        return Delivery(channels=tools.services.notifier.notify(tools.services, run_key, event, text))
