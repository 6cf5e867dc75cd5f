import pytest

from mlops.errors import IssueRejected
from mlops.refusals import problem_table
from mlops.spec import merge, parse_change, parse_issue
from tests.mlops.bodies import plain

SPEC = parse_issue("""
model_type: supervised_learning
algorithm: xgboost
dataset: {name: wine, s3_uri: s3://mlops-datasets/wine/, seed: 3}
hyperparameters: {max_depth: 4}
thresholds: {accuracy: 0.9, f1: 0.8}
deployment: {auto_scaling: {max_instances: 2}}
""")

COMMENTS = {
    "bare command": ("/retrain", {}),
    "on its line": ("/retrain lr=0.05, max_depth=8 hidden_layers=[8, 4]",
                    {"lr": 0.05, "max_depth": 8, "hidden_layers": [8, 4]}),
    "in capitals": ("/RETRAIN lr=0.05", {"lr": 0.05}),
    "with a capital": ("/Retrain\nlr: 0.05", {"lr": 0.05}),
    "with colons": ("/retrain lr: 0.05, max_depth = 8", {"lr": 0.05, "max_depth": 8}),
    "log with a known word": ("```\nepochs: 3\nloss: 0.1\n```", None),
    "lines below": ("/retrain\nlearning_rate: 3e-4\nmax_depth = 4\n", {"learning_rate": 3e-4, "max_depth": 4}),
    "list of lines": ("/retrain\n\n- lr: 0.5\n- `max_depth` = 4,\n\nThank you!", {"lr": 0.5, "max_depth": 4}),
    "CRLF": ("Hi\r\n/retrain\r\nlr = 0.5\r\n", {"lr": 0.5}),
    "nested lines": ("/retrain\nhyperparameters:\n  lr: 0.5\nthresholds:\n  f1: 0.7\n",
                     {"hyperparameters": {"lr": 0.5}, "thresholds": {"f1": 0.7}}),
    "fence": ("Lower it.\n```yaml\nhyperparameters:\n  lr: 0.5\n```", {"hyperparameters": {"lr": 0.5}}),
    "fence of bare names": ("```\nlr: 0.5\n```", {"lr": 0.5}),
    "fence after the command": ("/retrain\n```yaml\nanything: 1\n```", {"anything": 1}),
    "dotted": ("/retrain thresholds.f1=0.7", {"thresholds.f1": 0.7}),
    "talk": ("I would retrain it, what do you think?", None),
    "quoted talk": ("> /retrain lr=1\nno", None),
    "log": ("```\nepoch: 3\nloss: 0.1\n```", None),
    "another language": ("```python\nlr: 0.5\n```", None),
    "another command": ("/retraining", None),
}  # fmt: skip


@pytest.mark.parametrize(("comment", "change"), COMMENTS.values(), ids=COMMENTS)
def test_a_comment_asks_for_a_change(comment, change):
    assert plain(parse_change(comment)) == change


@pytest.mark.parametrize(
    "comment",
    [
        "/retrain\nlr: [",
        "/retrain\nhyperparameters:\n  lr: *x",
        "```yaml\nlr: 1\nlr: 2\n```",
        "/retrain lr=[1,",
        "/retrain lr=1 lr=2",
        "/retrain lr=1\nlr: 2",
        "/retrain with more trees",
        '/retrain lr="0.1',
    ],
)
def test_a_change_that_cannot_be_read_is_refused(comment):
    with pytest.raises(IssueRejected):
        parse_change(comment)


def test_a_change_replaces_what_it_names_and_nothing_else():
    merged = merge(SPEC, {"lr": 0.5, "thresholds.f1": 0.7, "deployment": {"strategy": "canary"}})
    changed = {
        "hyperparameters": SPEC.hyperparameters.model_copy(update={"learning_rate": 0.5}),
        "evaluation": SPEC.evaluation.model_copy(update={"thresholds": {"accuracy": 0.9, "f1": 0.7}}),
        "deployment": SPEC.deployment.model_copy(update={"strategy": "canary"}),
    }
    assert merged == SPEC.model_copy(update=changed)


def test_no_change_is_the_same_spec():
    assert merge(SPEC, {}) == SPEC


