import pytest
from pydantic import ValidationError

from mlops.spec import ALGORITHMS, WORKLOADS, RunSpec, canonical

DATA = {"model_type": "supervised_learning", "algorithm": "xgboost", "dataset": {"name": "wine"}}


def test_the_canonical_form_has_every_default_and_reads_back():
    spec = RunSpec.model_validate(DATA)
    data = canonical(spec)
    assert data["name"] == "xgboost-wine"
    assert data["dataset"]["splits"] == {"train": 0.7, "validation": 0.15, "test": 0.15, "seed": 0}
    assert data["hyperparameters"]["n_estimators"] == 300
    assert data["deployment"]["target"] == "none"
    assert RunSpec.model_validate(data) == spec


@pytest.mark.parametrize("name", WORKLOADS)
def test_each_workload_has_a_canonical_form_that_reads_back(name):
    spec = RunSpec.model_validate({**DATA, "algorithm": name, "model_type": ALGORITHMS[name].model_type})
    assert RunSpec.model_validate(canonical(spec)) == spec
    assert set(canonical(spec)["hyperparameters"]) == set(ALGORITHMS[name].setting_names)


@pytest.mark.parametrize(
    ("given", "filled"),
    [
        ({"train": 0.8}, (0.8, 0.1, 0.1)),
        ({"train": 0.8, "validation": 0.2}, (0.8, 0.1, 0.1)),
        ({"train": 0.8, "test": 0.2}, (0.7, 0.1, 0.2)),
        ({"train": 0.6, "validation": 0.3}, (0.6, 0.3, 0.1)),
        ({"test": 0.2}, (0.64, 0.16, 0.2)),
        ({"validation": 0.1, "test": 0.1}, (0.8, 0.1, 0.1)),
        ({"train": 7481, "validation": 7518}, (7481, 7518, None)),
        ({"train": 400, "validation": 50, "test": 50}, (400, 50, 50)),
    ],
)
def test_shares_that_are_left_out_are_what_the_others_leave(given, filled):
    splits = RunSpec.model_validate({**DATA, "dataset": {"name": "wine", "splits": given}}).dataset.splits
    assert (splits.train, splits.validation, splits.test) == pytest.approx(filled)


@pytest.mark.parametrize(
    ("algorithm", "evaluation", "task"),
    [
        ("xgboost", {}, None),
        ("xgboost", {"metrics": ["f1"]}, "classification"),
        ("xgboost", {"thresholds": {"rmse": 3.0}}, "regression"),
        ("xgboost", {"metrics": ["inference_latency_ms"]}, None),
        ("logistic_regression", {}, "classification"),
        ("linear_regression", {}, "regression"),
    ],
)
def test_the_task_follows_from_algorithm_and_metrics(algorithm, evaluation, task):
    assert RunSpec.model_validate({**DATA, "algorithm": algorithm, "evaluation": evaluation}).task == task


def test_scaling_has_a_target():
    scaling = RunSpec.model_validate(
        {**DATA, "deployment": {"auto_scaling": {"max_instances": 3}}}
    ).deployment.auto_scaling
    assert (scaling.min_instances, scaling.max_instances, scaling.target_invocations_per_instance) == (1, 3, 100)


@pytest.mark.parametrize(
    "change",
    [
        {"model_type": "unsupervised_learning"},
        {"evaluation": {"thresholds": {"accuracy": 1.5}}},
        {"role_arn": "x"},
        {"hyperparameters": {"n_estimators": True}},
        {"hyperparameters": {"n_estimators": "5"}},
        {"hyperparameters": {"learning_rate": float("nan")}},
        {"dataset": None},
    ],
)
def test_a_spec_that_breaks_a_rule_cannot_be_made(change):
    with pytest.raises(ValidationError):
        RunSpec.model_validate({**DATA, **change})


def test_a_spec_cannot_be_changed():
    with pytest.raises(ValidationError):
        RunSpec.model_validate(DATA).name = "other"


def test_a_driving_agent_is_described_in_full():
    spec = RunSpec.model_validate({
        "model_type": "reinforcement_learning",
        "algorithm": "ppo",
        "environment": {"simulator": "carla"},
        "agent": {"observation": {"camera": [224, 224, 3]}, "action": {"brake": [0, 1]}},
        "reward_function": {"progress": "+1.0 per meter", "collision": -100},
        "evaluation": {"success_criteria": ["avg_speed > 20 km/h"]},
    })  # fmt: skip
    data = canonical(spec)
    assert data["name"] == "ppo-carla"
    assert data["task"] == "control"
    assert data["reward_function"] == {
        "progress": {"weight": 1.0, "per": "meter"}, "collision": {"weight": -100.0, "per": None},
    }  # fmt: skip
    assert data["evaluation"]["success_criteria"] == [
        {"metric": "avg_speed", "operator": ">", "value": 20.0, "unit": "km/h"}
    ]
    assert RunSpec.model_validate(data) == spec
