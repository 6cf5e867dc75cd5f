"""The machine names itself, and SageMaker's name for it where there is one."""

from __future__ import annotations

import json

import pytest

from workloads import machine


def test_processor_cores_and_load_are_told(tmp_path, monkeypatch):
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    facts = machine.describe(threads=2)
    assert facts["processor"]
    assert facts["cores"] >= 1
    assert facts["threads"] == 2
    assert "instance_type" not in facts
    assert machine.sentence(facts).startswith(facts["processor"])


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("resourceconfig.json", {"current_instance_type": "ml.g4dn.xlarge"}),
        ("processingjobconfig.json", {"ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.g4dn.xlarge"}}}),
    ],
)
def test_instance_type_comes_from_sagemakers_own_files(tmp_path, monkeypatch, name, document):
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / name).write_text(json.dumps(document))
    assert machine.describe()["instance_type"] == "ml.g4dn.xlarge"
    assert machine.sentence(machine.describe()).startswith("ml.g4dn.xlarge, ")
