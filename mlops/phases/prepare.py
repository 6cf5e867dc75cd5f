"""`prepare`: which raw objects, which version of the prepared data; reused where it exists, else made by one job."""

from __future__ import annotations

from typing import Any

from mlops import datasets, jobs, keys, raw_data, versions
from mlops.decisions import known, once
from mlops.errors import JobFailed, PlatformFault, RequestRefused, UserFault
from mlops.faults import classify
from mlops.handles import PreparedData, Submission
from mlops.identity import Phase, digest
from mlops.jobs import JobRequest
from mlops.objects import read_json
from mlops.phases import progress, requests
from mlops.phases.run import Run, upload_document
from mlops.raw_data import Inventory
from mlops.services import Services
from mlops.settings import Settings
from mlops.spec.algorithms import ALGORITHMS
from mlops.spec.model import RunSpec

PHASE = Phase.PREPARE


def fingerprint(spec: RunSpec, inventory: Inventory, metadata: dict[str, Any], image: str) -> str:
    """Hash of all that decides what the prepared data are: contents, cleaning, split, goal and the code.

    The task counts as the issue or the dataset's `metadata` say: two algorithms for one task share the data.
    """
    assert spec.dataset is not None
    wanted = spec.dataset.model_dump(mode="json", include={"target", "splits", "classes"})
    cleaning = spec.preprocessing.model_dump(mode="json")
    workload = ALGORITHMS[spec.algorithm].workload
    goal = [spec.dataset.target or metadata.get("target"), spec.task or metadata.get("task")]
    return digest([inventory.contents, {**wanted, "target": None}, goal, cleaning, image, workload], 32)


def plan(
    settings: Settings, spec: RunSpec, dataset: str, version: str, builder: str, document: dict[str, Any], raw: str,
    size: int,
) -> JobRequest:  # fmt: skip
    """The job that makes one version of a dataset from the raw objects below `raw`."""
    bucket = settings.bucket
    body = requests.processing_body(
        settings,
        "prepare",
        inputs={"raw": raw, "run": keys.uri(bucket, keys.run_file(builder, PHASE.value))},
        outputs={
            "dataset": keys.uri(bucket, keys.dataset_version_prefix(dataset, version)),
            "report": keys.uri(bucket, keys.job_report_prefix(builder, PHASE.value)),
        },
        variables=requests.environment(builder, PHASE.value, document),
        data_bytes=size,
        on=requests.machine(settings, PHASE, spec),
    )
    return JobRequest("processing", builder, PHASE, body)


def start(services: Services, run_key: str) -> Submission:
    """Start the job that makes this run's data, adopt it, or say that none is needed. Safe to repeat.

    Raises:
        UserFault: no such dataset, or its job failed by the requester's mistake before.
        PlatformFault, Unavailable, Conflict: as `mlops.jobs.submit`.
    """
    record = progress.require_live(services, run_key)
    run = Run(record)
    if progress.result(record, PHASE, PreparedData):
        return progress.nothing_to_do(run_key, PHASE, "The data is prepared.")
    progress.begun(services, run_key, PHASE)
    try:
        chosen = once(services.ledger, run_key, PHASE.value, lambda: decide(services, run))
        dataset, version = chosen["dataset"], chosen["version"]
        if datasets.manifest(services, dataset, version):
            return progress.nothing_to_do(run_key, PHASE, f"Version {version} of {dataset} exists; it is reused.")
        job = _follow_builder(services, run_key, dataset, version) or _build(services, run, chosen)
    except JobFailed as fault:
        progress.failed(services, run_key, PHASE, fault)
        raise
    progress.begun(services, run_key, PHASE, job)
    return Submission(run_key=run_key, phase=PHASE.value, job=job)


