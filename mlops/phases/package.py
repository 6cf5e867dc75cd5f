"""`package`: the archive that serves, its version number, and its place in the Model Registry."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from mlops import endpoints, jobs, keys, registry, versions
from mlops.decisions import known, once
from mlops.errors import JobFailed, MlopsError, PlatformFault, RequestRefused, UserFault
from mlops.handles import Evaluation, ModelVersion, PreparedData, Submission, TrainedModel
from mlops.identity import Phase, digest
from mlops.jobs import JobRequest
from mlops.objects import read_json, sha256_of, size_of
from mlops.phases import placement, progress, requests
from mlops.phases.run import Run, upload_document
from mlops.record import RunRecord
from mlops.services import Services
from mlops.settings import Settings

log = logging.getLogger(__name__)

PHASE = Phase.PACKAGE


def plan(
    settings: Settings,
    run: Run,
    prepared: PreparedData,
    trained: TrainedModel,
    evaluation: Evaluation,
    version: str,
    document: dict[str, Any],
    members: Sequence[str] = (),
) -> JobRequest:
    """The processing job that builds the archive of one version.

    Args:
        members: addresses of the archives that are to answer together with this model.
    """
    bucket = settings.bucket
    inputs = {
        "model": trained.model_uri,
        "evaluation": f"{evaluation.prefix}results.json",
        "features": f"{prepared.prefix}features.json",
        "baseline": f"{prepared.prefix}baseline.json",
        "run": keys.uri(bucket, keys.run_file(run.key, PHASE.value)),
        **{f"member_{number}": archive for number, archive in enumerate(members, 1)},
    }
    if run.spec.deployment.precision in ("fp16", "int8"):
        inputs["validation"] = f"{prepared.prefix}validation/"  # what it costs is measured there
    body = requests.processing_body(
        settings,
        "package",
        inputs=inputs,
        outputs={"package": keys.uri(bucket, keys.model_version_prefix(run.model, version))},
        variables=requests.environment(run.key, PHASE.value, document),
        on=requests.machine(settings, PHASE, run.spec),
    )
    return JobRequest("processing", run.key, PHASE, body)


def signature(features: dict[str, Any]) -> str:
    """Hash of what callers send and get: raw columns with their kinds, task, target and classes."""
    columns = [[column["name"], column["kind"]] for column in features["columns"]]
    return digest([columns, features["task"], features.get("target"), list(features.get("classes") or [])], 16)


def members(services: Services, run: Run) -> list[str]:
    """Addresses of the archives that `deployment.ensemble` names.

    Raises:
        UserFault: a version was never packaged, or is no longer kept.
    """
    versions.require_packaged(services, run.model, run.spec.deployment.ensemble)
    bucket, found = services.settings.bucket, []
    for version in run.spec.deployment.ensemble:
        archive = keys.uri(bucket, f"{keys.model_version_prefix(run.model, version)}model.tar.gz")
        if not size_of(services.cloud, archive):
            raise UserFault(f"deployment.ensemble: the archive of {run.model} {version} is no longer kept.")
        found.append(archive)
    return found


def require_accepted(record: RunRecord) -> dict[str, Any]:
    """The verdict, which must not be against the model: packages are made of models that passed."""
    verdict = record.verdict or {}
    if verdict.get("decision") not in ("deploy", "keep_champion"):
        found = verdict.get("decision", "there is no verdict yet")
        raise RequestRefused(f"Run {record.run_key} has no accepted model to package: {found}.")
    return verdict


def start(services: Services, run_key: str) -> Submission:
    """Reserve the version and start or adopt the job. Raises as `mlops.jobs.submit`."""
    record = progress.require_live(services, run_key)
    if progress.result(record, PHASE, ModelVersion):
        return progress.nothing_to_do(run_key, PHASE, "The model is packaged.")
    require_accepted(record)
    run = Run(record)
    progress.begun(services, run_key, PHASE)
    try:
        chosen = once(services.ledger, run_key, PHASE.value, lambda: decide(services, run))
        upload_document(services, run_key, PHASE.value, chosen["document"])
        job = jobs.submit(services, JobRequest("processing", run_key, PHASE, chosen["body"]))
    except JobFailed as fault:
        progress.failed(services, run_key, PHASE, fault)
        raise
    progress.begun(services, run_key, PHASE, job)
    return Submission(run_key=run_key, phase=PHASE.value, job=job)


def decide(services: Services, run: Run) -> dict[str, Any]:
    """The version of this run's model and the job that packages it."""
    prepared = progress.require_result(run.record, Phase.PREPARE, PreparedData)
    trained = progress.require_result(run.record, Phase.TRAIN, TrainedModel)
    evaluation = progress.require_result(run.record, Phase.VALIDATE, Evaluation)
    features = read_json(services.cloud, f"{prepared.prefix}features.json")
    if features is None:
        raise PlatformFault(f"{prepared.prefix}features.json is gone; prepare wrote it.")
    joined = members(services, run)
    version = versions.reserve(services.ledger, run.model, run.key, signature(features), services.timestamp())
    document = run.document(PHASE.value, task=prepared.task, dataset_version=prepared.version, version=version)
    request = plan(services.settings, run, prepared, trained, evaluation, version, document, joined)
    return {"version": version, "document": document, "body": dict(request.body)}


