"""An issue that asks for a detector: rendered road scenes in, a served YOLOX out, through every phase."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from twin import environment
from twin.layout import PROJECT

pytestmark = [pytest.mark.whole, pytest.mark.timeout(900)]

DATASET = "scenes_of_a_test"
FRAMES = 20
ISSUE = f"""
```yaml
model_type: supervised_learning
algorithm: yolox
variant: Nano
dataset:
  name: {DATASET}
  classes: [Car, Pedestrian, Cyclist]
preprocessing:
  input_size: [96, 320]
  masking: [plates]
  points: {{outputs: [bev]}}
  augmentation: [mosaic, hsv_jitter, random_horizontal_flip]
hyperparameters: {{epochs: 2, batch_size: 4, lr: 0.02, warmup_epochs: 0, evaluate_every: 1, multi_scale: false}}
evaluation:
  metrics: [mAP@0.5, mAP@0.5:0.95, recall, precision, inference_latency_ms]
  test_dataset: kitti_val
deployment:
  target: sagemaker_endpoint
  instance_type: ml.g4dn.xlarge
  precision: fp16
  max_accuracy_drop: 0.5
  auto_scaling: {{min_instances: 1, max_instances: 2, target_invocations_per_instance: 100}}
```
"""


def file_ahead(system) -> tuple[Path, int]:
    """(The raw data set as somebody uploaded it, the issue.)"""
    folder = system.layout.home.parent / "scenes"
    size = ["--frames", str(FRAMES), "--height", "96", "--width", "320"]
    subprocess.run(
        [sys.executable, "-m", "workloads.scenes", "--out", str(folder), *size], cwd=PROJECT, check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    s3 = system.aws("s3")
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        key = f"datasets/{DATASET}/raw/{path.relative_to(folder).as_posix()}"
        s3.put_object(Bucket=environment.BUCKET, Key=key, Body=path.read_bytes())
    return folder, system.file_issue(ISSUE, title="[MLOps] YOLOX on rendered scenes")


@pytest.fixture(scope="module")
def scenes(system) -> Path:
    return system.ahead[file_ahead][0]


@pytest.fixture(scope="module")
def record(system):
    return system.finished(system.ahead[file_ahead][1])


def objects(system, s3_uri: str) -> dict[str, bytes]:
    """Name below the prefix -> content."""
    bucket, _, prefix = s3_uri.removeprefix("s3://").partition("/")
    s3, found = system.aws("s3"), {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for one in page.get("Contents", []):
            found[one["Key"].removeprefix(prefix)] = s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read()
    return found


def test_every_phase_succeeded_and_the_model_is_deployed(record):
    assert {phase: (state["state"], state["message"]) for phase, state in record["phases"].items()
            if state["state"] != "succeeded"} == {}  # fmt: skip
    assert record["outcome"] == "deployed"


def test_the_prepared_data_have_the_layout_of_the_specification(system, record):
    prepared = record["phases"]["prepare"]["handle"]
    assert sum(prepared["rows"].values()) == FRAMES
    found = objects(system, prepared["prefix"])
    for split in ("train", "validation", "test"):
        document = json.loads(found[f"{split}/annotations.json"])
        assert len(document["images"]) == prepared["rows"][split]
        assert all(f"{split}/images/{one['file_name']}" in found for one in document["images"])
        assert sum(name.startswith(f"{split}/points/") for name in found) == prepared["rows"][split]
    assert json.loads(found["metadata.json"])["synthetic"] is True


def test_the_training_left_weights_network_log_and_settings(system, record):
    (content,) = objects(system, record["phases"]["train"]["handle"]["model_uri"]).values()
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        names = {member.name.removeprefix("./") for member in archive.getmembers()}
    stem = f"yolox_nano_{DATASET}"
    assert {f"{stem}.pth", f"{stem}.onnx", f"{stem}.safetensors", "training_log.json", "hyperparameters.json"} <= names


def test_the_evaluation_holds_figures_pictures_and_a_report(system, record):
    found = objects(system, record["phases"]["validate"]["handle"]["prefix"])
    assert {"metrics.json", "confusion_matrix.png", "pr_curve.png", "evaluation_report.pdf"} <= found.keys()
    assert sum(name.startswith("predictions/") for name in found) >= 1
    assert found["evaluation_report.pdf"].startswith(b"%PDF")
    metrics = record["phases"]["validate"]["handle"]["metrics"]
    assert {"map_50", "map_50_95", "precision", "recall", "inference_latency_ms"} <= metrics.keys()


def test_the_endpoint_answers_pictures_with_the_new_version(system, scenes, record):
    deployment = record["phases"]["deploy"]["handle"]
    picture = (scenes / "training" / "image_2" / "000000.png").read_bytes()
    reply = system.aws("sagemaker-runtime").invoke_endpoint(
        EndpointName=deployment["endpoint"], ContentType="image/png", Body=picture, CustomAttributes="score=0.01"
    )
    answer = json.loads(reply["Body"].read())
    assert answer["model_version"] == deployment["version"]
    (prediction,) = answer["predictions"]
    assert prediction["image_size"] == [96, 320]
    assert prediction["fallback"] is False
    assert {one["class"] for one in prediction["detections"]} <= {"Car", "Pedestrian", "Cyclist"}


def test_the_comment_tells_of_frames_and_of_what_differs_from_the_issue(system, record):
    (comment,) = [one["body"] for one in system.comments(record["issue"]) if record["run_key"] in one["body"]]
    assert "sealed test frames" in comment
    assert "a rate of 0.00125" in comment  # 0.02 for 64 images, 4 a step
    assert "pr_curve.png" in comment
