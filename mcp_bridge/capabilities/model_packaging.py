"""Phase `package`: archive, API document, registry entry, version number."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from mcp_bridge.tools import IdempotencyKey, RunKey, Tools
from mlops.handles import ModelVersion, Submission


class Versions(BaseModel):
    model: str
    versions: list[dict[str, Any]] = Field(description="Newest first: version, metrics, run key, package.")


def register(tools: Tools) -> None:
    @tools.effect("Start packaging", reported=True)
    def start_packaging(run_key: RunKey, idempotency_key: IdempotencyKey) -> Submission:
        """Start or adopt the job that builds model.tar.gz with inference code, API document and hashes.

        Needs an accepted verdict. Then follow_job until it ended, then collect_packaging.
        """
        from mlops.phases import package

        return package.start(tools.services, run_key)

    @tools.effect("Register the package", reported=True)
    def collect_packaging(run_key: RunKey, idempotency_key: IdempotencyKey) -> ModelVersion:
        """Verify the archive and register it under the run's semantic version. Next: start_deployment."""
        from mlops.phases import package

        return package.collect(tools.services, run_key)

    @tools.read("List model versions")
    def list_versions(
        model: Annotated[
            str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,95}$", description="`spec.name` of a run, or its model id.")
        ],
    ) -> Versions:
        """Registered versions of a model, with their metrics and the runs they came from."""
        from mlops import identity, versions

        return Versions(model=model, versions=versions.list_versions(tools.services, identity.model_id(model)))
