"""The AWS twin, one a module, with real workloads; and runs carried through the phases that a test does not test."""

from __future__ import annotations

import json
import random
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mlops import jobs
from mlops.aws import Cloud
from mlops.errors import MlopsError
from mlops.handles import Submission
from mlops.judge import judge
from mlops.phases import deploy, package, prepare, train, validate
from mlops.record import PhaseRecord, RunRecord, Trigger
from mlops.services import Services
from mlops.settings import Settings
from mlops.spec import RunSpec, canonical

QUICK = {"boot_s": 0.02, "stop_grace_s": 0.5, "snapshot_s": 5.0, "capture_flush_s": 60.0}
_PHASES = {"prepare": prepare, "train": train, "validate": validate, "package": package}


@dataclass
class Laptop:
    """Services that reach the twin, and what a test does to it."""

    services: Services
    url: str
    _runs: int = field(default=0)

    def upload(self, dataset: str, rows: int = 150, *, shift: float = 0.0, target: str = "kind") -> None:
        """Two classes of two numbers each, told apart by their sum; equal arguments give equal bytes."""
        chance = random.Random(7)
        lines = [f"a,b,{target}"]
        for row in range(rows):
            middle = 3.0 * (row % 2) + shift
            lines.append(f"{chance.gauss(middle, 1):.4f},{chance.gauss(middle, 1):.4f},{'yes' if row % 2 else 'no'}")
        self.put(f"datasets/{dataset}/raw/data.csv", "\n".join(lines) + "\n")
        self.put(f"datasets/{dataset}/raw/metadata.json", json.dumps({"target": target, "task": "classification"}))

    def put(self, key: str, text: str) -> None:
        self.services.cloud.s3.put_object(Bucket="mlops-bucket", Key=key, Body=text.encode())

    def open_run(
        self, *, created_at: str = "", may_deploy: bool = True, data_as_of: str | None = None, **spec: Any
    ) -> str:
        """A run in the ledger, as the intake would leave it; later runs are younger."""
        self._runs += 1
        key = f"gh-4242-{self._runs}-{self._runs:012x}"
        wanted = {
            "name": "toy",
            "model_type": "supervised_learning",
            "algorithm": "logistic_regression",
            "dataset": {"name": "toy"},
            "deployment": {"target": "sagemaker_endpoint"},
            **spec,
        }
        self.services.ledger.create_run(
            RunRecord(
                run_key=key,
                trigger=Trigger.ISSUE,
                issue=self._runs,
                repository_id=4242,
                spec=canonical(RunSpec.model_validate(wanted)),
                created_at=created_at or f"2026-11-23T{self._runs // 60:02d}:{self._runs % 60:02d}:00Z",
                may_deploy=may_deploy,
                data_as_of=data_as_of,
            )
        )
        return key

    def wait(self, submission: Submission) -> jobs.JobStatus | None:
        """Follow the job until it has ended."""
        if submission.job is None:
            return None
        while True:
            status = jobs.follow(self.services, submission.job.name, submission.job.kind)
            if status.state != "running":
                return status
            time.sleep(0.05)

    def run_phase(self, run_key: str, phase: str) -> Any:
        self.wait(_PHASES[phase].start(self.services, run_key))
        handle = _PHASES[phase].collect(self.services, run_key)
        if phase == "validate":
            self.judge(run_key, handle)
        return handle

    def judge(self, run_key: str, evaluation: Any, **verdict: Any) -> None:
        said = judge(
            evaluation.task, evaluation.metrics, {}, rows=evaluation.rows, seal_intact=evaluation.seal_intact
        ).model_dump(mode="json")
        self.services.ledger.update_run(
            run_key, lambda record: record.model_copy(update={"verdict": {**said, **verdict}})
        )

    def trained_like(self, run_key: str, *, version: bool = True, **fields: Any) -> str:
        """A new run that has the data, model and verdict of `run_key`, packaged anew as a version of its own."""
        known = self.services.ledger.require_run(run_key)
        new = self.open_run(**fields)

        def copy(record: RunRecord) -> RunRecord:
            kept = {phase: known.phases[phase] for phase in ("prepare", "train", "validate")}
            phases = {**{phase: PhaseRecord() for phase in known.phases}, **kept}
            return record.model_copy(update={"phases": phases, "verdict": known.verdict})

        self.services.ledger.update_run(new, copy)
        if version:
            self.run_phase(new, "package")
        return new

    def follow(self, run_key: str, tries: int = 400) -> Any:
        """Follow a deployment until it no longer changes."""
        for _ in range(tries):
            status = deploy.follow(self.services, run_key)
            if status.state != "changing":
                return status
            time.sleep(0.03)
        raise AssertionError(f"still changing: {status}")

    def deploy(self, run_key: str) -> Any:
        deploy.start(self.services, run_key)
        self.follow(run_key)
        return deploy.confirm(self.services, run_key)

    # -- the twin's own addresses --------------------------------------------------------------------------------
    def effects(self, operation: str, name: str = "") -> list[dict[str, Any]]:
        """What really happened, from the twin's log."""
        return self._twin(
            "GET", f"effects?operation={operation}&name={name}" if name else f"effects?operation={operation}"
        )

    def fault(self, **rule: Any) -> None:
        self._twin("POST", "faults", rule)

    def no_faults(self) -> None:
        self._twin("DELETE", "faults")

    def flush(self) -> None:
        self._twin("POST", "flush", {})

    def _twin(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/twin/{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=20) as reply:
            return json.loads(reply.read())

    def killed_at_each_call(self, act: Callable[[], Any], most: int = 200) -> int:
        """Run `act` again and again, dying at the first call to AWS, then at the second, ...; the number of deaths.

        A death is either before the request is sent or after its effect, before anybody hears of it.
        """
        deaths = 0
        for number in range(most):
            with Dying(self.services.cloud, number // 2, after_effect=bool(number % 2)) as dying:
                try:
                    act()
                except Killed:
                    deaths += 1
                except MlopsError:
                    pass
            if not dying.died:
                return deaths
        raise AssertionError("it never ended")


class Killed(BaseException):
    """Our process died here."""


class Dying:
    """Raises Killed at one call to AWS: before it is sent, or after its effect."""

    def __init__(self, cloud: Cloud, at: int, *, after_effect: bool):
        self._clients = [cloud.s3, cloud.sagemaker, cloud.dynamodb, cloud.cloudwatch, cloud.autoscaling]
        self._at, self._after, self._seen, self.died = at, after_effect, 0, False

    def _before(self, **_: Any) -> None:
        if not self._after:
            self._count()

    def _afterwards(self, **_: Any) -> None:
        if self._after:
            self._count()

    def _count(self) -> None:
        self._seen += 1
        if self._seen == self._at + 1:
            self.died = True
            raise Killed

    def __enter__(self) -> Dying:
        for client in self._clients:
            client.meta.events.register("before-call", self._before)
            client.meta.events.register("after-call", self._afterwards)
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.meta.events.unregister("before-call", self._before)
            client.meta.events.unregister("after-call", self._afterwards)


@pytest.fixture(scope="session")
def open_laptop() -> Callable[..., Iterator[Laptop]]:
    """A twin in a folder; keyword arguments are the twin's `images`, then settings."""
    return _open_laptop


def _open_laptop(state_dir: Path, images: Mapping[str, list[str]] | None = None, **settings: Any) -> Iterator[Laptop]:
    from moto.moto_api._internal import moto_api_backend

    from twin.aws import server
    from twin.aws.options import Options

    # moto's state belongs to the process: nothing of another module may be left.
    moto_api_backend.reset()
    keys = {"AWS_ACCESS_KEY_ID": "twin", "AWS_SECRET_ACCESS_KEY": "twin", "AWS_EC2_METADATA_DISABLED": "true"}
    options = Options(**QUICK, **({"images": images} if images else {}))
    with pytest.MonkeyPatch.context() as patch, server.start(state_dir=state_dir, options=options) as running:
        for name, value in keys.items():
            patch.setenv(name, value)
        policy = str(state_dir / "policy.yaml")
        services = Services(Settings(**{"job_poll_interval_s": 0.05, "policy_file": policy, **settings}))
        services.cloud = Cloud(endpoint_url=running.url, region="us-east-1")
        services.ledger.create_table()
        for bucket in services.settings.data_buckets:
            services.cloud.s3.create_bucket(Bucket=bucket)
            services.cloud.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        yield Laptop(services, running.url)
    moto_api_backend.reset()


@pytest.fixture(scope="module")
def laptop(open_laptop: Callable[..., Iterator[Laptop]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """Real workloads; the dataset `toy` is there."""
    folder = tmp_path_factory.mktemp("twin")
    for laptop in open_laptop(folder, canary_step_s=0.0, canary_minimum_requests=5):
        laptop.upload("toy")
        yield laptop
