"""`train`, `validate` and `package` on the twin, as one run goes through them; the tests follow one another."""

from __future__ import annotations

import math

import pytest

from mlops import endpoints, registry, versions
from mlops.endpoints import Serving
from mlops.errors import PlatformFault, RequestRefused, UserFault
from mlops.handles import PreparedData
from mlops.phases import package, retrain, train, validate
from mlops.phases.run import Run
from mlops.spec import parse_change
from tests.mlops.bodies import plain


@pytest.fixture(scope="module")
def run(laptop) -> str:
    key = laptop.open_run(evaluation={"thresholds": {"accuracy": 0.8}})
    for phase in ("prepare", "train", "validate"):
        laptop.run_phase(key, phase)
    return key


def test_a_trained_model_has_its_archive_and_its_validation_metrics(laptop, run):
    trained = train.collect(laptop.services, run)
    assert trained.model_uri == f"s3://mlops-bucket/models/toy/training/{run}-train-t1/output/model.tar.gz"
    assert trained.algorithm == "logistic_regression"
    assert trained.metrics["accuracy"] > 0.8
    assert train.start(laptop.services, run).skipped == "The model is trained."


def test_an_evaluation_counts_every_row_of_the_sealed_split(laptop, run):
    prepared = PreparedData.model_validate(laptop.services.ledger.get_run(run).phases["prepare"].handle)
    evaluation = validate.collect(laptop.services, run)
    assert (evaluation.rows, evaluation.seal_intact) == (prepared.rows["test"], True)
    assert evaluation.champion_metrics is None
    assert "confusion_matrix.png" in evaluation.plots


@pytest.mark.parametrize(
    ("changed", "metrics", "sealed"),
    [
        ({}, {"f1": 0.9}, True),
        ({"metrics": {"f1": math.nan, "accuracy": None, "recall": True}}, {}, True),
        ({"rows": 19}, {"f1": 0.9}, False),
        ({"seal_intact": False}, {"f1": 0.9}, False),
    ],
)
def test_results_are_believed_only_where_they_can_be(changed, metrics, sealed):
    results = {"task": "classification", "metrics": {"f1": 0.9}, "rows": 20, "seal_intact": True, **changed}
    evaluation = validate.read(results, "s3://b/e/", 20)
    assert (evaluation.metrics, evaluation.seal_intact) == (metrics, sealed)


def test_a_champion_is_what_serves_the_same_dataset(laptop, run):
    one = Run(laptop.services.ledger.get_run(run))
    prepared = PreparedData.model_validate(one.record.phases["prepare"].handle)
    assert validate.champion(laptop.services, one, prepared) == {}
    archive = train.collect(laptop.services, run).model_uri
    serving = Serving(
        version="v0.9.0", run_key="gh-0", config="c", model_uri=archive, dataset="toy", since="2026-11-01T00:00:00Z"
    )  # fmt: skip
    for changed, found in (
        ({}, {"version": "v0.9.0", "model_uri": archive}),
        ({"dataset": "wine"}, {}),
        ({"run_key": run}, {}),
        ({"model_uri": "s3://mlops-bucket/gone.tar.gz"}, {}),
    ):
        endpoints.change(laptop.services.ledger, "mlops-toy", serving=serving.model_copy(update=changed))
        assert validate.champion(laptop.services, one, prepared) == found
    endpoints.change(laptop.services.ledger, "mlops-toy", serving=None)


def test_a_suggestion_for_the_next_try_can_be_posted_as_it_is(laptop, run):
    found = retrain.suggest(laptop.services, run)
    assert found["metric"] == "f1"
    assert found["train"] is not None
    assert plain(parse_change(found["comment"])) == {"hyperparameters": found["hyperparameters"]}


def test_a_version_is_packaged_registered_and_approved(laptop, run):
    made = laptop.run_phase(run, "package")
    assert (made.model_id, made.version) == ("toy", "v1.0.0")
    described = laptop.services.cloud.sagemaker.describe_model_package(ModelPackageName=made.package_arn)
    assert described["ModelApprovalStatus"] == "Approved"
    lineage = described["CustomerMetadataProperties"]
    assert (lineage["mlops:version"], lineage["mlops:run-key"], lineage["mlops:dataset-version"]) == (
        "v1.0.0", run, "v1.0.0",
    )  # fmt: skip
    assert lineage["mlops:sha256"] == made.sha256
    assert package.collect(laptop.services, run) == made
    assert [one["version"] for one in versions.list_versions(laptop.services, "toy")] == ["v1.0.0"]


