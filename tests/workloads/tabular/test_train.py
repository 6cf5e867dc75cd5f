"""Every algorithm trains on real data, answers alike in ONNX, and leaves nothing that runs code when read."""

from __future__ import annotations

import json
import re

import numpy as np
import onnxruntime
import pytest

from workloads.contract import UserError
from workloads.tabular import algorithms, graphs, storage
from workloads.tabular.scoring import OnnxModel, TrainedFolder
from workloads.tabular.train import PARITY_LIMIT, check_parity

SMALL = {
    "random_forest": {"n_estimators": 20}, "xgboost": {"n_estimators": 30, "max_depth": 4},
    "neural_network": {"epochs": 60, "learning_rate": 0.005}, "kmeans": {"n_clusters": 3, "n_init": 2},
}  # fmt: skip
UNSUPERVISED = {"kmeans": "clustering", "pca": "dimensionality_reduction"}
CASES = [
    ("breast_cancer", "random_forest", "f1", 0.9), ("breast_cancer", "xgboost", "f1", 0.93),
    ("breast_cancer", "logistic_regression", "f1", 0.93), ("wine", "xgboost", "f1", 0.85),
    ("wine", "neural_network", "f1", 0.9), ("wine", "logistic_regression", "f1", 0.9),
    ("diabetes", "linear_regression", "r2", 0.35), ("diabetes", "random_forest", "r2", 0.3),
    ("diabetes", "xgboost", "r2", 0.3), ("diabetes", "neural_network", "r2", 0.3),
    ("wine", "kmeans", "silhouette", 0.2), ("wine", "pca", "explained_variance", 0.3),
]  # fmt: skip


@pytest.fixture(scope="module")
def trained(make_lasting_job):
    """(job, log) of one dataset and algorithm, trained once for all tests of this file."""
    known = {}

    def get(dataset, algorithm):
        if (dataset, algorithm) not in known:
            job = make_lasting_job(algorithm).bundled(dataset)
            job.spec["hyperparameters"] = SMALL.get(algorithm, {})
            job.spec["preprocessing"] = {"scaling": "standard"}
            job.spec["task"] = UNSUPERVISED.get(algorithm)
            job.prepare()
            known[dataset, algorithm] = job, job.train()
        return known[dataset, algorithm]

    return get


@pytest.mark.parametrize(("dataset", "algorithm", "metric", "least"), CASES)
def test_algorithm_learns_real_data_and_onnx_answers_alike(trained, dataset, algorithm, metric, least):
    job, log = trained(dataset, algorithm)
    assert log["metrics"][metric] > least
    assert log["parity"]["max_abs_diff"] <= PARITY_LIMIT * 1000  # relative to outputs up to 350 (diabetes)
    session = onnxruntime.InferenceSession(job.model / "model.onnx")
    signature = json.loads((job.model / "signature.json").read_text())
    assert [(o.name, o.shape[1:]) for o in session.get_outputs()] == [
        (o["name"], o["shape"][1:]) for o in signature["outputs"]
    ]
    assert session.get_inputs()[0].shape[1] == signature["input"]["shape"][1] == len(job.features()["outputs"])


@pytest.mark.parametrize(("dataset", "algorithm"), [case[:2] for case in CASES])
def test_product_holds_curves_and_no_pickle(trained, dataset, algorithm):
    job, log = trained(dataset, algorithm)
    curve = log["curve"]
    assert len(curve["x"]) > 1
    assert all(len(values) == len(curve["x"]) for values in curve["series"].values())
    names = {str(p.relative_to(job.model)) for p in job.model.rglob("*") if p.is_file()}
    native = {"xgboost": {"native/model.json"}, "neural_network": {"native/model.safetensors"}}.get(algorithm, set())
    assert names == native | {
        "model.onnx", "features.json", "signature.json", "hyperparameters.json", "training_log.json",
        "train_row_hashes.npy",
    }  # fmt: skip
    np.load(job.model / "train_row_hashes.npy", allow_pickle=False)


@pytest.mark.parametrize(("dataset", "algorithm"), [("wine", "xgboost"), ("diabetes", "random_forest")])
def test_one_row_and_many_rows_get_the_same_answer(trained, dataset, algorithm):
    job, _ = trained(dataset, algorithm)
    model = TrainedFolder(job.model).model
    rows = storage.read_split(job.dataset / "test" / "data.parquet").features
    together = model.predict(rows)
    for name, values in together.items():
        alone = np.concatenate([model.predict(rows[i : i + 1])[name] for i in range(len(rows))])
        np.testing.assert_allclose(alone, values, rtol=1e-6)


def test_same_seed_gives_the_same_model(trained, make_job):
    job, _ = trained("wine", "neural_network")
    again = make_job("neural_network").bundled("wine")
    again.spec = job.spec
    again.prepare()
    again.train()
    assert (again.model / "model.onnx").read_bytes() == (job.model / "model.onnx").read_bytes()


def test_metric_lines_end_with_the_final_validation_metrics(trained, job, capsys):
    job.bundled("wine").spec["hyperparameters"] = {"n_estimators": 12, "max_depth": 3}
    job.prepare()
    log = job.train()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("epoch=1 train:mlogloss=")
    assert all(re.fullmatch(r"epoch=\d+( (train|validation):\w+=[-+0-9.e]+)+", line) for line in lines)
    assert f"validation:f1={log['metrics']['f1']:.6g}" in lines[-1]


