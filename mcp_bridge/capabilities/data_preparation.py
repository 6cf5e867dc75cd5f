"""Phase `prepare`: raw objects become versioned splits with a manifest."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from mcp_bridge.tools import IdempotencyKey, RunKey, Tools
from mlops.handles import PreparedData, Submission


class Dataset(BaseModel):
    dataset: str
    raw: list[dict[str, Any]] = Field(description="Raw objects: key and bytes.")
    versions: list[dict[str, Any]] = Field(description="Prepared versions, newest first: rows, features, task.")
    current: str | None = Field(description="The newest complete version.")


def register(tools: Tools) -> None:
    @tools.effect("Start data preparation", reported=True)
    def start_preparation(run_key: RunKey, idempotency_key: IdempotencyKey) -> Submission:
        """Start or adopt the processing job that cleans, encodes and splits the run's data set.

        Then follow_job until it ended, then collect_preparation. `skipped` says that an identical version exists:
        collect at once.
        """
        from mlops.phases import prepare

        return prepare.start(tools.services, run_key)

    @tools.effect("Collect prepared data", reported=True)
    def collect_preparation(run_key: RunKey, idempotency_key: IdempotencyKey) -> PreparedData:
        """Check what the ended job wrote and seal the version with its manifest. Next: start_training.

        user_fault: the data or the settings are wrong, the message says which. platform_fault: start again.
        """
        from mlops.phases import prepare

        return prepare.collect(tools.services, run_key)

    @tools.read("Describe a data set")
    def describe_dataset(
        dataset: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="Its id, e.g. `wine`.")],
    ) -> Dataset:
        """What is known about a data set: its raw objects and the versions prepared from them."""
        from mlops import datasets

        return Dataset.model_validate(datasets.describe(tools.services, dataset))
