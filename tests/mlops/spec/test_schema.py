import jsonschema
import pytest

from mlops.spec import ALGORITHMS, WORKLOADS, RunSpec, canonical, json_schema, tool_schema
from mlops.spec.schema import field_schema, in_words


def spec_of(algorithm: str) -> dict:
    return canonical(
        RunSpec.model_validate({
            "model_type": ALGORITHMS[algorithm].model_type, "algorithm": algorithm, "dataset": {"name": "wine"},
        })
    )  # fmt: skip


def test_the_schema_is_valid_draft_2020_12():
    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("algorithm", WORKLOADS)
def test_canonical_specs_satisfy_the_schema(algorithm):
    jsonschema.Draft202012Validator(json_schema()).validate(spec_of(algorithm))


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("hyperparameters", "n_estimators", 0),
        ("hyperparameters", "C", 1.0),
        ("hyperparameters", "algorithm", "kmeans"),
        ("deployment", "role_arn", "x"),
        ("dataset", "name", "../x"),
    ],
)
def test_the_schema_refuses_what_the_spec_refuses(section, key, value):
    data = spec_of("xgboost")
    data[section][key] = value
    assert list(jsonschema.Draft202012Validator(json_schema()).iter_errors(data))


def test_every_field_has_a_sentence():
    schema = json_schema()
    models = [schema, *schema["$defs"].values()]
    # Parts of one written line explain themselves.
    lines = [schema["$defs"]["Criterion"], schema["$defs"]["RewardTerm"]]
    missing = [
        name for model in models if model not in lines for name, one in model["properties"].items()
        if not one.get("description")
    ]  # fmt: skip
    assert missing == []


def test_a_tool_takes_the_same_schema():
    assert {**tool_schema(), "$schema": json_schema()["$schema"]} == json_schema()


def test_callers_may_change_their_copy():
    json_schema()["properties"].clear()
    assert json_schema()["properties"]


@pytest.mark.parametrize(
    ("path", "algorithm", "words"),
    [
        (("hyperparameters", "epochs"), "neural_network", "a whole number from 1 to 1000"),
        (("hyperparameters", "max_depth"), "random_forest", "a whole number from 1 to 64"),
        (("hyperparameters", "hidden_layers"), None, "a list of 1 to 8 whole numbers from 1 to 4096"),
        (("hyperparameters", "dropout"), None, "a number of at least 0 and below 1"),
        (("deployment", "approval"), None, "true or false"),
        (("dataset", "splits", "train"), None, "a number above 0"),
        (("preprocessing", "missing"), None, "drop, mean, median or mode"),
        (("evaluation", "metrics"), None, "a list of at most 32 words"),
        (("agent", "action", "brake"), None, "a list of 2 numbers"),
        (("dataset",), None, "a mapping (`key: value` lines, indented)"),
    ],
)
def test_a_field_is_told_in_words(path, algorithm, words):
    assert in_words(field_schema(path, algorithm)) == words


@pytest.mark.parametrize("path", [("x",), ("dataset", "x"), ("hyperparameters", "x"), ("dataset", 0)])
def test_a_field_that_is_not_there_has_no_schema(path):
    assert field_schema(path) is None
