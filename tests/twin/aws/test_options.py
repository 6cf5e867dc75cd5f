"""Choices from the environment."""

from __future__ import annotations

import sys

from twin.aws.options import Options


def test_environment_overrides_defaults_and_arguments_override_it(monkeypatch):
    for name, value in {"STOP_GRACE_S": "2", "JOBS": "container", "KEEP_WORK": "true", "QUOTA_TRAINING": "3"}.items():
        monkeypatch.setenv(f"TWIN_{name}", value)
    options = Options.from_environment(quota_training=5)
    assert (options.stop_grace_s, options.jobs, options.keep_work) == (2.0, "container", True)
    assert options.quota_training == 5


def test_images_of_the_project_are_known_and_may_be_replaced_by_a_file(monkeypatch, tmp_path):
    assert Options().images["mlops-training"] == [sys.executable, "-m", "workloads", "train"]
    other = tmp_path / "images.toml"
    other.write_text('[images]\nmine = ["{python}", "-V"]\n')
    monkeypatch.setenv("TWIN_IMAGES", str(other))
    assert Options().images == {"mine": [sys.executable, "-V"]}
