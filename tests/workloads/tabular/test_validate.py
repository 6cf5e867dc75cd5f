"""Judging: metrics from stored predictions, an honest champion, and a seal that shows every break."""

from __future__ import annotations

import json
import shutil

import numpy as np
import onnx
import pyarrow.parquet as pq
import pytest
from onnx import numpy_helper

from mlops.handles import Evaluation
from workloads.archive import ArchiveError
from workloads.contract import UserError, read_json, write_json
from workloads.tabular import metrics, seal


@pytest.fixture
def judged(trained_cancer, tmp_path):
    """A copy of the trained run that a test may harm."""
    shutil.copytree(trained_cancer.base, tmp_path / "judged")
    job = type(trained_cancer)(tmp_path / "judged")
    job.spec, job.manifest = dict(trained_cancer.spec), dict(trained_cancer.manifest)
    return job


def details(job):
    return read_json(job.evaluation, "details.json")


def test_results_are_the_handle_of_the_control_plane(judged):
    results = judged.validate()
    evaluation = Evaluation(prefix="s3://bucket/evaluations/x/", **results)
    assert evaluation.seal_intact
    assert evaluation.rows == judged.manifest["rows"]["test"]
    assert evaluation.metrics["f1"] > 0.93
    assert evaluation.plots == ["confusion_matrix.png", "roc_curve.png", "learning_curve.png"]
    assert read_json(judged.evaluation, "results.json") == results


def test_metrics_follow_from_the_stored_predictions(judged):
    results = judged.validate()
    stored = pq.read_table(judged.evaluation / "predictions.parquet")
    probabilities = np.column_stack([stored[f"probabilities.{code}"].to_numpy() for code in range(2)])
    again = metrics.classification(stored["target"].to_numpy(), stored["label"].to_numpy(), probabilities)
    assert again == results["metrics"]
    raw = pq.read_table(judged.dataset / "test" / "raw.parquet")
    assert stored["row_id"].to_pylist() == raw["row_id"].to_pylist()


def test_pictures_are_small_pngs_and_the_page_needs_no_other_file(judged):
    results = judged.validate()
    for name in results["plots"]:
        picture = (judged.evaluation / name).read_bytes()
        assert picture.startswith(b"\x89PNG")
        assert len(picture) < 80_000
    page = (judged.evaluation / "evaluation_report.html").read_text()
    assert page.count('src="data:image/png;base64,') == 3
    assert "http" not in page


def test_report_shows_what_was_asked_for_even_if_it_was_not_measured(judged):
    judged.spec["evaluation"] = {"thresholds": {"f1": 0.9, "rmse": 3.0}}
    judged.validate()
    report = (judged.evaluation / "evaluation_report.md").read_text()
    assert "| `rmse` | – | – | 3.0000 |" in report
    assert "| 0.9000 |" in report


def test_latency_is_measured_where_it_is_asked_for(judged):
    assert "inference_latency_ms" not in judged.validate()["metrics"]
    judged.spec["evaluation"] = {"thresholds": {"inference_latency_ms": 50.0}}
    assert 0 < judged.validate()["metrics"]["inference_latency_ms"] < 1000


def test_changed_test_file_breaks_the_seal(judged):
    path = judged.dataset / "test" / "data.parquet"
    table = pq.read_table(path)
    flipped = table.set_column(table.column_names.index("target"), "target", [1 - table["target"].to_numpy()])
    pq.write_table(flipped, path)
    assert not judged.validate()["seal_intact"]
    assert details(judged)["seal_broken"] == ["test/data.parquet is not the file that prepare wrote"]


def test_test_row_seen_in_training_breaks_the_seal(judged):
    raw_hashes = pq.read_table(judged.dataset / "test" / "data.parquet")["row_hash"].to_numpy()
    seen = np.load(judged.model / seal.TRAIN_HASHES)
    np.save(judged.model / seal.TRAIN_HASHES, np.sort(np.append(seen, raw_hashes[:2])))
    assert not judged.validate()["seal_intact"]
    assert "2 of 85 test rows were seen in training" in details(judged)["seal_broken"]


def test_model_of_another_dataset_version_breaks_the_seal(judged):
    seen = np.load(judged.model / seal.TRAIN_HASHES)
    np.save(judged.model / seal.TRAIN_HASHES, seen[1:])
    judged.validate()
    assert details(judged)["seal_broken"] == ["the model was trained on other rows than those of this dataset version"]


def test_model_that_hides_its_rows_breaks_the_seal(judged):
    (judged.model / seal.TRAIN_HASHES).unlink()
    assert not judged.validate()["seal_intact"]


def test_recipe_other_than_the_datasets_breaks_the_seal(judged):
    recipe = read_json(judged.model, "features.json")
    recipe["offset"][0] += 1.0
    write_json(judged.model / "features.json", recipe)
    judged.validate()
    assert details(judged)["seal_broken"] == ["the model carries another recipe than this dataset version"]