def test_another_algorithm_starts_from_its_own_defaults_and_name():
    merged = merge(SPEC, {"algorithm": "rf", "n_estimators": 50})
    assert (merged.name, merged.hyperparameters.n_estimators, merged.hyperparameters.max_depth) == (
        "random_forest-wine", 50, None,
    )  # fmt: skip


def test_a_name_that_was_chosen_stays():
    named = merge(SPEC, {"name": "mine"})
    assert merge(named, {"algorithm": "rf"}).name == "mine"


def test_another_dataset_leaves_the_address_of_the_old_one():
    assert merge(SPEC, {"dataset.name": "digits"}).dataset.s3_uri is None


def test_changed_splits_replace_the_old_ones_and_keep_the_seed():
    splits = merge(SPEC, {"train_size": 0.8}).dataset.splits
    assert (splits.train, splits.validation, splits.test, splits.seed) == (0.8, 0.1, 0.1, 3)


def test_another_target_of_scaling_replaces_the_first():
    scaling = merge(SPEC, {"deployment": {"auto_scaling": {"target_latency_ms": 20}}}).deployment.auto_scaling
    assert (scaling.max_instances, scaling.target_latency_ms, scaling.target_invocations_per_instance) == (2, 20, None)


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"lr": 3}, "lr", "out_of_range"),
        ({"hyperparameters": {"lr": "0.1"}}, "hyperparameters.lr", "wrong_type"),
        ({"epochs": 3}, "epochs", "not_for_algorithm"),
        ({"nonsense": 3}, "nonsense", "unknown_field"),
        ({"role_arn": "x"}, "role_arn", "not_from_an_issue"),
        ({"algorithm": "ppo"}, "algorithm", "no_workload"),
        ({"thresholds": {"rmse": 1}}, "thresholds.rmse", "wrong_task"),
        ({"dataset.s3_uri": "s3://other/x"}, "dataset.s3_uri", "not_allowed"),
        ({"name": "{{ x }}"}, "name", "template"),
        ({"dataset": 5}, "dataset", "wrong_type"),
        ({"deployment.strategy.x": 5, "deployment.strategy": "canary"}, "deployment.strategy", "duplicate_key"),
        ({"thresholds.f1": 0.5, "thresholds": {"f1": 0.6}}, "thresholds.f1", "duplicate_key"),
        ({"lr": 0.5, "learning_rate": 0.4}, "learning_rate", "duplicate_key"),
    ],
)
def test_a_bad_change_is_refused_by_name(change, field, code):
    with pytest.raises(IssueRejected) as rejected:
        merge(SPEC, change)
    assert (field, code) in [(p.field, p.code) for p in rejected.value.problems]


MISTAKES = {
    "on its line": ("No.\n\n/retrain lr=3", "lr", 3, "/retrain lr=3"),
    "on a line below": ("/retrain\nmax_depth: 8\n- lr = 3", "lr", 3, "- lr = 3"),
    "nested": ("/retrain\n\nhyperparameters:\n  max_depth: 8\n  lr: 3", "hyperparameters.lr", 5, "lr: 3"),
    "in a fence": ("Lower it.\n```yaml\nhyperparameters:\n  lr: 3\n```", "hyperparameters.lr", 4, "lr: 3"),
    "dotted": ("/retrain\nthresholds.f1: 3", "thresholds.f1", 2, "thresholds.f1: 3"),
    "unknown": ("/retrain\nmax_dept: 8\nnonsense: 1", "nonsense", 3, "nonsense: 1"),
    "not allowed": ("/retrain\n\ndataset.s3_uri: s3://other/x", "dataset.s3_uri", 3, "dataset.s3_uri: s3://other/x"),
    "in a list": ("/retrain metrics=[f1,\u00a0f2]", "metrics[1]", 1, "/retrain metrics=[f1, f2]"),
    "after lines of other systems": ("A\u2028B\x0cC\r\n/retrain\r\nlr: 3", "lr", 3, "lr: 3"),
}  # fmt: skip


@pytest.mark.parametrize(("comment", "field", "line", "written"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_a_comment_is_named_with_its_line(comment, field, line, written):
    with pytest.raises(IssueRejected) as rejected:
        merge(SPEC, parse_change(comment))
    assert (line, field) in [(problem.line, problem.field) for problem in rejected.value.problems]
    assert f"| {line} | `{field}` | `{written}` |" in problem_table(rejected.value.problems, comment)
