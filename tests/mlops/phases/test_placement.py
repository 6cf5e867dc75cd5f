from __future__ import annotations

import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator

from mlops.phases import placement, requests
from mlops.phases.deploy import plan
from mlops.settings import Settings

KEY = "arn:aws:kms:us-east-1:123456789012:key/0000"
PLACED = Settings(job_subnets=("subnet-1", "subnet-2"), job_security_groups=("sg-1",), job_kms_key=KEY)
VPC = {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}


def processing(settings: Settings) -> dict:
    return requests.processing_body(settings, "prepare", inputs={}, outputs={"out": "s3://b/out/"}, variables={})


def training(settings: Settings, kind: str = "ml.m5.large") -> dict:
    return requests.training_body(
        settings,
        channels={"train": "s3://b/train/"},
        output="s3://b/models/",
        checkpoints="s3://b/checkpoints/",
        hyperparameters={},
        metrics=(),
        variables={},
        on=requests.Machine("image", kind, 60),
    )


def configuration(settings: Settings, *kinds: str) -> dict:
    variants = [plan.variant(f"v{number}", "m", kind, 1, 1.0) for number, kind in enumerate(kinds)]
    return plan.config_request(settings, "endpoint", "gh-1", "v1.0.0", variants)


def test_jobs_run_in_the_deployments_network_and_encrypt_with_its_key():
    body = processing(PLACED)
    assert body["NetworkConfig"] == {"VpcConfig": VPC}
    assert body["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"] == KEY
    assert body["ProcessingOutputConfig"]["KmsKeyId"] == KEY
    body = training(PLACED)
    assert body["VpcConfig"] == VPC
    assert body["ResourceConfig"]["VolumeKmsKeyId"] == body["OutputDataConfig"]["KmsKeyId"] == KEY


def test_placed_bodies_are_what_sagemakers_own_model_asks_for():
    model = get_session().get_service_model("sagemaker")
    for operation, request in (
        ("CreateProcessingJob", {"ProcessingJobName": "n", **processing(PLACED)}),
        ("CreateTrainingJob", {"TrainingJobName": "n", **training(PLACED)}),
        ("CreateEndpointConfig", configuration(PLACED, "ml.m5.large")),
    ):
        assert not ParamValidator().validate(request, model.operation_model(operation).input_shape).has_errors()


def test_without_network_and_key_a_request_names_none():
    """SageMaker refuses empty lists; and a body that stays the same keeps its hash, by which jobs are adopted."""
    for body in (processing(Settings()), training(Settings())):
        assert not {"VpcConfig", "NetworkConfig"} & body.keys()
        assert "KmsKeyId" not in str(body)


@pytest.mark.parametrize(
    ("kind", "takes_a_key"),
    [("ml.m5.large", True), ("ml.p3.2xlarge", True), ("ml.g4dn.xlarge", False), ("ml.g5.xlarge", False)],
)
def test_machines_with_disks_of_their_own_take_no_key(kind, takes_a_key):
    """SageMaker's documentation of VolumeKmsKeyId: not with instances that have local storage."""
    assert bool(placement.volume_key(PLACED, kind)) is takes_a_key
    assert ("VolumeKmsKeyId" in training(PLACED, kind)["ResourceConfig"]) is takes_a_key


def test_endpoint_is_keyed_only_where_every_variant_can_be():
    assert configuration(PLACED, "ml.m5.large", "ml.m5.large")["KmsKeyId"] == KEY
    assert "KmsKeyId" not in configuration(PLACED, "ml.m5.large", "ml.g4dn.xlarge")
    assert configuration(PLACED, "ml.g4dn.xlarge")["DataCaptureConfig"]["KmsKeyId"] == KEY
