"""A model is served only if it is what was packaged, and answers as the estimator it was made from."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from workloads import datasets
from workloads.serving.answers import Refusal
from workloads.serving.model import Model, ModelRefused, verify
from workloads.tabular import algorithms
from workloads.tabular.graphs import Graph
from workloads.tabular.lesson import Lesson


def test_probabilities_equal_the_estimators(wine):
    predictions = Model(wine.folder).predict(wine.rows)
    expected = wine.estimator.predict_proba(wine.scaled)
    got = np.array([list(prediction["probabilities"].values()) for prediction in predictions])
    np.testing.assert_allclose(got, expected, atol=1e-5)
    assert [p["label"] for p in predictions] == [wine.plan.classes[c] for c in wine.estimator.predict(wine.scaled)]


def learn(algorithm, name, task, make, folder, **settings):
    """(model, fitted, scaled rows, raw rows): what the `train` job makes of a bundled dataset, served."""
    table = datasets.load(name)
    plan = make.numeric_plan(table.columns, table.features, task)
    scaled = plan.apply(table.features)
    target = np.array(table.target, dtype=float) if task == "regression" else None
    fitted = algorithms.find(algorithm, task)(Lesson(task, scaled, target, scaled, target), settings)
    return Model(make.archive(folder, plan, fitted.onnx)), fitted, scaled, table.features


def test_regression_values_equal_the_estimators(make, tmp_path):
    model, fitted, scaled, rows = learn("random_forest", "diabetes", "regression", make, tmp_path, n_estimators=5)
    got = [prediction["value"] for prediction in model.predict(rows)]
    np.testing.assert_allclose(got, fitted.predict(scaled)["value"], rtol=1e-4)


def test_clusters_and_distances_equal_the_estimators(make, tmp_path):
    model, fitted, scaled, rows = learn("kmeans", "wine", "clustering", make, tmp_path, n_clusters=3)
    predictions, expected = model.predict(rows), fitted.predict(scaled)
    assert [p["cluster"] for p in predictions] == expected["cluster"].tolist()
    np.testing.assert_allclose([p["distance"] for p in predictions], expected["distance"], rtol=1e-3)


def test_components_equal_the_estimators(make, tmp_path):
    model, fitted, scaled, rows = learn("pca", "wine", "dimensionality_reduction", make, tmp_path, n_components=2)
    got = [prediction["components"] for prediction in model.predict(rows)]
    np.testing.assert_allclose(got, fitted.predict(scaled)["components"], atol=1e-4)


def test_network_of_another_task_is_refused(wine, make, tmp_path):
    with pytest.raises(ModelRefused, match="no output probabilities"):
        Model(make.archive(tmp_path, wine.plan, logarithm(13)))


def test_network_with_other_classes_is_refused(wine, make, tmp_path):
    network = (wine.folder / "model.onnx").read_bytes()
    plan = replace(wine.plan, classes=("class_0", "class_1"))
    with pytest.raises(ModelRefused, match=r"knows 3 classes, features\.json names 2"):
        Model(make.archive(tmp_path, plan, network))


def logarithm(width):
    """A network whose answer is no number for negative input."""
    graph = Graph()
    graph.value_output(graph.affine(graph.node("Log", "features"), np.ones((width, 1)), np.zeros(1)))
    return graph.build("regression", width)


def test_answer_that_is_no_number_is_the_models_fault_within_range(make, tmp_path):
    plan = make.numeric_plan(["x"], np.array([[1.0], [3.0]]), "regression")  # mean 2, deviation 1
    model = Model(make.archive(tmp_path, plan, logarithm(1)))
    assert model.predict([[3.0]]) == [{"value": 0.0}]
    with pytest.raises(Refusal, match="no finite number") as refused:
        model.predict([[3.0], [1.0]])
    assert (refused.value.status, refused.value.code) == (500, "no_prediction")


@pytest.mark.parametrize("value", [-1e30, -1e300])
def test_answer_that_is_no_number_is_the_senders_mistake_far_out(make, tmp_path, value):
    plan = make.numeric_plan(["x"], np.array([[1.0], [3.0]]), "regression")
    with pytest.raises(Refusal, match="row 2: x is so far") as refused, np.errstate(over="ignore"):
        Model(make.archive(tmp_path, plan, logarithm(1))).predict([[3.0], [value]])
    assert refused.value.status == 400


def test_changed_file_is_refused_by_name(wine, make, tmp_path):
    folder = make.archive(tmp_path, wine.plan, b"anything")
    (folder / "features.json").write_text("{}")
    with pytest.raises(ModelRefused, match=r"features\.json was changed after packaging"):
        verify(folder)


def test_missing_file_is_refused_by_name(wine, make, tmp_path):
    folder = make.archive(tmp_path, wine.plan, b"anything", **{"signature.json": b"{}"})
    (folder / "signature.json").unlink()
    with pytest.raises(ModelRefused, match=r"signature\.json is named by the manifest and cannot be read"):
        verify(folder)


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (None, "holds no manifest.json"),
        ("not json", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"files": {"../../etc/passwd": "00"}}', "lies outside"),
        ('{"files": {"/etc/passwd": "00"}}', "lies outside"),
        ('{"files": {}}', "model.onnx is not named"),
    ],
)
def test_broken_manifest_is_refused(tmp_path, manifest, words):
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(ModelRefused, match=words):
        verify(tmp_path)


def test_network_that_is_none_is_refused(wine, make, tmp_path):
    with pytest.raises(ModelRefused, match=r"model\.onnx cannot be loaded"):
        Model(make.archive(tmp_path, wine.plan, b"not a network"))


def test_version_comes_from_the_signature_and_cannot_break_a_header(wine, make, tmp_path):
    network = (wine.folder / "model.onnx").read_bytes()
    signature = json.dumps({"version": "2.0.1\r\nSet-Cookie: x"}).encode()
    assert Model(make.archive(tmp_path, wine.plan, network, **{"signature.json": signature})).version == (
        "2.0.1Set-Cookiex"
    )
    assert Model(wine.folder).version == "unknown"
    assert Model(wine.folder, "3.0.0").version == "3.0.0"
