from typing import get_args

import pytest

from mlops.spec import ALGORITHMS, WORKLOADS, find_algorithm
from mlops.spec.algorithms import SETTING_ALIASES, AlgorithmName, Hyperparameters, setting_name


def test_names_settings_and_catalogue_agree():
    assert set(ALGORITHMS) == set(get_args(AlgorithmName))
    assert {one.settings for one in ALGORITHMS.values()} == set(get_args(Hyperparameters))


def test_eight_algorithms_can_run():
    assert WORKLOADS == (
        "random_forest", "xgboost", "logistic_regression", "linear_regression", "neural_network", "kmeans", "pca",
        "yolox",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("written", "name"),
    [("RF", "random_forest"), ("K-Means", "kmeans"), ("k means", "kmeans"), ("MLP", "neural_network"),
     ("t-SNE", "tsne"), ("Random Forest", "random_forest"), ("XGBoost", "xgboost"), ("PPO", "ppo")],
)  # fmt: skip
def test_an_algorithm_is_known_by_the_spellings_people_use(written, name):
    assert find_algorithm(written) is ALGORITHMS[name]


def test_an_unknown_algorithm_is_none():
    assert find_algorithm("magic") is None


@pytest.mark.parametrize(
    ("algorithm", "written", "name"),
    [("xgboost", "eta", "learning_rate"), ("xgboost", "lambda", "reg_lambda"), ("ppo", "num_epochs", "epochs"),
     ("kmeans", "k", "n_clusters"), ("logistic_regression", "c", "c"), ("kmeans", "eta", "eta")],
)  # fmt: skip
def test_a_setting_is_known_where_the_algorithm_has_it(algorithm, written, name):
    assert setting_name(ALGORITHMS[algorithm], written) == name


def test_each_alias_leads_to_a_setting():
    settings = {setting for one in ALGORITHMS.values() for setting in one.setting_names}
    assert set(SETTING_ALIASES.values()) <= settings
    assert not set(SETTING_ALIASES) & settings


def test_defaults_of_all_settings_are_within_their_limits():
    for one in ALGORITHMS.values():
        defaults = one.settings().model_dump(mode="json")
        assert one.settings.model_validate(defaults) == one.settings()
