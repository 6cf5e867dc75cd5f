"""The program's wrapper: what is missing is said, progress is shown, resources are found at every depth."""

from __future__ import annotations

import zipfile

import pytest

from twin.infra import terraform
from twin.infra.rehearsal import build_folder, localhost, override
from twin.infra.terraform import Progress, Terraform, TerraformMissing


def test_missing_program_is_said_with_the_way_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TerraformMissing, match="Install Terraform"):
        Terraform(tmp_path, "http://localhost:1")


def test_plugin_is_found_where_the_variable_says(tmp_path, monkeypatch):
    monkeypatch.setattr(terraform, "PLUGIN_FOLDERS", ("TF_PLUGIN_DIR",))
    monkeypatch.setenv("TF_PLUGIN_DIR", str(tmp_path))
    assert terraform.find_plugins() is None
    (tmp_path / terraform._PROVIDER).mkdir(parents=True)
    assert terraform.find_plugins() == tmp_path


def test_progress_is_said_now_and_then_and_at_the_end():
    said: list[str] = []
    progress = Progress("apply", 3, said.append)
    for name in ("a", "b", "module.mlops.c"):
        progress.finished(name)
    assert said == ["  apply 3/3 c"]


def test_resources_of_modules_are_found_and_data_are_not():
    state = {
        "resources": [{"mode": "data", "address": "data.x", "type": "x", "values": {}}],
        "child_modules": [
            {"resources": [{"mode": "managed", "address": "module.mlops.y.this", "type": "y", "values": {"a": 1}}]}
        ],
    }
    found = list(terraform._resources(state))
    assert [(each.short, each.values) for each in found] == [("y.this", {"a": 1})]


def test_twin_is_reached_by_a_name_because_mwaa_puts_a_word_before_it():
    assert localhost("http://127.0.0.1:5000") == "http://localhost:5000"


def test_override_points_both_regions_at_the_twin():
    text = override("http://127.0.0.1:5000", build_folder_path := terraform.Path("/b"))
    assert text.count("http://127.0.0.1:5000") == 2
    assert f'build         = "{build_folder_path}"' in text


def test_what_was_built_is_taken_and_only_the_rest_is_stood_in_for(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("twin.infra.rehearsal.BUILT", tmp_path)
    (tmp_path / "mwaa").mkdir(parents=True)
    (tmp_path / "mwaa" / "plugins.zip").write_bytes(b"real")
    build = build_folder(tmp_path / "scratch")
    assert (build / "mwaa" / "plugins.zip").read_bytes() == b"real"
    assert (build / "mwaa" / "requirements.txt").exists()
    said = capsys.readouterr().out
    assert "mwaa/requirements.txt" in said
    assert "plugins" not in said


def test_functions_are_packaged_anew_for_they_run_here(tmp_path):
    with zipfile.ZipFile(build_folder(tmp_path) / "lambda" / "rotation.zip") as package:
        assert "mlops/lambdas/rotation.py" in package.namelist()
