"""The code in a package is what serving needs, and nothing that trains."""

from __future__ import annotations

from workloads.packaging import inference_code


def test_code_of_both_servers_travels_and_that_of_training_does_not():
    names = set(inference_code())
    assert {
        "workloads/serving/server.py", "workloads/serving/detector.py", "workloads/detection/detections.py",
        "workloads/images/letterbox.py", "workloads/tabular/features.py", "workloads/__main__.py",
    } <= names  # fmt: skip
    assert not {name for name in names if "/training/" in name or name.endswith(("/train.py", "/validate.py"))}
    assert not {name for name in names if name.startswith(("workloads/yolox/", "workloads/scenes/"))}