def test_settings_with_an_effect_are_recorded_defaults_included(trained):
    job, _ = trained("wine", "xgboost")
    recorded = json.loads((job.model / "hyperparameters.json").read_text())
    assert recorded == {**algorithms.importlib.import_module("workloads.tabular.algorithms.xgboost").DEFAULTS,
                        "n_estimators": 30, "max_depth": 4}  # fmt: skip


def test_mixed_columns_can_be_learned(job):
    random = np.random.default_rng(0)
    town = random.choice(["a", "b", "c"], 200)
    size = random.normal(0, 1, 200)
    price = [f"{s + {'a': 0, 'b': 5, 'c': 10}[t]:.3f}" for s, t in zip(size, town, strict=True)]
    job.csv({"size": size.round(3).tolist(), "town": town.tolist(), "price": price})
    job.spec |= {"algorithm": "linear_regression", "dataset": {"target": "price"}}
    job.prepare()
    assert job.train()["metrics"]["r2"] > 0.99


@pytest.mark.parametrize(
    ("dataset", "algorithm", "settings", "words"),
    [
        ("wine", "linear_regression", {}, "linear_regression cannot learn classification.*choose random_forest"),
        ("wine", "yolox", {}, "'yolox' has no workload; there are random_forest"),
        ("wine", "xgboost", {"depth": 3}, "hyperparameters.depth: unknown here; there are n_estimators"),
        ("wine", "pca", {"n_components": 50}, "50 given; 13 features and 124 training rows allow at most 13"),
        ("wine", "kmeans", {"n_clusters": 999}, "999 given, the training split has 124 distinct rows"),
        (
            "diabetes",
            "neural_network",
            {"learning_rate": 1e30, "epochs": 2},
            "learning_rate: with 1e\\+30 training diverged",
        ),
    ],
    ids=["wrong-task", "no-workload", "unknown-setting", "components", "clusters", "diverging"],
)
def test_settings_that_cannot_work_are_refused(job, dataset, algorithm, settings, words):
    job.bundled(dataset).spec |= {"algorithm": algorithm, "hyperparameters": settings}
    job.spec["task"] = UNSUPERVISED.get(algorithm)
    job.prepare()
    with pytest.raises(UserError, match=words):
        job.train()


def test_onnx_that_answers_otherwise_is_refused(trained):
    from workloads.tabular.lesson import Curve, Fitted, Lesson

    graph = graphs.Graph()
    graph.value_output(graph.affine(graphs.INPUT, np.ones((1, 1)), np.zeros(1)))
    rows = np.float32([[1.0], [2.0]])
    lesson = Lesson("regression", rows, rows[:, 0], rows, rows[:, 0])
    honest = Fitted(graph.build("regression", 1), lambda x: {"value": x[:, 0]}, {}, Curve("x"))
    assert check_parity(honest, lesson)["max_abs_diff"] == 0
    lying = Fitted(honest.onnx, lambda x: {"value": x[:, 0] + 0.01}, {}, Curve("x"))
    with pytest.raises(ArithmeticError, match=r"differs from the framework in 'value' by 0\.01"):
        check_parity(lying, lesson)


def test_double_thresholds_become_float32_without_moving_a_row():
    """Of neighbouring float32 values, the ones at or below the double threshold stay there."""
    values = np.nextafter(np.float32(0.1), np.float32([-1, 1])).astype(np.float32)
    for threshold in (values[0] + values[1].astype(np.float64)) / 2 + np.array([-1e-12, 0, 1e-12]):
        rounded = graphs.float32_thresholds(np.array([threshold]))[0]
        candidates = np.float32([values[0], 0.1, values[1]])
        assert ((candidates <= rounded) == (candidates.astype(np.float64) <= threshold)).all()


def test_every_setting_of_the_spec_is_known_to_its_workload():
    """One word per idea: what an issue may set is what the algorithm takes, with the same default."""
    from mlops.spec.algorithms import Hyperparameters

    settings = {model.model_fields["algorithm"].default: model for model in Hyperparameters.__args__}
    for name in algorithms.TASKS:
        defaults = algorithms.importlib.import_module(f"workloads.tabular.algorithms.{name}").DEFAULTS
        wanted = settings[name]().model_dump(mode="python")
        assert wanted == defaults, name


def test_forest_whose_trees_agree_is_sure_and_never_surer(make_job):
    """Thirty times 1/30 in float32 is 1.0000004; a probability ends at 1."""
    job = make_job("random_forest").csv({"a": [*range(60)], "target": ["no"] * 30 + ["yes"] * 30})
    job.spec["hyperparameters"] = {"n_estimators": 30}
    job.prepare()
    job.train()
    network = OnnxModel((job.model / "model.onnx").read_bytes())
    width = len(job.features()["outputs"])
    answers = network.predict(np.linspace(-9, 9, 40, dtype=np.float32).repeat(width).reshape(40, width))
    assert answers["probabilities"].max() <= 1


def test_too_few_rows_for_a_single_split_still_give_a_model(job):
    """Eight training rows: no leaf may be that small, so every tree is empty and the answer is the base rate."""
    job.csv({"a": [*range(12)], "target": ["no", "yes"] * 6}).prepare()
    job.train()
    network = OnnxModel((job.model / "model.onnx").read_bytes())
    answers = network.predict(np.zeros((3, 1), dtype=np.float32))
    np.testing.assert_allclose(answers["probabilities"], 0.5, atol=0.01)


def test_target_beyond_what_float32_can_square_is_refused(job):
    job.spec["task"] = "regression"
    job.csv({"a": [*range(40)], "target": [n * 1e28 for n in range(40)]}).prepare()
    with pytest.raises(UserError, match=r"at most 1e\+15. Change its unit"):
        job.train()
