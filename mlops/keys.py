"""Where things lie in object storage: the only module that spells a key (specification 5.4)."""

from __future__ import annotations

import re

_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


def _join(*segments: str) -> str:
    for segment in segments:
        if not _SEGMENT.fullmatch(segment) or ".." in segment:
            raise ValueError(f"{segment!r} cannot be part of a storage key")
    return "/".join(segments)


def uri(bucket: str, key: str) -> str:
    return f"s3://{bucket}/{key}"


def split_uri(s3_uri: str) -> tuple[str, str]:
    """(bucket, key) of an `s3://` address; the key has no leading slash."""
    bucket, _, key = s3_uri.removeprefix("s3://").partition("/")
    return bucket, key


# datasets/{dataset_id}/...
def raw_prefix(dataset: str) -> str:
    return _join("datasets", dataset, "raw") + "/"


def processed_pointer(dataset: str) -> str:
    """Names the newest prepared version; the version folders hold the data."""
    return _join("datasets", dataset, "processed", "current.json")


def dataset_version_prefix(dataset: str, version: str) -> str:
    return _join("datasets", dataset, "versions", version) + "/"


def dataset_manifest(dataset: str, version: str) -> str:
    """Written last: a version without it is not complete and is never read."""
    return dataset_version_prefix(dataset, version) + "manifest.json"


def snapshot_prefix(dataset: str, version: str) -> str:
    """Raw objects as they were at a past moment, for runs with `data_as_of`."""
    return dataset_version_prefix(dataset, version) + "raw/"


# models/{model_id}/{version}/...
def model_version_prefix(model: str, version: str) -> str:
    return _join("models", model, version) + "/"


def training_output_prefix(model: str) -> str:
    """SageMaker appends `{job}/output/model.tar.gz`."""
    return _join("models", model, "training") + "/"


# evaluations/{training_id}/...
def evaluation_prefix(training_id: str) -> str:
    return _join("evaluations", training_id) + "/"


# logs/{training_id}/...
def run_file(training_id: str, phase: str) -> str:
    """What a job is told: the canonical spec and the names around it."""
    return _join("logs", training_id, phase, "run.json")


def job_report_prefix(training_id: str, phase: str) -> str:
    """What a job reports about itself beside its product."""
    return _join("logs", training_id, phase, "report") + "/"


def issue_body(training_id: str) -> str:
    """The raw text of the issue, kept as evidence; never parsed again."""
    return _join("logs", training_id, "issue.md")


# monitoring lies below logs/: it belongs to an endpoint, not to a run
def capture_prefix(endpoint: str) -> str:
    """SageMaker appends `{endpoint}/{variant}/yyyy/mm/dd/hh/*.jsonl`."""
    return _join("logs", endpoint, "capture") + "/"


def drift_prefix(endpoint: str, check: str) -> str:
    return _join("logs", endpoint, "drift", check) + "/"


# the repository's own tree
def history_path(year: int, run_key: str, suffix: str) -> str:
    return _join("training_history", str(year), f"{run_key}.{suffix}")


def history_asset(year: int, run_key: str, name: str) -> str:
    return _join("training_history", str(year), run_key, name)
