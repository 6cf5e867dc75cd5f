from __future__ import annotations

import pytest
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from mlops.identity import Phase
from mlops.phases import requests, train
from mlops.settings import Settings
from mlops.spec import RunSpec


@pytest.fixture(scope="module")
def sagemaker() -> ServiceModel:
    import botocore.session

    return ServiceModel(botocore.session.get_session().get_service_data("sagemaker"), "sagemaker")


def processing(**changed):
    where = {"inputs": {"raw": "s3://b/raw/"}, "outputs": {"dataset": "s3://b/out/"}}
    return requests.processing_body(Settings(), "prepare", **where, variables={"A": "1"}, **changed)


def training(settings: Settings = Settings()):  # noqa: B008
    return requests.training_body(
        settings,
        channels={"train": "s3://b/train/"},
        output="s3://b/models/",
        checkpoints="s3://b/checkpoints/",
        hyperparameters={"C": "1.0"},
        metrics=train.metric_names("classification"),
        variables={},
    )


def test_the_bodies_are_what_sagemakers_own_model_asks_for(sagemaker):
    for operation, body in (
        ("CreateProcessingJob", {"ProcessingJobName": "n", **processing()}),
        ("CreateTrainingJob", {"TrainingJobName": "n", **training()}),
        ("CreateTrainingJob", {"TrainingJobName": "n", **training(Settings(managed_spot=True))}),
    ):
        shape = sagemaker.operation_model(operation).input_shape
        assert not ParamValidator().validate(body, shape).has_errors()


def test_inputs_and_outputs_lie_where_the_container_contract_says():
    body = processing()
    assert body["ProcessingInputs"][0]["S3Input"]["LocalPath"] == "/opt/ml/processing/input/raw"
    assert body["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["LocalPath"] == "/opt/ml/processing/output/dataset"
    assert body["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600}


def test_spare_capacity_waits_longer():
    body = training(Settings(managed_spot=True, max_job_runtime_s=100))
    assert body["StoppingCondition"] == {"MaxRuntimeInSeconds": 100, "MaxWaitTimeInSeconds": 200}


def test_a_metric_definition_reads_the_line_that_a_job_prints():
    import re

    regex = next(one["Regex"] for one in training()["AlgorithmSpecification"]["MetricDefinitions"]
                 if one["Name"] == "validation:f1")  # fmt: skip
    assert re.findall(regex, "epoch=3 train:f1=0.99 validation:f1=9.3e-01") == ["9.3e-01"]


def test_the_volume_grows_with_the_data():
    """By hand: 10 GB, and 4 GB for each GiB of data."""
    assert [requests.volume_gb(size) for size in (0, 1 << 30, 5 << 30)] == [10, 14, 30]


def test_another_document_makes_another_configuration():
    one = requests.environment("r", "train", {"a": 1})
    assert one != requests.environment("r", "train", {"a": 2})
    assert one == requests.environment("r", "train", {"a": 1})


def test_every_training_keeps_checkpoints_for_the_next_attempt():
    assert training(Settings())["CheckpointConfig"]["S3Uri"] == "s3://b/checkpoints/"


def detector(**changes) -> RunSpec:
    wanted = {"model_type": "supervised_learning", "algorithm": "yolox", "variant": "yolox-m", "dataset": {"name": "k"}}
    return RunSpec.model_validate({**wanted, **changes})


@pytest.mark.parametrize(
    ("phase", "changes", "image"),
    [
        (Phase.PREPARE, {}, "mlops-processing:1"),
        (Phase.PREPARE, {"preprocessing": {"points": {"outputs": ["bev"]}}}, "mlops-processing-gpu:1"),
        (Phase.TRAIN, {}, "mlops-training-gpu:1"),
        (Phase.VALIDATE, {}, "mlops-processing-gpu:1"),
    ],
    ids=["images are only copied", "sweeps are worked on", "training", "judging"],
)
def test_a_detector_runs_on_a_gpu_where_it_computes(phase, changes, image):
    on = requests.machine(Settings(), phase, detector(**changes))
    assert on.image.endswith(image)
    assert (on.instance_type in ("ml.g4dn.xlarge", "ml.p3.2xlarge")) is (image != "mlops-processing:1")


@pytest.mark.parametrize(("epochs", "limit_s"), [(3, 3600), (300, 72_000), (1000, 86_400)])
def test_a_training_may_take_as_long_as_its_epochs_need_and_no_longer_than_a_day(epochs, limit_s):
    """By hand: 300 epochs of YOLOX-M at 4 minutes are 20 hours."""
    spec = detector(hyperparameters={"epochs": epochs})
    assert requests.machine(Settings(), Phase.TRAIN, spec).limit_s == limit_s