def test_model_that_predicts_no_number_is_refused(make_job):
    job = make_job("linear_regression").bundled("diabetes")
    job.prepare()
    job.train()
    model = onnx.load(job.model / "model.onnx")
    bias = model.graph.initializer[-1]
    poisoned = np.full_like(numpy_helper.to_array(model.graph.initializer[-2]), np.nan)
    model.graph.initializer[-2].CopyFrom(numpy_helper.from_array(poisoned, model.graph.initializer[-2].name))
    assert bias.name
    onnx.save(model, job.model / "model.onnx")
    with pytest.raises(UserError, match=r"predicts no number \(value\) for 66 of 66 test rows"):
        job.validate()


def test_archive_with_a_climbing_name_is_refused(judged, tmp_path):
    import tarfile

    path = tmp_path / "evil.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../../evil"))
    judged.pack_model = lambda: path
    with pytest.raises(ArchiveError):
        judged.validate()


def test_champion_with_another_recipe_answers_the_same_rows(judged, make_job):
    """The champion knows other scaling and fewer columns; it reads the raw rows by its own recipe."""
    before = make_job("logistic_regression").bundled("breast_cancer")
    before.spec["preprocessing"] = {"scaling": "minmax", "missing": "drop"}
    before.version = "0.9.0"
    before.prepare()
    before.train()
    before.validate()
    before.package()
    results = judged.validate(champion=before.packed / "model.tar.gz")
    assert results["champion_version"] == "0.9.0"
    assert set(results["champion_metrics"]) == set(results["metrics"])
    assert results["champion_metrics"]["f1"] > 0.9


def test_champion_is_compared_by_class_name_not_by_position(judged, make_job):
    before = make_job("logistic_regression").bundled("breast_cancer")
    before.spec["dataset"]["classes"] = ["benign", "malignant"]
    before.prepare()
    before.train()
    results = judged.validate(champion=before.pack_model())
    assert results["champion_metrics"]["accuracy"] > 0.9


@pytest.mark.parametrize(
    ("dataset", "algorithm", "reason"),
    [("diabetes", "linear_regression", "the champion does regression"), ("wine", "xgboost", "predicts 'cultivar'")],
)
def test_champion_that_does_something_else_is_not_compared(judged, make_job, dataset, algorithm, reason):
    other = make_job(algorithm).bundled(dataset)
    other.prepare()
    other.train()
    assert judged.validate(champion=other.pack_model())["champion_metrics"] is None
    assert reason in details(judged)["champion_note"]


def test_champion_that_needs_a_column_now_gone_is_not_compared(make_job):
    columns = {"x": list(range(60)), "z": [n % 7 for n in range(60)], "target": [n * 2.5 for n in range(60)]}
    before, after = make_job("linear_regression"), make_job("linear_regression")
    before.csv(columns)
    after.csv({name: values for name, values in columns.items() if name != "z"})
    for each in (before, after):
        each.prepare()
        each.train()
    assert after.validate(champion=before.pack_model())["champion_metrics"] is None
    assert "cannot read these rows: z: is missing" in details(after)["champion_note"]


@pytest.mark.parametrize(
    ("dataset", "algorithm", "task", "plots"),
    [
        ("diabetes", "linear_regression", None, ["residuals.png", "learning_curve.png"]),
        ("wine", "kmeans", "clustering", ["clusters.png", "learning_curve.png"]),
        ("wine", "pca", "dimensionality_reduction", ["components.png", "learning_curve.png"]),
    ],
)
def test_every_task_has_its_metrics_and_pictures(make_job, dataset, algorithm, task, plots):
    job = make_job(algorithm).bundled(dataset)
    job.spec["task"], job.spec["preprocessing"] = task, {"scaling": "standard"}
    job.spec["hyperparameters"] = {"n_clusters": 3} if algorithm == "kmeans" else {}
    job.prepare()
    job.train()
    results = job.validate()
    assert results["seal_intact"]
    assert results["plots"] == plots
    expected = {"linear_regression": {"rmse", "mae", "r2", "mape"}, "kmeans": {"silhouette", "davies_bouldin"},
                "pca": {"explained_variance", "reconstruction_error"}}[algorithm]  # fmt: skip
    assert set(results["metrics"]) == expected


def test_clusters_of_a_champion_are_measured_in_the_candidates_space(make_job):
    jobs = [make_job("kmeans").bundled("wine") for _ in range(2)]
    for job, scaling in zip(jobs, ("standard", "none"), strict=True):
        job.spec |= {"task": "clustering", "hyperparameters": {"n_clusters": 3}, "preprocessing": {"scaling": scaling}}
        job.prepare()
        job.train()
    results = jobs[0].validate(champion=jobs[1].pack_model())
    assert results["champion_metrics"]["silhouette"] < results["metrics"]["silhouette"]


def test_hostile_class_names_stay_text_in_both_reports(make_job):
    job = make_job()
    classes = ["<script>alert(1)</script>", "$x^2$ | `b`"]
    job.csv({"x": list(range(60)), "target": [classes[n // 30] for n in range(60)]})
    job.spec["dataset"]["target"] = "target"
    job.spec["hyperparameters"] = {"n_estimators": 5}
    job.prepare()
    job.train()
    job.validate()
    assert "<script>" not in (job.evaluation / "evaluation_report.html").read_text()
    assert json.loads((job.evaluation / "results.json").read_text())["seal_intact"]
