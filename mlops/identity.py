"""Who a run is: revision, run key and every name derived from them, in one place."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Phase(StrEnum):
    """The seven phases, in order; the same word in every layer."""

    PREPARE = "prepare"
    TRAIN = "train"
    VALIDATE = "validate"
    PACKAGE = "package"
    DEPLOY = "deploy"
    MONITOR = "monitor"
    RETRAIN = "retrain"


REVISION_LENGTH = 12
JOB_NAME_LENGTH = 63
"""SageMaker's limit for job, endpoint and model names."""


def canonical_json(value: Any) -> str:
    """The one spelling of a JSON value: sorted keys, no blanks, no NaN. Hash this, never `str(dict)`."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any, length: int = 64) -> str:
    """First `length` hex digits of SHA-256 over the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:length]


def revision(repository_id: int, issue: int, canonical_spec: Mapping[str, Any]) -> str:
    """Twelve hex digits naming what an issue means. Cosmetic edits of the body do not change it."""
    return digest([repository_id, issue, canonical_spec], REVISION_LENGTH)


_RUN_KEY = re.compile(
    r"gh-(?P<repository_id>\d+)-(?P<issue>\d+)-(?P<revision>[0-9a-f]{12})"
    r"(?:-m(?P<rerun>\d+))?(?:-r(?P<retraining>\d+))?"
)


@dataclass(frozen=True)
class RunKey:
    """The name of one run started by an issue; also its Airflow run id.

    `retraining` counts re-tunings by comment (`-r1` to `-r3`); `rerun` is a person's explicit re-run
    (`-m1`, `-m2`, ...).
    """

    repository_id: int
    issue: int
    revision: str
    retraining: int = 0
    rerun: int = 0

    def __str__(self) -> str:
        key = f"gh-{self.repository_id}-{self.issue}-{self.revision}"
        if self.rerun:
            key += f"-m{self.rerun}"
        if self.retraining:
            key += f"-r{self.retraining}"
        return key

    @classmethod
    def parse(cls, text: str) -> RunKey | None:
        """The run key in `text`, or None where it is none (a run started from the Airflow UI)."""
        match = _RUN_KEY.fullmatch(text)
        if not match:
            return None
        found = match.groupdict()
        return cls(
            repository_id=int(found["repository_id"]),
            issue=int(found["issue"]),
            revision=found["revision"],
            retraining=int(found["retraining"] or 0),
            rerun=int(found["rerun"] or 0),
        )


def key_for_airflow_run(run_id: str) -> str:
    """The run key of an Airflow run: its id where that is fit to be one, else a hash of it.

    Runs started from the UI are called `manual__2026-11-23T10:00:00+00:00`, which fits no SageMaker name.
    """
    if re.fullmatch(r"(gh|sched|data|drift|ui)-[a-z0-9-]{1,120}", run_id):
        return run_id
    return f"ui-{hashlib.sha256(run_id.encode()).hexdigest()[:REVISION_LENGTH]}"


def slug(text: str) -> str:
    """Lower-case letters, digits and single hyphens, as SageMaker names allow."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def bounded_name(*parts: str, limit: int = JOB_NAME_LENGTH) -> str:
    """A deterministic name of at most `limit` characters; a longer one is cut and told apart by hash."""
    name = slug("-".join(parts))
    if len(name) <= limit:
        return name
    tail = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: limit - 9].rstrip('-')}-{tail}"


def job_name(run_key: str, phase: Phase, attempt: int = 1, step: str = "") -> str:
    """The SageMaker job of one (run, phase, step, attempt). Attempts count from 1."""
    tail = "-".join(part for part in (phase.value, step, f"t{attempt}") if part)
    head = bounded_name(run_key, limit=JOB_NAME_LENGTH - len(tail) - 1)
    return f"{head}-{tail}"


def model_id(name: str) -> str:
    """The registry group, S3 folder and endpoint stem of a model, from `spec.name`."""
    return bounded_name(name, limit=48)


def endpoint_name(model: str) -> str:
    """One endpoint a model; its versions follow one another on it."""
    return bounded_name("mlops", model)
