"""One run as the phases see it: its record, its spec, and the names that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mlops import keys
from mlops.errors import UserFault
from mlops.identity import endpoint_name, model_id
from mlops.objects import write_json
from mlops.record import RunRecord
from mlops.services import Services
from mlops.spec.model import Dataset, RunSpec


@dataclass(frozen=True)
class Run:
    record: RunRecord

    @property
    def key(self) -> str:
        return self.record.run_key

    @cached_property
    def spec(self) -> RunSpec:
        return RunSpec.model_validate(self.record.spec)

    @property
    def dataset(self) -> Dataset:
        if self.spec.dataset is None:
            raise UserFault(f"dataset: {self.spec.algorithm} needs one; name it under `dataset.name`.")
        return self.spec.dataset

    @property
    def model(self) -> str:
        return model_id(self.spec.name)

    @property
    def endpoint(self) -> str:
        return endpoint_name(self.model)

    def document(self, phase: str, **facts: Any) -> dict[str, Any]:
        """`run.json`: what a job is told. `facts` add or replace fields, e.g. `task`, `version`, `dataset_version`."""
        return {
            "run_key": self.key,
            "training_id": self.key,
            "phase": phase,
            "model_id": self.model,
            "version": "",
            "spec": self.record.spec,
            "dataset_version": "",
            "data_as_of": self.record.data_as_of,
            "task": self.spec.task,
            **facts,
        }


def upload_document(services: Services, run_key: str, phase: str, document: dict[str, Any]) -> None:
    """Put `run.json` where the job of this run and phase looks for it; the same document gives the same bytes."""
    write_json(services.cloud, document_uri(services, run_key, phase), document)


def document_uri(services: Services, run_key: str, phase: str) -> str:
    return keys.uri(services.settings.bucket, keys.run_file(run_key, phase))