def collect(services: Services, run_key: str) -> ModelVersion:
    """Check the archive against its own statement, register it, and hand over. Safe to repeat."""
    record = services.ledger.require_run(run_key)
    stored = progress.result(record, PHASE, ModelVersion)
    if stored:
        return stored
    chosen = known(services.ledger, run_key, PHASE.value)
    if chosen is None:
        raise RequestRefused(f"Run {run_key} has not started phase package; call start_packaging first.")
    run, version = Run(record), chosen["version"]
    prefix = keys.uri(services.settings.bucket, keys.model_version_prefix(run.model, version))
    try:
        jobs.require_success(services, "processing", run_key, PHASE)
        sha256 = check_archive(services, prefix)
    except JobFailed as fault:
        progress.failed(services, run_key, PHASE, fault)
        raise
    arn = registry.register(services.cloud, _registration(services, run, version, prefix, sha256))
    versions.note(services.ledger, run.model, version, package_arn=arn, sha256=sha256)
    packaged = ModelVersion(
        model_id=run.model,
        version=version,
        model_uri=f"{prefix}model.tar.gz",
        sha256=sha256,
        package_arn=arn,
        openapi_uri=f"{prefix}openapi.json",
    )
    progress.succeeded(services, run_key, PHASE, packaged, f"{run.model} {version}, {sha256[:12]}, registered.")
    forget_old_versions(services, run)
    return packaged


def check_archive(services: Services, prefix: str) -> str:
    """SHA-256 of the archive, which must be the one the job states. Raises PlatformFault."""
    metadata = read_json(services.cloud, f"{prefix}model_metadata.json")
    if metadata is None or not size_of(services.cloud, f"{prefix}model.tar.gz"):
        raise PlatformFault(f"The job of package left no model.tar.gz with its model_metadata.json at {prefix}.")
    if not size_of(services.cloud, f"{prefix}openapi.json"):
        raise PlatformFault(f"The job of package left no openapi.json at {prefix}.")
    found = sha256_of(services.cloud, f"{prefix}model.tar.gz")
    if found != metadata["sha256"]:
        raise PlatformFault(f"{prefix}model.tar.gz has SHA-256 {found}; its job states {metadata['sha256']}.")
    return found


def _registration(services: Services, run: Run, version: str, prefix: str, sha256: str) -> dict[str, Any]:
    prepared = progress.require_result(run.record, Phase.PREPARE, PreparedData)
    trained = progress.require_result(run.record, Phase.TRAIN, TrainedModel)
    evaluation = progress.require_result(run.record, Phase.VALIDATE, Evaluation)
    accepted = require_accepted(run.record).get("decision") == "deploy"
    must_ask = services.settings.approve_deployments or run.spec.deployment.approval
    manifest = read_json(services.cloud, prepared.manifest_uri) or {}
    return registry.package_request(
        model=run.model,
        version=version,
        run_key=run.key,
        image=placement.inference_image(services.settings, run.spec.deployment.instance_type),
        model_uri=f"{prefix}model.tar.gz",
        approval="Approved" if accepted and not must_ask else "PendingManualApproval",
        metrics_uri=f"{evaluation.prefix}results.json",
        baseline_uri=f"{prepared.prefix}baseline.json",
        lineage={
            "mlops:version": version,
            "mlops:run-key": run.key,
            "mlops:issue": run.record.issue or "",
            "mlops:repository": run.record.repository,
            "mlops:revision": run.record.revision,
            "mlops:algorithm": trained.algorithm,
            "mlops:dataset": prepared.dataset,
            "mlops:dataset-version": prepared.version,
            "mlops:data-fingerprint": manifest.get("lineage", {}).get("fingerprint", ""),
            "mlops:data-as-of": run.record.data_as_of or "",
            "mlops:training-output": trained.model_uri,
            "mlops:sha256": sha256,
            **{f"metric:{name}": f"{value:.6g}" for name, value in evaluation.metrics.items()},
        },
    )


def forget_old_versions(services: Services, run: Run) -> list[str]:
    """Take packages beyond the newest few out of the registry; archives stay. A failure here fails no run."""
    taken = {one["version"]: one for one in versions.list_versions(services, run.model) if one.get("package_arn")}
    known_endpoint = endpoints.read(services.ledger, run.endpoint)
    sides = (known_endpoint.serving, known_endpoint.previous, known_endpoint.challenger) if known_endpoint else ()
    in_use = {side.version for side in sides if side}
    gone = versions.surplus(taken, services.settings.model_versions_kept, in_use)
    try:
        for version in gone:
            registry.forget(services.cloud, taken[version]["package_arn"])
            versions.note(services.ledger, run.model, version, package_arn="")
    except MlopsError as error:
        log.warning("Old versions of %s stay registered: %s", run.model, error)
    return gone
