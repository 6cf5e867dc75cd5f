from __future__ import annotations

import pytest

from mlops.handles import ModelVersion
from mlops.phases.deploy import plan, scaling
from mlops.phases.run import Run
from mlops.record import RunRecord, Trigger
from mlops.settings import Settings
from mlops.spec import RunSpec, canonical
from mlops.spec.model import AutoScaling

PACKAGED = ModelVersion(
    model_id="toy", version="v1.2.0", model_uri="s3://b/model.tar.gz", sha256="ab", package_arn="", openapi_uri=""
)  # fmt: skip


def run(decision: str | None = "deploy", may_deploy: bool = True, **deployment) -> Run:
    spec = RunSpec.model_validate(
        {
            "name": "toy",
            "model_type": "supervised_learning",
            "algorithm": "random_forest",
            "dataset": {"name": "toy"},
            "deployment": {"target": "sagemaker_endpoint", **deployment},
        }
    )
    return Run(
        RunRecord(
            run_key="gh-1-2-0123456789ab",
            trigger=Trigger.ISSUE,
            spec=canonical(spec),
            created_at="2026-11-23T10:00:00Z",
            may_deploy=may_deploy,
            verdict={"decision": decision} if decision else None,
        )
    )


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (run(), None),
        (run(may_deploy=False), "This run trains on the data of an earlier moment and may not deploy."),
        (run(target="none"), "The issue asks for no deployment (deployment.target: none)."),
        (run("keep_champion"), "The serving model is better and stays."),
        (run("below_threshold"), "The model was not accepted (below_threshold)."),
        (run(None), "The model was not accepted (no verdict)."),
    ],
)
def test_a_run_that_may_not_deploy_says_why(one, reason):
    assert plan.skip_reason(one) == reason


def test_a_model_is_named_after_its_content():
    request = plan.model_request(Settings(), run(), PACKAGED)
    assert request["PrimaryContainer"]["Environment"] == {
        "MLOPS_MODEL_VERSION": "v1.2.0",
        "MLOPS_RUN_KEY": "gh-1-2-0123456789ab",
    }
    assert request["ModelName"].startswith("mlops-toy-v1-2-0-")
    changed = plan.model_request(Settings(), run(), PACKAGED.model_copy(update={"sha256": "cd"}))
    assert changed["ModelName"] != request["ModelName"]


@pytest.mark.parametrize(
    ("machine", "image"), [("ml.m5.large", "mlops-inference"), ("ml.g4dn.xlarge", "mlops-inference-gpu")]
)
def test_a_machine_with_a_gpu_serves_from_the_image_for_it(machine, image):
    request = plan.model_request(Settings(), run(instance_type=machine), PACKAGED)
    assert request["PrimaryContainer"]["Image"].endswith(f"/{image}:1")


def test_a_configuration_captures_requests_unless_it_is_switched_off():
    one = plan.variant("v1-2-0", "m", "ml.m5.large", 2, 100.0)
    captured = plan.config_request(Settings(), "e", "gh-1", "v1.2.0", [one])
    assert captured["DataCaptureConfig"]["DestinationS3Uri"] == "s3://mlops-bucket/logs/e/capture"
    plain = plan.config_request(Settings(data_capture_percent=0), "e", "gh-1", "v1.2.0", [one])
    assert "DataCaptureConfig" not in plain
    assert plain["EndpointConfigName"] != captured["EndpointConfigName"]


def test_blue_green_lets_sagemaker_go_back_on_an_alarm():
    assert plan.deployment_config(Settings(bake_s=60), "blue_green", ["errors"]) == {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
            "TerminationWaitInSeconds": 60,
            "MaximumExecutionTimeoutInSeconds": 1800,
        },
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]},
    }
    assert plan.deployment_config(Settings(), "all_at_once", ["errors"]) == {}


def test_a_canary_begins_with_ten_percent_and_an_ab_test_with_halves():
    assert plan.first_weights("canary") == (90.0, 10.0)
    assert plan.first_weights("ab_test") == (50.0, 50.0)


def test_the_probe_is_a_typical_row():
    features = {"columns": [{"name": "a", "example": 1.5, "fill": 0.0}, {"name": "b", "example": None, "fill": "x"}]}
    assert plan.probe(features) == {"instances": [{"a": 1.5, "b": "x"}]}


def test_scaling_follows_requests_or_latency_in_microseconds():
    by_requests = scaling.policy("e", "v1", AutoScaling(max_instances=4, target_invocations_per_instance=200))
    assert by_requests["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 200
    by_latency = scaling.policy("e", "v1", AutoScaling(max_instances=4, target_latency_ms=25))
    assert by_latency["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 25_000
    assert by_latency["ResourceId"] == "endpoint/e/variant/v1"


def test_a_detector_is_asked_with_the_picture_that_preparation_left():
    features = {"task": "object_detection", "columns": [{"name": "image", "kind": "image", "example": "/9j/"}]}
    assert plan.probe(features) == {"instances": [{"b64": "/9j/"}]}