def decide(services: Services, run: Run) -> dict[str, Any]:
    """What this run reads and which version that makes. Taken once: later uploads belong to later runs."""
    settings, wanted = services.settings, run.dataset
    elsewhere = run.spec.evaluation.test_dataset
    if elsewhere not in (None, wanted.name, "test") and not _is_own_test_split(run.spec, elsewhere):
        raise UserFault(
            f"evaluation.test_dataset: {elsewhere!r} cannot be used with {run.spec.algorithm} yet; leave it out, and "
            "the model is judged on the sealed test split of its own dataset."
        )
    # Only `package` needs them, after hours of training; what is not there now will not be there then.
    versions.require_packaged(services, run.model, run.spec.deployment.ensemble)
    bucket, prefix = raw_data.source(wanted.name, wanted.s3_uri, settings.bucket, settings.data_buckets)
    inventory = raw_data.take_inventory(
        services.cloud, wanted.name, bucket, prefix, run.record.data_as_of, _suffixes(run.spec)
    )
    if run.record.data_as_of and not raw_data.may_copy(inventory):
        raise UserFault(
            f"dataset {wanted.name}: {len(inventory.objects)} objects, {inventory.size} bytes: too large to be read as "
            f"of an earlier moment (at most {raw_data.SNAPSHOT_OBJECTS} objects, {raw_data.SNAPSHOT_BYTES} bytes)."
        )
    metadata = raw_data.metadata(services.cloud, inventory)
    schema = {
        "target": wanted.target or metadata.get("target"),
        "classes": list(wanted.classes) or None,
        "task": run.spec.task or metadata.get("task"),
        "columns": raw_data.column_names(services.cloud, inventory),
    }
    print_ = fingerprint(run.spec, inventory, metadata, settings.processing_image)
    version = datasets.reserve(services.ledger, wanted.name, print_, schema, run.key, services.timestamp())
    small = raw_data.may_copy(inventory)
    return {
        "dataset": wanted.name,
        "version": version,
        "fingerprint": print_,
        "contents": inventory.contents,
        "raw_uri": inventory.uri,
        "bytes": inventory.size,
        "inventory": inventory.as_dict() if small else None,
    }


def _suffixes(spec: RunSpec) -> tuple[str, ...]:
    return raw_data.DATA_SUFFIXES[ALGORITHMS[spec.algorithm].workload or "tabular"]


def _is_own_test_split(spec: RunSpec, named: str) -> bool:
    """Detection benchmarks call the frames that are judged `val`, as in `kitti_val`: those are our test split."""
    return ALGORITHMS[spec.algorithm].workload == "detection" and named.rpartition("_")[2] in ("val", "validation")


def _follow_builder(services: Services, run_key: str, dataset: str, version: str) -> Any:
    """The job of another run that makes the same version, if it runs or has succeeded; None where we are to build.

    Raises:
        UserFault: that job failed by a mistake that this run would repeat.
    """
    builder = datasets.builder(services.ledger, dataset, version)
    while builder != run_key:
        attempts = jobs.find_attempts(services.cloud, "processing", builder, PHASE)
        last = attempts[-1] if attempts else None
        if last and last.state in ("running", "succeeded"):
            return jobs.handle_of(services.cloud, last, len(attempts))
        if last and last.state == "failed" and classify(last.failure_reason) == "user":
            raise UserFault(f"Run {builder} failed on the same data and settings: {jobs.plain_reason(last)}")
        builder = datasets.take_over(services.ledger, dataset, version, before=builder, run_key=run_key)
    return None


def _build(services: Services, run: Run, chosen: dict[str, Any]) -> Any:
    settings, dataset, version = services.settings, chosen["dataset"], chosen["version"]
    raw = chosen["raw_uri"]
    if chosen["inventory"]:
        prefix = keys.snapshot_prefix(dataset, version)
        inventory = Inventory.from_dict(chosen["inventory"])
        raw_data.copy_snapshot(services.cloud, inventory, settings.bucket, prefix)
        raw = keys.uri(settings.bucket, prefix)
    document = run.document(PHASE.value, dataset_version=version)
    upload_document(services, run.key, PHASE.value, document)
    body = once(
        services.ledger,
        run.key,
        f"{PHASE.value}-job",
        lambda: dict(plan(settings, run.spec, dataset, version, run.key, document, raw, chosen["bytes"]).body),
    )
    return jobs.submit(services, JobRequest("processing", run.key, PHASE, body))


