"""What the ledger knows of each endpoint: which version serves, since when, by which run's token."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mlops.errors import RequestRefused
from mlops.ledger import Ledger, endpoint_item


class Serving(BaseModel):
    """One version on an endpoint, as it was proved to answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    run_key: str
    config: str = Field(description="EndpointConfig name.")
    model_uri: str = Field(description="The packaged archive.")
    package_arn: str = ""
    dataset: str = ""
    dataset_version: str = ""
    evaluation_uri: str = ""
    since: str


class EndpointRecord(BaseModel):
    """Everything we know about an endpoint. `token` is the fence: an older run's write is refused."""

    model_config = ConfigDict(extra="forbid")

    endpoint: str
    model: str = ""
    token: str = Field("", description="When the run that changes or changed the endpoint last was created.")
    token_run: str = ""
    serving: Serving | None = None
    previous: Serving | None = Field(None, description="What a rollback returns to.")
    challenger: Serving | None = Field(None, description="The other side of an A/B test, until a person decides.")
    watch: dict[str, Any] | None = None
    drift: dict[str, Any] | None = Field(None, description="The last drift check: id, when, report.")
    edge_cases: dict[str, Any] | None = Field(
        None, description="Frames that people were asked to label: the last check, when, its issue, all fingerprints."
    )
    rollbacks: list[dict[str, str]] = Field(default_factory=list, description="The last ten, newest first.")


def read(ledger: Ledger, endpoint: str) -> EndpointRecord | None:
    item = ledger.get_item(endpoint_item(endpoint))
    return EndpointRecord.model_validate(item.value) if item else None


def require(ledger: Ledger, endpoint: str) -> EndpointRecord:
    record = read(ledger, endpoint)
    if record is None:
        known = ", ".join(one.endpoint for one in list_all(ledger)) or "none yet"
        raise RequestRefused(f"There is no endpoint {endpoint}; known are: {known}.")
    return record


def list_all(ledger: Ledger) -> list[EndpointRecord]:
    return [EndpointRecord.model_validate(item.value) for item in ledger.list_items("endpoint")]


def change(ledger: Ledger, endpoint: str, **fields: Any) -> EndpointRecord:
    """Set fields of the record, made where there is none; models are given as such."""
    plain = {
        name: value.model_dump(mode="json") if isinstance(value, BaseModel) else value for name, value in fields.items()
    }

    def apply(value: dict[str, Any]) -> dict[str, Any]:
        known = EndpointRecord.model_validate(value or {"endpoint": endpoint})
        return EndpointRecord.model_validate({**known.model_dump(mode="json"), **plain}).model_dump(mode="json")

    return EndpointRecord.model_validate(ledger.change_item(endpoint_item(endpoint), apply))


def fence(
    ledger: Ledger, endpoint: str, model: str, run_key: str, created_at: str, *, by_person: bool = False
) -> EndpointRecord:
    """Take the endpoint's token for a run; a run created before the one that holds it is refused.

    `by_person`: somebody decides about the endpoint now; that is newer than any run there is.

    Raises:
        RequestRefused: a newer run has changed or is changing this endpoint.
    """

    def take(value: dict[str, Any]) -> dict[str, Any]:
        known = EndpointRecord.model_validate(value or {"endpoint": endpoint, "model": model})
        ours, theirs = (_moment(created_at), run_key), (_moment(known.token or created_at), known.token_run)
        if ours < theirs and by_person:
            return known.model_copy(update={"token_run": run_key}).model_dump(mode="json")
        if ours < theirs:
            raise RequestRefused(
                f"Endpoint {endpoint} was changed by the newer run {known.token_run} (created {known.token}); this run "
                f"(created {created_at}) may not replace it."
            )
        known.token, known.token_run, known.model = created_at, run_key, model
        return known.model_dump(mode="json")

    return EndpointRecord.model_validate(ledger.change_item(endpoint_item(endpoint), take))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
