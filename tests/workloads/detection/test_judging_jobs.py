"""`validate` and `package` as SageMaker starts them: processes over the `/opt/ml` layout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from workloads.contract import write_json

CAR, WALKER = ("Car", 10, 10, 60, 60), ("Pedestrian", 80, 20, 110, 100)


def start(judged, phase: str, **inputs: Path) -> tuple[subprocess.CompletedProcess, Path]:
    """Run one job; each input is a folder or a single file, mounted under its name."""
    base = judged.base / phase
    document = judged.run.__dict__ | {"everything": None, "phase": phase}
    write_json(base / "processing" / "input" / "run" / "run.json", document)
    for name, source in inputs.items():
        target = base / "processing" / "input" / name
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            target.mkdir(parents=True)
            shutil.copy(source, target / ("model.tar.gz" if source.suffix == ".gz" else source.name))
    done = subprocess.run([sys.executable, "-m", "workloads", phase], capture_output=True, text=True, check=False,
                          env=os.environ | {"SAGEMAKER_BASE_DIR": str(base)}, timeout=120)  # fmt: skip
    return done, base


def validated(judged) -> tuple[subprocess.CompletedProcess, Path]:
    write_json(judged.base / "manifest.json", judged.manifest)
    return start(judged, "validate", model=judged.product, test=judged.dataset / "test", champion=judged.product,
                 features=judged.dataset / "features.json", manifest=judged.base / "manifest.json")  # fmt: skip


def test_two_processes_lead_from_a_trained_model_to_a_package(judge):
    judged = judge([[CAR], [WALKER]], [[(*CAR, 0.9)], [(*WALKER, 0.8)]], kitti=True)
    judged.run.spec["deployment"] = {"precision": "fp16", "ensemble": ["0.9.0"]}
    done, base = validated(judged)
    assert done.returncode == 0, done.stderr
    evaluation = base / "processing" / "output" / "evaluation"
    assert json.loads((evaluation / "results.json").read_text())["champion_version"] == "0.9.0"
    write_json(judged.base / "baseline.json", {"frames": 2})
    member = judged.write_product("earlier", [[]], judged.classes, version="0.9.0")
    done, base = start(
        judged, "package", model=judged.product, evaluation=evaluation / "results.json", member_1=member,
        features=judged.dataset / "features.json", baseline=judged.base / "baseline.json",
        validation=judged.dataset / "test",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    metadata = json.loads((base / "processing" / "output" / "package" / "model_metadata.json").read_text())
    assert (metadata["precision"]["served"], metadata["ensemble"]) == ("fp16", ["0.9.0"])


def test_unlabelled_frames_fail_the_job_with_the_message_sagemaker_shows(judge):
    done, base = validated(judge([[], []], [[], []]))
    assert done.returncode == 2
    message = (base / "output" / "message").read_text()
    assert message.startswith("UserError: test: none of its 2 frames has a labelled box")
    assert "Traceback" not in done.stderr