def collect(services: Services, run_key: str) -> PreparedData:
    """Check what the job left, write the manifest last, and hand over. Safe to repeat.

    Raises:
        RequestRefused: the phase was never started. Unavailable: the job still runs.
        UserFault, PlatformFault: the job failed, or left files out.
    """
    record = services.ledger.require_run(run_key)
    stored = progress.result(record, PHASE, PreparedData)
    if stored:
        return stored
    chosen = known(services.ledger, run_key, PHASE.value)
    if chosen is None:
        raise RequestRefused(f"Run {run_key} has not started phase prepare; call start_preparation first.")
    dataset, version = chosen["dataset"], chosen["version"]
    standing = datasets.manifest(services, dataset, version)
    try:
        document = standing or _complete(services, dataset, version, chosen)
    except JobFailed as fault:
        progress.failed(services, run_key, PHASE, fault)
        raise
    if record.data_as_of is None:
        datasets.point_to(services, dataset, version)
    prepared = _handle(services.settings, dataset, version, document, reused=_is_reused(record, standing, run_key))
    progress.succeeded(services, run_key, PHASE, prepared, _sentence(prepared))
    return prepared


def _complete(services: Services, dataset: str, version: str, chosen: dict[str, Any]) -> dict[str, Any]:
    builder = datasets.builder(services.ledger, dataset, version)
    jobs.require_success(services, "processing", builder, PHASE)
    bucket = services.settings.bucket
    if chosen["inventory"] is None:
        _check_unchanged(services, chosen)
    report = keys.uri(bucket, keys.job_report_prefix(builder, PHASE.value) + "manifest.json")
    document = read_json(services.cloud, report)
    if document is None:
        raise PlatformFault(f"The job of prepare left no manifest at {report}.")
    prefix = keys.dataset_version_prefix(dataset, version)
    missing = datasets.missing_files(services, prefix, document["files"])
    if missing:
        raise PlatformFault(f"Files of {dataset} {version} are missing or cut short: {', '.join(missing)}.")
    lineage = {name: chosen[name] for name in ("fingerprint", "contents", "raw_uri")}
    return datasets.complete(services, dataset, version, {**document, "lineage": {**lineage, "built_by": builder}})


def _check_unchanged(services: Services, chosen: dict[str, Any]) -> None:
    """Data too large to be copied was read in place: it must still be what the version is named after."""
    bucket, prefix = keys.split_uri(chosen["raw_uri"])
    if raw_data.take_inventory(services.cloud, chosen["dataset"], bucket, prefix).contents != chosen["contents"]:
        raise UserFault(f"{chosen['raw_uri']} changed while it was read; comment /rerun once the upload is complete.")


def _is_reused(record: Any, standing: dict[str, Any] | None, run_key: str) -> bool:
    return standing is not None and standing.get("lineage", {}).get("built_by") != run_key


def _handle(settings: Settings, dataset: str, version: str, document: dict[str, Any], *, reused: bool) -> PreparedData:
    return PreparedData(
        dataset=dataset,
        version=version,
        prefix=keys.uri(settings.bucket, keys.dataset_version_prefix(dataset, version)),
        manifest_uri=keys.uri(settings.bucket, keys.dataset_manifest(dataset, version)),
        task=document["task"],
        target=document["target"],
        classes=[str(name) for name in document.get("classes") or []],
        features=document["features"],
        rows=document["rows"],
        dropped=document.get("dropped") or {},
        reused=reused,
    )


def _sentence(prepared: PreparedData) -> str:
    rows = ", ".join(f"{name} {count}" for name, count in prepared.rows.items())
    made = f"{prepared.dataset} {prepared.version} {'reused' if prepared.reused else 'made'}"
    if prepared.task == "object_detection":
        return f"{made}: classes {', '.join(prepared.classes)}; frames: {rows}.{_lost(prepared)}"
    return f"{made}: {prepared.features} features; rows: {rows}."


def _lost(prepared: PreparedData) -> str:
    lost = ", ".join(f"{reason.replace('_', ' ')} {count}" for reason, count in prepared.dropped.items() if count)
    return f" Left out: {lost}." if lost else ""
