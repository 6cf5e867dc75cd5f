"""The package: complete, the same bytes every time, and served by its own code."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import pytest

from workloads import archive
from workloads.contract import UserError, read_json, write_json
from workloads.tabular.features import FeaturePlan


@pytest.fixture(scope="module")
def packaged(make_lasting_job):
    job = make_lasting_job("logistic_regression").bundled("wine")
    job.prepare()
    job.train()
    job.validate()
    job.metadata = job.package()
    return job


@pytest.fixture
def unpacked(packaged, tmp_path):
    archive.extract(packaged.packed / "model.tar.gz", tmp_path / "model")
    return tmp_path / "model"


def test_archive_holds_all_that_serving_needs(unpacked):
    names = {p.name for p in unpacked.iterdir()}
    assert names == {"model.onnx", "features.json", "signature.json", "openapi.json", "baseline.json",
                     "hyperparameters.json", "manifest.json", "code"}  # fmt: skip
    assert (unpacked / "code" / "workloads" / "serving" / "server.py").exists()
    assert (unpacked / "code" / "workloads" / "tabular" / "features.py").exists()
    assert not (unpacked / "code" / "workloads" / "tabular" / "train.py").exists()


def test_manifest_proves_every_file(unpacked):
    manifest = read_json(unpacked, "manifest.json")
    files = {str(p.relative_to(unpacked)) for p in unpacked.rglob("*") if p.is_file()}
    assert set(manifest["files"]) == files - {"manifest.json"}
    for name, entry in manifest["files"].items():
        content = (unpacked / name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["bytes"], entry["sha256"])
    assert (manifest["model_id"], manifest["version"], manifest["run_key"]) == ("sample", "1.0.0", "gh-1-2-abc")


def test_same_model_gives_the_same_bytes(packaged, tmp_path):
    from workloads.tabular.package import package

    (tmp_path / "again").mkdir()
    again = package(packaged.run, model=packaged.pack_model(), evaluation=packaged.evaluation,
                    features=packaged.dataset, baseline=packaged.dataset, target=tmp_path / "again")  # fmt: skip
    assert again == packaged.metadata
    content = (packaged.packed / "model.tar.gz").read_bytes()
    assert content == (tmp_path / "again" / "model.tar.gz").read_bytes()
    assert hashlib.sha256(content).hexdigest() == packaged.metadata["sha256"]


def test_server_loads_the_package_and_answers_the_documents_own_examples(unpacked):
    """The code that travels with the model is enough: no other module of ours is on the path."""
    probe = """
import json, sys
from pathlib import Path
from workloads.serving.model import Model
import workloads
assert workloads.__file__.startswith(sys.argv[1]), workloads.__file__
model = Model(Path(sys.argv[1]))
model.warm_up()
content = json.loads(model.openapi)["paths"]["/invocations"]["post"]["requestBody"]["content"]
for example in content["application/json"]["examples"].values():
    answer = model.predict_json(json.dumps(example["value"]).encode())
    assert len(answer) == 1 and set(answer[0]) == {"label", "probabilities"}, answer
print(len(model.predict_csv(content["text/csv"]["example"].encode())))
"""
    command = [sys.executable, "-P", "-c", probe, str(unpacked)]
    alone = {"PYTHONPATH": str(unpacked / "code")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=unpacked, env=alone)
    assert (done.returncode, done.stdout.strip()) == (0, "1"), done.stderr


def test_openapi_document_describes_columns_and_answers(packaged):
    document = read_json(packaged.packed, "openapi.json")
    assert (document["openapi"], document["info"]["version"]) == ("3.1.0", "1.0.0")
    schemas = document["components"]["schemas"]
    assert list(schemas["Row"]["properties"]) == sorted(packaged.manifest["row_hash_columns"])
    assert schemas["Prediction"]["properties"]["label"]["enum"] == ["class_0", "class_1", "class_2"]
    assert schemas["Row"]["properties"]["alcohol"]["type"] == ["number", "null"]
    references = {word for word in json.dumps(document).split('"') if word.startswith("#/")}
    assert {reference.rpartition("/")[2] for reference in references} <= set(schemas)


def test_column_without_gaps_in_training_may_not_be_null():
    from workloads.tabular import openapi
    from workloads.tabular.features import Column

    columns = (
        Column("x", "number", 1.0, example=1.0),
        Column("w", "category", "a", "one_hot", ("a", "b"), example="a"),
    )
    plan = FeaturePlan(columns, ("x", "w=a", "w=b"), (0.0,) * 3, (1.0,) * 3, "regression", missing="drop")
    row = openapi.document(plan, model="m", version="1.0.0", algorithm="xgboost", metrics={})["components"]["schemas"][
        "Row"
    ]
    assert row["properties"]["x"]["type"] == "number"
    assert row["properties"]["w"]["description"].startswith("Known words: a, b.")


def test_metadata_trace_the_model_back_to_its_data(packaged):
    metadata = read_json(packaged.packed, "model_metadata.json")
    assert metadata["lineage"] == {"dataset": "sample", "dataset_version": "v1", "training_run": "gh-1-2-abc",
                                   "champion": None}  # fmt: skip
    assert metadata["metrics"] == read_json(packaged.evaluation, "results.json")["metrics"]
    assert metadata["hyperparameters"]["C"] == 1.0


def test_inference_code_lies_beside_the_archive(packaged):
    assert (packaged.packed / "inference_code" / "workloads" / "__main__.py").exists()


def test_model_with_another_recipe_is_refused(packaged, tmp_path):
    from workloads.tabular.package import package

    write_json(tmp_path / "features.json", read_json(packaged.dataset, "features.json") | {"scaling": "minmax"})
    with pytest.raises(UserError, match="another recipe"):
        package(packaged.run, model=packaged.pack_model(), evaluation=packaged.evaluation, features=tmp_path,
                baseline=packaged.dataset, target=tmp_path)  # fmt: skip
