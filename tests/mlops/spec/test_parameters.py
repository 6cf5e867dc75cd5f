import json

import jsonschema
import pytest

from mlops.errors import IssueRejected
from mlops.spec import WORKLOADS, dag_params, from_parameters, parse_issue, to_parameters

DEFAULTS = {name: param["default"] for name, param in dag_params().items()}


def test_the_form_can_be_triggered_as_it_stands():
    spec = from_parameters(DEFAULTS)
    assert (spec.algorithm, spec.dataset.name, spec.deployment.target) == (
        "xgboost", "breast_cancer", "sagemaker_endpoint",
    )  # fmt: skip


@pytest.mark.parametrize(("name", "param"), dag_params().items(), ids=dag_params())
def test_each_parameter_is_sound_schema_that_admits_its_default(name, param):
    schema = {key: value for key, value in param.items() if key not in ("default", "section", "examples")}
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(param["default"], schema)
    assert param["title"]
    assert param["description"]
    assert param.get("section", "named")
    assert json.loads(json.dumps(param)) == param


def test_the_first_choices_are_in_no_section_so_that_the_form_shows_them_at_once():
    unfolded = [name for name, param in dag_params().items() if "section" not in param]
    assert unfolded == [
        "name", "algorithm", "variant", "task", "dataset_name", "thresholds", "deployment_target",
        "deployment_strategy",
    ]  # fmt: skip


def test_descriptions_are_plain_text_that_fits_the_form():
    params = dag_params()
    assert not [name for name, param in params.items() if "`" in param["description"]]
    assert params["task"]["description"].startswith("What is learnt; auto: ")
    assert json.loads(params["thresholds"]["description"].partition("Example: ")[2]) == {"f1": 0.9}


def test_drop_downs_offer_what_can_run():
    params = dag_params()
    assert params["algorithm"]["enum"] == list(WORKLOADS)
    assert params["deployment_strategy"]["enum"] == ["blue_green", "canary", "ab_test", "all_at_once"]
    assert params["preprocessing_missing"]["enum"] == ["drop", "mean", "median", "mode"]
    assert params["hyperparameters_n_estimators"]["maximum"] == 5000
    assert "random_forest (200) and xgboost (300)" in params["hyperparameters_n_estimators"]["description"]


ISSUES = [
    "algorithm: xgboost\ndataset: {name: wine}\nhyperparameters: {lr: 0.3}\nthresholds: {accuracy: 0.9, f1: 0.8}",
    "algorithm: rf\nname: mine\n"
    "dataset: {name: wine, classes: [a, b], s3_uri: s3://mlops-datasets/a/b.csv, target: y}\n"
    "hyperparameters: {max_depth: 4}\nsplits: {train: 100, val: 20}",
    "algorithm: mlp\ndataset: {name: wine}\nhyperparameters: {hidden_layers: [8], dropout: 0}\nmetrics: [rmse]",
    "algorithm: linear_regression\ndataset: {name: d}\npreprocessing: {outliers: iqr, outlier_limit: 2}",
    "algorithm: logreg\ndataset: {name: d}\ntest_dataset: test\nvariant: small",
    "algorithm: xgb\ndataset: {name: d}\ndeployment: {strategy: canary, approval: true,"
    " auto_scaling: {min_instances: 2, max_instances: 5, target_latency_ms: 50}}",
]


@pytest.mark.parametrize("issue", ISSUES)
def test_parameters_say_all_that_the_spec_says(issue):
    spec = parse_issue(f"model_type: supervised_learning\n{issue}")
    flat = to_parameters(spec)
    assert list(flat) == list(dag_params())

    def of_browser(text: str) -> float:  # JSON of a browser does not tell 1.0 from 1
        return int(float(text)) if float(text).is_integer() else float(text)

    browser = json.loads(json.dumps(flat), parse_float=of_browser)
    assert from_parameters(browser) == spec


@pytest.mark.parametrize("algorithm", ["kmeans", "pca"])
def test_the_algorithm_decides_the_model_type(algorithm):
    assert from_parameters({**DEFAULTS, "algorithm": algorithm}).model_type == "unsupervised_learning"


def test_what_is_sent_satisfies_the_schemas_of_the_form():
    flat = to_parameters(parse_issue(f"model_type: supervised_learning\n{ISSUES[1]}"))
    for name, param in dag_params().items():
        jsonschema.validate(
            flat[name], {key: param[key] for key in param if key not in ("default", "section", "examples")}
        )


def test_problems_name_the_parameter():
    with pytest.raises(IssueRejected) as rejected:
        from_parameters({
            **DEFAULTS, "hyperparameters_n_estimators": 0, "hyperparameters_C": 1.0, "dataset_name": "{{ x }}",
            "thresholds": {"accuracy": 3}, "role_arn": "x", "other": 1,
        })  # fmt: skip
    assert {(p.field, p.code) for p in rejected.value.problems} == {
        ("hyperparameters_n_estimators", "out_of_range"),
        ("hyperparameters_C", "not_for_algorithm"),
        ("dataset_name", "template"),
        ("thresholds.accuracy", "out_of_range"),
        ("role_arn", "not_from_an_issue"),
        ("other", "unknown_field"),
    }


@pytest.mark.parametrize("hostile", ["\ud800", "a\x00b", {"a": {"b": {}}}, [[[[]]]], 10**400])
def test_hostile_values_are_refused_like_others(hostile):
    for name in ("dataset_name", "dataset_target", "thresholds", "hyperparameters_max_depth", "evaluation_metrics"):
        with pytest.raises(IssueRejected):
            from_parameters({**DEFAULTS, name: hostile})