def test_registering_again_finds_the_package(laptop, run):
    arn = package.collect(laptop.services, run).package_arn
    assert registry.find(laptop.services.cloud, "toy", registry.description("v1.0.0", run)) == arn
    assert registry.find(laptop.services.cloud, "toy", "another") is None


def test_a_model_that_lost_to_the_champion_waits_for_a_person(laptop, run):
    kept = laptop.trained_like(run, version=False)
    record = laptop.services.ledger.get_run(kept)
    laptop.services.ledger.update_run(
        kept, lambda one: one.model_copy(update={"verdict": {**record.verdict, "decision": "keep_champion"}})
    )
    made = laptop.run_phase(kept, "package")
    described = laptop.services.cloud.sagemaker.describe_model_package(ModelPackageName=made.package_arn)
    assert (made.version, described["ModelApprovalStatus"]) == ("v1.1.0", "PendingManualApproval")


def test_a_model_that_was_not_accepted_is_not_packaged(laptop, run):
    refused = laptop.trained_like(run, version=False)
    laptop.services.ledger.update_run(
        refused, lambda one: one.model_copy(update={"verdict": {"decision": "below_threshold"}})
    )
    with pytest.raises(RequestRefused, match="no accepted model to package: below_threshold"):
        package.start(laptop.services, refused)


def test_an_archive_that_was_changed_is_found_out(laptop, run):
    changed = laptop.trained_like(run, version=False)
    laptop.wait(package.start(laptop.services, changed))
    laptop.put("models/toy/v1.2.0/model.tar.gz", "somebody else's bytes")
    with pytest.raises(PlatformFault, match=r"has SHA-256 .*; its job states"):
        package.collect(laptop.services, changed)


def test_versions_beyond_the_newest_five_leave_the_registry_and_keep_their_archives(laptop, run):
    keys = [laptop.trained_like(run) for _ in range(5)]
    newest = package.collect(laptop.services, keys[-1])
    assert newest.version == "v1.7.0"
    registered = {one["version"] for one in versions.list_versions(laptop.services, "toy") if one.get("package_arn")}
    assert registered == {f"v1.{n}.0" for n in (3, 4, 5, 6, 7)}
    laptop.services.cloud.s3.head_object(Bucket="mlops-bucket", Key="models/toy/v1.0.0/model.tar.gz")


def test_the_signature_is_what_callers_send_and_get():
    features = {"columns": [{"name": "a", "kind": "number", "fill": 1}], "task": "classification", "classes": ["x"]}
    same = {**features, "columns": [{"name": "a", "kind": "number", "fill": 2}]}
    other = {**features, "columns": [{"name": "a", "kind": "category", "fill": 1}]}
    assert package.signature(features) == package.signature(same) != package.signature(other)


def test_an_ensemble_of_versions_that_were_never_packaged_is_the_requesters_mistake(laptop):
    wanted = {"name": "seer", "model_type": "supervised_learning", "algorithm": "yolox", "dataset": {"name": "toy"},
              "deployment": {"target": "sagemaker_endpoint", "ensemble": ["1.2.0"]}}  # fmt: skip
    one = Run(laptop.services.ledger.get_run(laptop.open_run(**wanted)))
    assert one.spec.deployment.ensemble == ("v1.2.0",)
    with pytest.raises(UserFault, match=r"no packaged version v1\.2\.0; there are: none yet"):
        package.members(laptop.services, one)


def test_an_ensemble_and_a_lower_precision_bring_their_inputs(laptop, run):
    record = laptop.services.ledger.get_run(run)
    prepared = PreparedData.model_validate(record.phases["prepare"].handle)
    trained, evaluation = train.collect(laptop.services, run), validate.collect(laptop.services, run)
    spec = {"model_type": "supervised_learning", "algorithm": "yolox", "dataset": {"name": "toy"},
            "deployment": {"target": "sagemaker_endpoint", "precision": "int8"}}  # fmt: skip
    one = Run(laptop.services.ledger.get_run(laptop.open_run(**spec)))
    request = package.plan(laptop.services.settings, one, prepared, trained, evaluation, "v2.0.0", {}, ["s3://b/m.tar"])
    inputs = {given["InputName"]: given["S3Input"]["S3Uri"] for given in request.body["ProcessingInputs"]}
    assert inputs["member_1"] == "s3://b/m.tar"
    assert inputs["validation"] == f"{prepared.prefix}validation/"
