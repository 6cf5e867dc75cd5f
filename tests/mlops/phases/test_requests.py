from __future__ import annotations

import pytest
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from mlops.phases import requests, train
from mlops.settings import Settings


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


def test_spare_capacity_waits_longer_and_keeps_checkpoints():
    body = training(Settings(managed_spot=True, max_job_runtime_s=100))
    assert body["StoppingCondition"] == {"MaxRuntimeInSeconds": 100, "MaxWaitTimeInSeconds": 200}
    assert body["CheckpointConfig"]["S3Uri"] == "s3://b/checkpoints/"
    assert "CheckpointConfig" not in training()


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
