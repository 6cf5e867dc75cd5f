"""Metrics agree with scikit-learn's and with answers known by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from workloads.tabular import metrics


def predictions(classes: int, rows: int = 200, seed: int = 0):
    random = np.random.default_rng(seed)
    target = random.integers(0, classes, rows)
    probabilities = random.dirichlet(np.ones(classes), rows).round(2)  # rounding makes ties
    probabilities[:, 0] += 1 - probabilities.sum(axis=1)
    return target, probabilities.argmax(axis=1), probabilities


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_classification_metrics_are_scikit_learns(classes):
    target, label, probabilities = predictions(classes)
    found = metrics.classification(target, label, probabilities)
    score = probabilities[:, 1] if classes == 2 else probabilities
    expected = {
        "accuracy": reference.accuracy_score(target, label),
        "precision": reference.precision_score(target, label, average="macro", zero_division=0),
        "recall": reference.recall_score(target, label, average="macro", zero_division=0),
        "f1": reference.f1_score(target, label, average="macro", zero_division=0),
        "auc_roc": reference.roc_auc_score(target, score, multi_class="ovr"),
    }
    assert found == pytest.approx(expected, abs=1e-12)


def test_class_that_neither_occurs_nor_is_predicted_is_left_out_of_the_average():
    target, label = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0])
    found = metrics.classification(target, label, np.eye(3)[label])
    assert found["f1"] == pytest.approx(reference.f1_score(target, label, average="macro"))
    assert "auc_roc" not in found  # class 2 has no row: not defined, so not there


def test_regression_metrics_are_scikit_learns():
    random = np.random.default_rng(1)
    target, value = random.normal(10, 3, 100), random.normal(10, 3, 100)
    assert metrics.regression(target, value) == pytest.approx({
        "rmse": reference.root_mean_squared_error(target, value),
        "mae": reference.mean_absolute_error(target, value),
        "r2": reference.r2_score(target, value),
        "mape": reference.mean_absolute_percentage_error(target, value),
    })  # fmt: skip


def test_mape_leaves_out_rows_whose_true_value_is_zero():
    """Of 0, 2, 4 predicted 1, 1, 4: errors 50 % and 0 %, mean 25 %."""
    assert metrics.regression(np.array([0.0, 2, 4]), np.array([1.0, 1, 4]))["mape"] == 0.25


def test_constant_target_has_no_r2_and_zero_target_no_mape():
    assert set(metrics.regression(np.zeros(3), np.ones(3))) == {"rmse", "mae"}


@pytest.mark.parametrize("clusters", [2, 5])
def test_clustering_metrics_are_scikit_learns(clusters):
    random = np.random.default_rng(2)
    features = random.normal(0, 1, (120, 4)).astype(np.float32) + 1000
    cluster = random.integers(0, clusters, 120)
    found = metrics.clustering(features, cluster)
    wide = features.astype(np.float64)
    assert found["silhouette"] == pytest.approx(reference.silhouette_score(wide, cluster), abs=1e-9)
    assert found["davies_bouldin"] == pytest.approx(reference.davies_bouldin_score(wide, cluster), rel=1e-9)


def test_cluster_of_one_row_scores_zero():
    features, cluster = np.array([[0.0], [1], [2], [9]]), np.array([0, 0, 0, 1])
    assert metrics.clustering(features, cluster)["silhouette"] == pytest.approx(
        reference.silhouette_score(features, cluster)
    )


def test_one_cluster_has_no_metrics():
    assert metrics.clustering(np.ones((5, 2)), np.zeros(5, int)) == {}


def test_reduction_that_keeps_all_explains_all():
    features = np.random.default_rng(3).normal(0, 1, (20, 3))
    assert metrics.reduction(features, features) == {"explained_variance": 1.0, "reconstruction_error": 0.0}
    mean = np.broadcast_to(features.mean(axis=0), features.shape)
    assert metrics.reduction(features, mean)["explained_variance"] == pytest.approx(0.0)


def test_roc_curve_is_scikit_learns_and_its_area_the_rank_statistic():
    target, _, probabilities = predictions(2)
    false_rate, true_rate = metrics.roc_curve(target == 1, probabilities[:, 1])
    expected = reference.roc_curve(target, probabilities[:, 1], drop_intermediate=False)
    np.testing.assert_allclose((false_rate, true_rate), expected[:2])
    area = np.trapezoid(true_rate, false_rate)
    assert area == pytest.approx(metrics.area_under_curve(target == 1, probabilities[:, 1]))
