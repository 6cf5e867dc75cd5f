import pytest
import yaml

from mlops.errors import IssueRejected
from mlops.spec import from_parameters, issue_form, parse_issue
from mlops.spec.headings import MORE, heading, path_of


def filed(answers: dict[str, str]) -> str:
    """The body that GitHub files for a filled form: every element under its label, text areas in their fence."""
    parts = []
    for element in yaml.safe_load(issue_form())["body"]:
        if element["type"] == "markdown":
            continue
        attributes = element["attributes"]
        answer = answers.get(element["id"], "")
        if element["type"] == "dropdown" and not answer:
            answer = attributes["options"][attributes["default"]]
        if answer and attributes.get("render"):
            answer = f"```{attributes['render']}\n{answer}\n```"
        parts.append(f"### {attributes['label']}\n\n{answer or '_No response_'}")
    return "\r\n\r\n".join(parts).replace("\n", "\r\n").replace("\r\r", "\r")


def test_an_untouched_form_asks_for_the_same_as_untouched_parameters():
    form = parse_issue(filed({"algorithm": "xgboost", "dataset_name": "breast_cancer"}))
    assert form == from_parameters(
        {"algorithm": "xgboost", "dataset_name": "breast_cancer", "deployment_target": "sagemaker_endpoint"}
    )


def test_a_filled_form_is_read_like_the_yaml_it_stands_for():
    form = parse_issue(
        filed({
            "algorithm": "neural_network",
            "dataset_name": "wine",
            "dataset_classes": "0, 1, 2",
            "dataset_splits": "train: 0.6\nvalidation: 0.2",
            "preprocessing_outliers": "iqr",
            "preprocessing_outlier_limit": "2.5",
            "hyperparameters": "hidden_layers: [32, 16]\nlr: 3e-3",
            "evaluation_metrics": "accuracy, AUC-ROC",
            "thresholds": "accuracy: 0.9",
            "deployment_target": "off",
            "deployment_auto_scaling": "max_instances: 3",
            "deployment_approval": "true",
        })
    )  # fmt: skip
    assert form == parse_issue("""
model_type: supervised_learning
algorithm: neural_network
dataset:
  name: wine
  classes: ["0", "1", "2"]
  splits: {train: 0.6, validation: 0.2}
preprocessing: {outliers: iqr, outlier_limit: 2.5}
hyperparameters: {hidden_layers: [32, 16], learning_rate: 0.003}
evaluation: {metrics: [accuracy, auc_roc], thresholds: {accuracy: 0.9}}
deployment: {target: none, auto_scaling: {max_instances: 3}, approval: true}
""")


def test_problems_of_a_form_name_field_and_line():
    body = filed({"algorithm": "xgboost", "dataset_name": "../x", "hyperparameters": "n_estimators: 0\nfoo: 1"})
    with pytest.raises(IssueRejected) as rejected:
        parse_issue(body)
    lines = body.split("\r\n")
    found = [(p.field, lines[p.line - 1]) for p in rejected.value.problems]
    assert found == [
        ("dataset.name", "../x"),
        ("hyperparameters.n_estimators", "n_estimators: 0"),
        ("hyperparameters.foo", "foo: 1"),
    ]


def test_more_settings_reach_every_section():
    spec = parse_issue(filed({"dataset_name": "wine", "more": "dataset:\n  seed: 7"}))
    assert spec.dataset.splits.seed == 7


def test_the_same_field_in_two_elements_is_a_mistake():
    with pytest.raises(IssueRejected) as rejected:
        parse_issue(filed({"dataset_name": "wine", "more": "dataset:\n  name: digits"}))
    assert [(p.field, p.code) for p in rejected.value.problems] == [("dataset.name", "duplicate_key")]


def test_an_unanswered_algorithm_is_missing():
    with pytest.raises(IssueRejected) as rejected:
        parse_issue("### Algorithm\n\n_No response_\n\n### Dataset name\n\nwine\n")
    assert rejected.value.fields == ["algorithm"]


def test_a_form_without_an_answer_lacks_what_is_needed():
    with pytest.raises(IssueRejected) as rejected:
        parse_issue("### Algorithm\n\n_No response_\n\n### Dataset name\n\n_No response_\n")
    assert rejected.value.fields == ["algorithm"]


def test_lists_may_be_written_as_yaml_too():
    form = "### Algorithm\n\nrf\n\n### Dataset name\n\nwine\n\n### Dataset classes\n\n"
    assert (
        parse_issue(form + "- a\n- b").dataset
        == parse_issue(form + "[a, b]").dataset
        == parse_issue(form + "a\nb").dataset
    )


def test_more_settings_are_a_mapping():
    with pytest.raises(IssueRejected) as rejected:
        parse_issue(filed({"dataset_name": "wine", "more": "- canary"}))
    assert [(p.field, p.code) for p in rejected.value.problems] == [("document", "wrong_type")]


def test_headings_of_people_are_understood():
    spec = parse_issue(
        "### Algorithm\nrf\n### Dataset\nwine\n### n_estimators\n50\n"
        "### Thresholds\naccuracy: 0.8\n### Notes\nHi: there\n"
    )
    assert (spec.name, spec.hyperparameters.n_estimators, spec.evaluation.thresholds) == (
        "random_forest-wine", 50, {"accuracy": 0.8},
    )  # fmt: skip


def test_headings_beside_a_whole_description_are_prose():
    spec = parse_issue(
        "### Algorithm\nxgboost is good\n### Dataset\nmine\n"
        "```yaml\nmodel_type: supervised_learning\nalgorithm: rf\ndataset: {name: wine}\n```"
    )
    assert spec.algorithm == "random_forest"


@pytest.mark.parametrize(
    ("title", "path"),
    [
        ("Dataset S3 URI", ("dataset", "s3_uri")),
        ("dataset.name", ("dataset", "name")),
        ("Deployment strategy", ("deployment", "strategy")),
        ("Epochs", ("hyperparameters", "epochs")),
        (MORE, ()),
        ("What I had for lunch", None),
    ],
)
def test_a_heading_names_a_field(title, path):
    assert path_of(title) == path


def test_a_heading_is_made_of_titles():
    assert heading(("deployment", "auto_scaling", "max_instances")) == "Deployment auto scaling max instances"


def test_every_label_of_the_form_is_read_back():
    labels = [element["attributes"]["label"] for element in yaml.safe_load(issue_form())["body"][1:]]
    assert [label for label in labels if path_of(label) is None] == []
