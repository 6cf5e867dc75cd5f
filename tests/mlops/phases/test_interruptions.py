"""Our process dies at each call to AWS, before and after its effect: one job, one version, no lost result."""

from __future__ import annotations

import dataclasses
import sys

import pytest

from mlops.errors import PlatformFault, RequestRefused, Unavailable
from mlops.phases import package, prepare, train, validate
from mlops.record import PhaseState

JOB = """
import json, os, pathlib, sys
base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
out = base / "processing" / "output"
def write(path, document):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
run = next(base.rglob("run.json"))
phase = json.loads(run.read_text())["phase"]
if phase == "prepare":
    write(out / "dataset" / "features.json", {"columns": [], "task": "classification"})
    size = (out / "dataset" / "features.json").stat().st_size
    write(out / "report" / "manifest.json", {"files": {"features.json": {"bytes": size, "sha256": ""}},
        "task": "classification", "target": "y", "classes": ["a", "b"], "features": 1, "rows": {"test": 20}})
    for split in ("train", "validation", "test"):
        write(out / "dataset" / split / "data.parquet", {})
elif phase == "train":
    write(base / "model" / "training_log.json", {})
elif phase == "validate":
    write(out / "evaluation" / "results.json", {"task": "classification", "metrics": {"f1": 0.9}, "rows": 20,
        "seal_intact": True})
"""


@pytest.fixture(scope="module")
def quick(open_laptop, tmp_path_factory):
    """Jobs that leave next to nothing, and take no time."""
    job = [sys.executable, "-S", "-c", JOB]
    yield from open_laptop(tmp_path_factory.mktemp("twin"), images={"mlops-processing": job, "mlops-training": job})


def carry(quick, phase, run: str):
    def through() -> None:
        quick.wait(phase.start(quick.services, run))
        phase.collect(quick.services, run)

    return through


def test_one_job_a_phase_wherever_we_die(quick):
    quick.upload("toy")
    run = quick.open_run()
    processing, training = "CreateProcessingJob", "CreateTrainingJob"
    for phase, operation in ((prepare, processing), (train, training), (validate, processing)):
        before = len(quick.effects(operation))
        deaths = quick.killed_at_each_call(carry(quick, phase, run))
        assert deaths > 10
        assert len(quick.effects(operation)) == before + 1, phase.__name__
        record = quick.services.ledger.get_run(run).phases[phase.__name__.rpartition(".")[2]]
        assert (record.state, len(record.jobs)) == (PhaseState.SUCCEEDED, 1)


@pytest.mark.parametrize("fault", ["lost_reply", "500_after_effect", "500", "throttle"])
def test_a_create_whose_reply_does_not_come_makes_one_job(quick, fault):
    quick.upload(f"toy-{fault[:4]}".replace("_", "-"))
    run = quick.open_run(dataset={"name": f"toy-{fault[:4]}".replace("_", "-")})
    quick.fault(fault=fault, op="CreateProcessingJob", count=1)
    try:
        submission = prepare.start(quick.services, run)
    finally:
        quick.no_faults()
    quick.wait(submission)
    prepare.collect(quick.services, run)
    assert len(quick.effects("CreateProcessingJob", submission.job.name)) == 1


def test_a_service_that_stays_silent_is_unavailable_and_the_next_try_finds_the_job(quick):
    quick.upload("silent")
    run = quick.open_run(dataset={"name": "silent"})
    quick.fault(fault="500_after_effect", op="CreateProcessingJob", count=1)
    quick.fault(fault="500", op="DescribeProcessingJob", after=1, count=-1)
    try:
        with pytest.raises(Unavailable):
            prepare.start(quick.services, run)
    finally:
        quick.no_faults()
    again = prepare.start(quick.services, run)
    assert again.job.adopted is True
    quick.wait(again)
    assert prepare.collect(quick.services, run).version == "v1.0.0"


def test_a_changed_setting_in_the_middle_of_a_run_changes_nothing_for_it(quick):
    quick.upload("steady", rows=20)
    run = quick.open_run(dataset={"name": "steady"})
    first = prepare.start(quick.services, run)
    before = quick.services.settings
    quick.services.settings = dataclasses.replace(before, processing_instance_type="ml.m5.xlarge", max_job_runtime_s=9)
    try:
        assert prepare.start(quick.services, run).job.config_hash == first.job.config_hash
    finally:
        quick.services.settings = before
    quick.wait(first)


def test_four_attempts_and_no_more(quick):
    quick.upload("doomed", rows=21)
    run = quick.open_run(dataset={"name": "doomed"})
    quick.fault(fault="job_capacity", name=f"{run}-*", count=-1)
    try:
        for attempt in range(1, 5):
            submission = prepare.start(quick.services, run)
            assert submission.job.attempt == attempt
            quick.wait(submission)
        with pytest.raises(PlatformFault, match="4 attempts failed, the last one: CapacityError"):
            prepare.start(quick.services, run)
    finally:
        quick.no_faults()
    assert sum(len(quick.effects("CreateProcessingJob", f"{run}-prepare-t{n}")) for n in range(1, 7)) == 4


def test_packaging_needs_a_verdict_in_favour(quick):
    run = quick.open_run()
    with pytest.raises(RequestRefused, match="no accepted model to package: there is no verdict yet"):
        package.start(quick.services, run)
