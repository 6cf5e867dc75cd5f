from pathlib import Path

import pytest

from mlops.errors import IssueRejected
from mlops.spec import WORKLOADS, canonical, parse_issue

ISSUES = Path(__file__).parent / "issues"
GOOD = """\
model_type: supervised_learning
algorithm: {algorithm}
dataset:
  name: breast_cancer
"""


def problems_of(body: str, **policy) -> list:
    with pytest.raises(IssueRejected) as rejected:
        parse_issue(body, **policy)
    return list(rejected.value.problems)


def xgboost(extra: str) -> str:
    """A sound issue of four lines, and `extra` from line 5."""
    return GOOD.format(algorithm="xgboost") + extra


def test_the_driving_example_of_the_specification_lacks_a_workload_and_nothing_else():
    (problem,) = problems_of((ISSUES / "vad_ppo.md").read_text())
    assert (problem.line, problem.field, problem.code) == (6, "algorithm", "no_workload")
    assert "ppo" in problem.message
    assert all(name in problem.remedy for name in WORKLOADS)


@pytest.mark.parametrize("issue", ["yolox_short", "yolox_kitti"])
def test_both_detection_examples_of_the_specification_are_accepted_as_they_stand(issue):
    spec = parse_issue((ISSUES / f"{issue}.md").read_text())
    assert (spec.algorithm, spec.variant, spec.task) == ("yolox", "yolox-m", "object_detection")
    assert spec.preprocessing.input_size == (640, 640)
    assert (spec.dataset.splits.train, spec.dataset.splits.validation) == (7481, 7518)
    assert {"mosaic", "mixup", "hsv_jitter"} < set(spec.augmentation)
    assert (spec.hyperparameters.epochs, spec.hyperparameters.mosaic_prob) == (300, 1.0)
    assert {"map_50", "map_50_95", "inference_latency_ms"} <= set(spec.evaluation.metrics)
    assert spec.deployment.instance_type == "ml.g4dn.xlarge"


DETECTOR = """\
model_type: supervised_learning
algorithm: yolox
dataset: {name: kitti}
"""


@pytest.mark.parametrize(
    ("written", "variant", "size"),
    [("variant: M", "yolox-m", 640), ("variant: YOLOX_Nano", "yolox-nano", 416), ("variant: yoloxs", "yolox-s", 640),
     ("", "yolox-s", 640)],
)  # fmt: skip
def test_a_variant_is_known_by_the_spellings_people_use_and_has_its_own_input_size(written, variant, size):
    spec = parse_issue(DETECTOR + written)
    assert (spec.variant, spec.preprocessing.input_size) == (variant, (size, size))


DETECTOR_MISTAKES = {
    "no whole cells": ("preprocessing: {input_size: [300, 640]}", "preprocessing.input_size", "out_of_range"),
    "too large": ("preprocessing: {input_size: [99999, 640]}", "preprocessing.input_size[0]", "out_of_range"),
    "channels": ("preprocessing: {input_size: [640, 640, 32]}", "preprocessing.input_size", "out_of_range"),
    "weights without hash": (
        "hyperparameters: {weights_uri: s3://mlops-datasets/a/y.pth}", "hyperparameters.weights_uri", "missing_field",
    ),
    "hash without weights": (
        f"hyperparameters: {{weights_sha256: {'0' * 64}}}", "hyperparameters.weights_sha256", "inconsistent",
    ),
    "weights elsewhere": (
        f"hyperparameters: {{weights_uri: s3://other/y.pth, weights_sha256: {'0' * 64}}}",
        "hyperparameters.weights_uri", "not_allowed",
    ),
    "weights of another kind": (
        f"hyperparameters: {{weights_uri: s3://mlops-datasets/y.pkl, weights_sha256: {'0' * 64}}}",
        "hyperparameters.weights_uri", "bad_format",
    ),
    "range turned round": (
        "preprocessing: {points: {range: [70, 0, -40, 40, -3, 1]}}", "preprocessing.points.range", "out_of_range",
    ),
    "unknown output": ("preprocessing: {points: {outputs: [mesh]}}", "preprocessing.points.outputs[0]",
                       "unknown_value"),
    "unknown precision": ("deployment: {precision: fp8}", "deployment.precision", "unknown_value"),
    "no version": ("deployment: {ensemble: [latest]}", "deployment.ensemble[0]", "bad_format"),
    "version twice": ("deployment: {ensemble: [v1.0.0, 1.0.0]}", "deployment.ensemble[1]", "duplicate_key"),
    "weights a folder up": (
        f"hyperparameters: {{weights_uri: s3://mlops-datasets/../other/y.pth, weights_sha256: {'0' * 64}}}",
        "hyperparameters.weights_uri", "bad_format",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("extra", "field", "code"), DETECTOR_MISTAKES.values(), ids=DETECTOR_MISTAKES)
def test_a_mistake_in_a_detector_is_one_problem(extra, field, code):
    (problem,) = problems_of(DETECTOR + extra)
    assert (problem.line, problem.field, problem.code) == (4, field, code)


def test_third_side_of_an_input_is_told_to_go():
    """Whoever only mends the 3 has three sides still."""
    number, count = problems_of(DETECTOR + "preprocessing: {input_size: [640, 640, 3]}")
    assert (number.field, count.field) == ("preprocessing.input_size[2]", "preprocessing.input_size")
    assert (count.message, count.remedy) == (
        "must be a list of 2 whole numbers, height and width (got a list of 3).",
        "Write the two of them, such as [640, 640].",
    )


def test_classes_of_a_detector_differ_in_more_than_case_and_those_of_a_table_need_not():
    (problem,) = problems_of(DETECTOR.replace("kitti", "kitti, classes: [Car, car]"))
    assert (problem.field, problem.message) == (
        "dataset.classes[1]", 'names "car" a second time (case does not matter).',
    )  # fmt: skip
    body = xgboost("").replace("breast_cancer", "breast_cancer\n  classes: [a, A]")
    assert parse_issue(body).dataset.classes == ("a", "A")


@pytest.mark.parametrize(
    "extra", ["preprocessing: {masking: [faces]}", "deployment: {precision: int8}", "preprocessing: {points: {}}",
              "augmentation: [mosaic]"],
)  # fmt: skip
def test_settings_of_images_are_refused_for_tables(extra):
    (problem,) = problems_of(xgboost(extra))
    assert problem.code == "not_for_algorithm"


MISTAKES = {
    "too low": ("hyperparameters:\n  n_estimators: 0", 6, "hyperparameters.n_estimators", "out_of_range",
                "must be a whole number from 1 to 5000 (got 0)."),
    "too high": ("hyperparameters:\n  num_round: 9999", 6, "hyperparameters.num_round", "out_of_range",
                 "must be a whole number from 1 to 5000 (got 9999)."),
    "open bound": ("hyperparameters: {lr: 0}", 5, "hyperparameters.lr", "out_of_range",
                   "must be a number above 0 and up to 1 (got 0)."),
    "hardly too high": ("hyperparameters: {lr: 1.0000001}", 5, "hyperparameters.lr", "out_of_range",
                        "must be a number above 0 and up to 1 (got 1.0000001)."),
    "text for a number": ('hyperparameters:\n  max_depth: "6"', 6, "hyperparameters.max_depth", "wrong_type",
                          'must be a whole number from 1 to 16 (got "6").'),
    "truth for a number": ("hyperparameters:\n  max_depth: true", 6, "hyperparameters.max_depth", "wrong_type",
                           "must be a whole number from 1 to 16 (got true)."),
    "fraction for a whole": ("hyperparameters:\n  max_depth: 1.5", 6, "hyperparameters.max_depth", "wrong_type",
                             "must be a whole number from 1 to 16 (got 1.5)."),
    "infinity": ("hyperparameters:\n  lr: .inf", 6, "hyperparameters.lr", "not_finite",
                 "must be a finite number (got .inf)."),
    "not a number": ("evaluation:\n  thresholds:\n    accuracy: .nan", 7, "evaluation.thresholds.accuracy",
                     "not_finite", "must be a finite number (got .nan)."),
    "list for a mapping": ("hyperparameters: [1]", 5, "hyperparameters", "wrong_type", None),
    "scalar for a mapping": ("deployment: canary", 5, "deployment", "wrong_type", None),
    "unknown section": ("hyperparameter:\n  max_depth: 3", 5, "hyperparameter", "unknown_field", None),
    "unknown field": ("deployment:\n  strat: canary", 6, "deployment.strat", "unknown_field", None),
    "setting at the top": ("epochs: 3", 5, "epochs", "unknown_field", None),
    "setting of another": ("hyperparameters:\n  C: 1", 6, "hyperparameters.C", "not_for_algorithm", None),
    "unknown setting": ("hyperparameters:\n  max_dept: 1", 6, "hyperparameters.max_dept", "unknown_field", None),
    "the schema's own mark": ("hyperparameters:\n  algorithm: kmeans", 6, "hyperparameters.algorithm",
                              "unknown_field", None),
    "repeated key": ("hyperparameters:\n  lr: 0.1\n  lr: 0.2", 7, "hyperparameters.lr", "duplicate_key", None),
    "two spellings": ("hyperparameters:\n  lr: 0.1\n  eta: 0.2", 7, "hyperparameters.eta", "duplicate_key",
                      "says the same as `hyperparameters.lr` on line 6."),
    "alias and name": (
        "hyperparameters:\n  lr: 0.1\n  learning_rate: 0.2",
        7,
        "hyperparameters.learning_rate",
        "duplicate_key",
        "says the same as `hyperparameters.lr` on line 6.",
    ),
    "two places": ("metrics: [f1]\nevaluation:\n  metrics: [f1]", 7, "evaluation.metrics", "duplicate_key",
                   "says the same as `metrics` on line 5."),
    "unknown choice": ("deployment:\n  strategy: canry", 6, "deployment.strategy", "unknown_value",
                       'must be blue_green, canary, ab_test or all_at_once (got "canry").'),
    "unknown metric": ("metrics: [acuracy]", 5, "metrics[0]", "unknown_metric",
                       'is no metric known here (got "acuracy").'),
    "metric of another task": ("task: regression\nmetrics: [rmse, f1]", 6, "metrics[1]", "wrong_task",
                               "f1 is a metric of classification, not of regression."),
    "metrics of two tasks": ("metrics: [rmse, f1]", 5, "metrics[1]", "wrong_task", None),
    "threshold in percent": ("thresholds: {accuracy: 95}", 5, "thresholds.accuracy", "out_of_range",
                             "must be a number from 0 to 1 (got 95)."),
    "threshold 1.5": ("thresholds:\n  - f1_score: 1.5", 6, "thresholds[0].f1_score", "out_of_range",
                      "must be a number from 0 to 1 (got 1.5)."),
    "threshold below zero": ("thresholds: {rmse: -1}", 5, "thresholds.rmse", "out_of_range",
                             "must be a number of at least 0 (got -1)."),
    "threshold as text": ("thresholds: {accuracy: high}", 5, "thresholds.accuracy", "wrong_type", None),
    "role": ("role_arn: arn:aws:iam::1:role/x", 5, "role_arn", "not_from_an_issue", None),
    "image": ("hyperparameters:\n  image_uri: x", 6, "hyperparameters.image_uri", "not_from_an_issue", None),
    "sagemaker": ("hyperparameters:\n  sagemaker_program: x", 6, "hyperparameters.sagemaker_program",
                  "not_from_an_issue", None),
    "dag": ("dag_id: other", 5, "dag_id", "not_from_an_issue", None),
    "network": ("deployment:\n  network:\n    subnets: [a]", 6, "deployment.network", "not_from_an_issue", None),
    "security groups": ("security_group_ids: []", 5, "security_group_ids", "not_from_an_issue", None),
    "output bucket": ("output_bucket: x", 5, "output_bucket", "not_from_an_issue", None),
    "script": ("entry_point: train.py", 5, "entry_point", "not_from_an_issue", None),
    "instance type": ("deployment:\n  instance_type: ml.p4d.24xlarge", 6, "deployment.instance_type",
                      "not_allowed", None),
    "instances": ("deployment:\n  auto_scaling:\n    min_instances: 3\n    max_instances: 2", 7,
                  "deployment.auto_scaling.min_instances", "out_of_range",
                  "must not be above max_instances (got 3, with max_instances 2)."),
    "two targets": ("deployment:\n  auto_scaling:\n    target_latency_ms: 5\n    target_invocations_per_instance: 5", 8,
                    "deployment.auto_scaling.target_invocations_per_instance", "inconsistent", None),
    "splits": ("splits: {train: 0.8, test: 0.3}", 5, "splits", "out_of_range", "must add up to at most 1 (got 1.1)."),
    "splits of two kinds": ("splits: {train: 400, test: 0.3}", 5, "splits", "inconsistent", None),
    "rows of one split only": ("splits: {train: 400}", 5, "splits", "inconsistent", None),
    "half a row": ("splits: {train: 400.5, validation: 20}", 5, "splits.train", "out_of_range", None),
    "no share": ("splits: {train: -0.5}", 5, "splits.train", "out_of_range", None),
    "template in a name": ('name: "{{ 7*7 }}"', 5, "name", "template", None),
    "template in a choice": ('deployment: {strategy: "{% x %}"}', 5, "deployment.strategy", "template", None),
    "template in a key": ('variant: "{# x #}"', 5, "variant", "template", None),
    "images for a table": ("augmentation: [mosaic]", 5, "augmentation", "not_for_algorithm", None),
    "test rows of another table": ("test_dataset: iris", 5, "test_dataset", "not_for_algorithm", None),
    "simulator for a table": ("environment: {simulator: carla}", 5, "environment", "not_for_algorithm", None),
    "task": ("task: clustering", 5, "task", "incompatible", None),
    "alias": ("variant: *x", 5, "variant", "yaml_feature", None),
}  # fmt: skip


@pytest.mark.parametrize(("extra", "line", "field", "code", "message"), MISTAKES.values(), ids=MISTAKES)
def test_one_mistake_is_one_problem_with_its_place(extra, line, field, code, message):
    (problem,) = problems_of(xgboost(extra))
    assert (problem.line, problem.field, problem.code) == (line, field, code)
    assert message is None or problem.message == message
    assert problem.remedy


DRIVING = """\
model_type: reinforcement_learning
algorithm: ppo
environment: {simulator: carla}
agent: {observation: [front_image: [224, 224, 3]], action: [brake: [0.0, 1.0]]}
"""
DRIVING_MISTAKES = {
    "simulator": ("simulator: carla", "simulator: paint", 3, "environment.simulator", "unknown_value"),
    "action": ("[0.0, 1.0]", "[1.0, 0.0]", 4, "agent.action[0].brake", "out_of_range"),
    "observation": ("[224, 224, 3]", "[0]", 4, "agent.observation[0].front_image[0]", "out_of_range"),
    "environment": ("environment: {simulator: carla}\n", "", None, "environment", "missing_field"),
    "reward": ("algorithm: ppo", "algorithm: ppo\nreward_function:\n  - crash: much", 4, "reward_function[0].crash",
               "bad_format"),
    "criterion": ("algorithm: ppo", "algorithm: ppo\nsuccess_criteria:\n  - few crashes", 4, "success_criteria[0]",
                  "bad_format"),
    "criterion's number": ("algorithm: ppo", "algorithm: ppo\nsuccess_criteria: [a < 1e999]", 3, "success_criteria[0]",
                           "not_finite"),
    "metric": ("algorithm: ppo", "algorithm: ppo\nmetrics: [f1]", 3, "metrics[0]", "wrong_task"),
}  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "line", "field", "code"), DRIVING_MISTAKES.values(), ids=DRIVING_MISTAKES)
def test_a_mistake_in_a_driving_agent_is_one_problem_beside_the_missing_workload(good, bad, line, field, code):
    found = [(p.line, p.field, p.code) for p in problems_of(DRIVING.replace(good, bad))]
    assert sorted(found, key=str) == sorted([(2, "algorithm", "no_workload"), (line, field, code)], key=str)


def test_an_unknown_size_of_yolox_is_named():
    body = (ISSUES / "yolox_kitti.md").read_text().replace("yolox-m\n", "yolox-z\n")
    assert [(p.field, p.code) for p in problems_of(body)] == [("variant", "unknown_value")]


DATASETS = {
    "other bucket": ("s3_uri: s3://secrets/x/", "not_allowed"),
    "bucket with a suffix": ("s3_uri: s3://mlops-datasets.evil/x/", "not_allowed"),
    "file": ("s3_uri: file:///etc/passwd", "bad_format"),
    "metadata address": ("s3_uri: http://169.254.169.254/latest", "bad_format"),
    "user at host": ("s3_uri: s3://mlops-datasets@evil/x/", "bad_format"),
    "dot-dot": ("s3_uri: s3://mlops-datasets/a/../../x", "bad_format"),
    "dots in a name": ("s3_uri: s3://mlops-datasets/a..b/", "bad_format"),
    "encoded dots": ("s3_uri: s3://mlops-datasets/%2e%2e/x", "bad_format"),
    "double slash": ("s3_uri: s3://mlops-datasets//x", "bad_format"),
    "whole bucket": ("s3_uri: s3://mlops-datasets", "bad_format"),
    "query": ("s3_uri: s3://mlops-datasets/x?versionId=1", "bad_format"),
    "other case": ("s3_uri: S3://mlops-datasets/x", "bad_format"),
    "new line": ('s3_uri: "s3://mlops-datasets/x\\n"', "bad_format"),
    "list": ("s3_uri: [s3://mlops-datasets/x]", "wrong_type"),
}


@pytest.mark.parametrize(("line", "code"), DATASETS.values(), ids=DATASETS)
def test_data_comes_from_the_allowed_buckets_only(line, code):
    (problem,) = problems_of(xgboost(f"  {line}"))
    assert (problem.line, problem.field, problem.code) == (5, "dataset.s3_uri", code)


def test_the_deployment_says_which_buckets_and_machines_are_allowed():
    body = xgboost("  s3_uri: s3://ours/a=1/b.c/\ndeployment:\n  instance_type: ml.p5.48xlarge")
    spec = parse_issue(body, data_buckets=("ours",), instance_types=("ml.p5.48xlarge",))
    assert (spec.dataset.s3_uri, spec.deployment.instance_type) == ("s3://ours/a=1/b.c/", "ml.p5.48xlarge")


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "Upper", "a b", "", "x" * 64, "名前", "a.b", '"a\\n"', "12", "true", "-x", "_"]
)
def test_a_dataset_name_is_a_plain_word(name):
    (problem,) = problems_of(f"model_type: supervised_learning\nalgorithm: xgboost\ndataset:\n  name: {name or '[]'}\n")
    assert (problem.line, problem.field) == (4, "dataset.name")


@pytest.mark.parametrize("name", ["kitti_object_detection", "a", "0-9", "x" * 63])
def test_lower_case_words_name_a_dataset(name):
    assert parse_issue(GOOD.format(algorithm="rf").replace("breast_cancer", name)).dataset.name == name


def test_all_mistakes_are_reported_at_once_in_order_of_line():
    found = problems_of(
        "```yaml\n"
        "model_type: unsupervised\n"
        "algorithm: XGBoost\n"
        "dataset:\n"
        "  name: ../x\n"
        "  train: 0.8\n"
        "  val: 0.5\n"
        "hyperparameters:\n"
        "  batch_size: -32\n"
        "  max_depth: 99\n"
        "  max_depth: 5\n"
        "evaluation:\n"
        "  thresholds: {accuracy: 1.5}\n"
        "image_uri: x\n"
        "```"
    )
    assert [(p.line, p.code) for p in found] == [
        (2, "incompatible"),
        (5, "bad_format"),
        (6, "out_of_range"),
        (9, "not_for_algorithm"),
        (10, "out_of_range"),
        (11, "duplicate_key"),
        (13, "out_of_range"),
        (14, "not_from_an_issue"),
    ]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ("algorithm: xgboost\ndataset:\n  name: wine", ["model_type"]),
        ("model_type: supervised_learning\ndataset:\n  name: wine", ["algorithm"]),
        ("model_type: supervised_learning\nalgorithm: xgboost", ["dataset"]),
        ("model_type: supervised_learning\nalgorithm: xgboost\ndataset:\n  target: y", ["dataset.name"]),
        ("model_type: supervised_learning\nalgorithm:\ndataset:\n  name:", ["algorithm", "dataset.name"]),
        ("hyperparameters: {}", ["model_type", "algorithm"]),
    ],
)
def test_what_is_needed_and_missing_is_named(body, fields):
    found = problems_of(body)
    assert [p.field for p in found] == fields
    assert {p.code for p in found} == {"missing_field"}


def test_an_unknown_algorithm_is_answered_with_those_there_are():
    (problem,) = problems_of(GOOD.format(algorithm="xgbost"))
    assert (problem.code, problem.message) == ("unknown_algorithm", 'is no algorithm known here (got "xgbost").')
    assert problem.remedy.startswith("Did you mean `xgboost`? Choose random_forest,")


def test_a_message_reads_like_a_sentence():
    with pytest.raises(IssueRejected) as rejected:
        parse_issue(GOOD.format(algorithm="mlp") + "hyperparameters:\n  batch_size: -32")
    assert str(rejected.value) == "hyperparameters.batch_size: must be a whole number from 1 to 1024 (got -32)."


def test_echoed_values_are_short_and_harmless():
    (problem,) = problems_of(xgboost(f'name: "a\\t\u202e@x{"y" * 3000}"'))
    assert len(problem.message) < 200
    assert problem.message.isprintable()


def test_many_mistakes_end_in_a_count():
    found = problems_of(xgboost("\n".join(f"key{n}: 1" for n in range(300))))
    assert (len(found), found[-1].code) == (51, "too_many_problems")


EQUAL = {
    "order": ("hyperparameters: {max_depth: 3, lr: 0.5}", "hyperparameters: {learning_rate: 0.5, max_depth: 3}"),
    "number": ("hyperparameters: {subsample: 1}", "hyperparameters: {subsample: 1.0}"),
    "whole number": ("hyperparameters: {max_depth: 3.0}", "hyperparameters: {max_depth: 3}"),
    "exponent": ("hyperparameters: {n_estimators: 1e3}", "hyperparameters: {num_round: 1000}"),
    "hexadecimal": ("hyperparameters: {max_depth: 0xA}", "hyperparameters: {max_depth: 010}"),
    "default": ("hyperparameters: {max_depth: 6}", "hyperparameters: {}"),
    "empty": ("hyperparameters:", "evaluation: {}"),
    "metrics": ("evaluation_metrics: [F1-Score, accuracy, f1]", "evaluation:\n  metrics:\n    - Accuracy\n    - f1"),
    "thresholds": ("thresholds: {AUC-ROC: 1}", "evaluation:\n  thresholds:\n    - auc_roc: 1.0"),
    "choice": ("deployment: {strategy: Blue/Green}", "strategy: blue-green"),
    "task": ("metrics: [rmse]\ntask: regression", "metrics: [rmse]"),
    "splits": ("train_split: 0.8\ntest_size: 0.1", "splits: {train: 0.8, val: 0.1, test: 0.1}"),
    "name": ("name: xgboost-breast_cancer", ""),
    "off": ("preprocessing: {outliers: off, scaling: Z-Score}", "preprocessing: {scaling: standard}"),
    "nowhere": ("deployment: {target: none}", ""),
}


@pytest.mark.parametrize(("one", "other"), EQUAL.values(), ids=EQUAL)
def test_equal_meaning_is_equal_canonical_form(one, other):
    assert canonical(parse_issue(xgboost(one))) == canonical(parse_issue(xgboost(other)))


def test_numbers_and_words_stay_text_where_text_is_meant():
    spec = parse_issue(xgboost("  classes: [0, on, 1e3, true, 0.10]\nvariant: 0.10"))
    assert (spec.dataset.classes, spec.variant) == (("0", "on", "1e3", "true", "0.10"), "0.10")


@pytest.mark.parametrize("text", ["{{ 7*7 }}", "{% x %}", "{# x #}"])
def test_template_marks_pass_in_no_text(text):
    (problem,) = problems_of(xgboost(f'  classes: ["{text}", "b"]'))
    assert (problem.field, problem.code) == ("dataset.classes[0]", "template")


def test_settings_of_a_misspelt_algorithm_are_judged_as_those_of_the_one_meant():
    body = "model_type: supervised_learning\nalgorithm: xgbost\ndataset: {name: wine}\n"
    body += "hyperparameters: {n_estimators: 0}\n"
    with pytest.raises(IssueRejected) as rejected:
        parse_issue(body)
    assert rejected.value.fields == ["algorithm", "hyperparameters.n_estimators"]


def test_settings_of_a_misspelt_algorithm_are_judged_as_those_of_the_nearest():
    """Limits and spellings are xgboost's: `lr` is its learning rate, `max_depth` ends at 16, and `epochs` is none."""
    found = problems_of(
        "model_type: supervised_learning\nalgorithm: xgbost\ndataset: {name: wine}\n"
        "hyperparameters:\n  lr: 2\n  max_depth: 20\n  epochs: 3\n"
    )
    assert [(one.line, one.code) for one in found] == [
        (2, "unknown_algorithm"), (5, "out_of_range"), (6, "out_of_range"), (7, "not_for_algorithm"),
    ]  # fmt: skip
    assert not any("None" in one.message + one.remedy for one in found)


REMEDIES = {
    "thousands": ("hyperparameters:\n  n_estimators: 1,000", "Did you mean 1000?"),
    "underscore": ("hyperparameters:\n  n_estimators: 1_000", "Did you mean 1000?"),
    "percent": ("evaluation:\n  thresholds:\n    f1: 90%", "Did you mean 0.9?"),
    "decimal comma": ("hyperparameters:\n  lr: 0,1", "Did you mean 0.1?"),
    "quoted": ('hyperparameters:\n  lr: "0.1"', "Remove the quotes."),
    "field of a section": ("target: quality", "Did you mean `dataset.target`?"),
    "field of an inner section": ("min_instances: 2", "Did you mean `deployment.auto_scaling.min_instances`?"),
    "percents as splits": ("splits: {train: 80, validation: 20}", "Write shares: train 0.8, validation 0.2."),
}


@pytest.mark.parametrize("case", REMEDIES.values(), ids=REMEDIES)
def test_remedy_names_what_was_meant(case):
    extra, remedy = case
    (problem,) = problems_of(xgboost(extra))
    assert remedy in problem.remedy


@pytest.mark.parametrize(("splits", "field"), [("train: 1.0", "train"), ("{validation: 0.5, test: 0.5}", "validation")])
def test_share_that_leaves_nothing_for_the_others_is_refused_where_it_is_written(splits, field):
    (problem,) = problems_of(xgboost(f"splits:\n  {splits}" if splits[0] != "{" else f"splits: {splits}"))
    assert problem.field == f"splits.{field}"
    assert problem.message.startswith("leaves no rows for")


def test_section_left_empty_is_missed_where_it_stands():
    (problem,) = problems_of("model_type: supervised_learning\nalgorithm: xgboost\ndataset:\nname: wine\n")
    assert (problem.line, problem.field, problem.code) == (3, "dataset", "missing_field")


@pytest.mark.parametrize(
    "slip",
    ["algorithm:\u00a0xgboost", "dataset: {name:\u3000wine}", "hyperparameters:\n  max_depth:\u00a03"],
    ids=["alone on its line", "between braces", "only line of its section"],
)
def test_a_space_of_web_pages_after_a_colon_is_named_where_it_is(slip):
    key = slip.split(":")[0]
    lines = {"model_type": "model_type: supervised_learning", "algorithm": "algorithm: xgboost",
             "dataset": "dataset: {name: wine}"} | {key: slip}  # fmt: skip
    text = "\n".join(lines.values())
    with pytest.raises(IssueRejected) as rejected:
        parse_issue(text)
    at = text[: text.index(next(c for c in text if c in "\u00a0\u3000"))].count("\n") + 1
    assert at in [problem.line for problem in rejected.value.problems if problem.code == "bad_character"]


def test_a_space_of_web_pages_at_the_end_of_a_value_is_seen_by_nobody():
    written = "model_type: supervised_learning\nalgorithm: xgboost\ndataset: {name: wine}\nhyperparameters:\n"
    assert parse_issue(f"{written}  max_depth: 3\u00a0").hyperparameters.max_depth == 3


def test_full_width_colons_everywhere_are_named_rather_than_called_no_description():
    found = problems_of("```yaml\nmodel_type\uff1a supervised_learning\nalgorithm\uff1a xgboost\n```")
    assert [(one.line, one.field) for one in found] == [(2, "model_type"), (3, "algorithm")]


@pytest.mark.parametrize(
    "extra", ["splits: {train: 500, validation: x}", "deployment: {auto_scaling: {max_instances: -1}}"]
)
def test_bad_value_blames_no_field_beside_it(extra):
    assert len(problems_of(xgboost(extra))) == 1


@pytest.mark.parametrize(("classes", "field"), [("[a, b, a]", "dataset.classes[2]"), ("[a]", "dataset.classes")])
def test_classes_are_at_least_two_and_differ(classes, field):
    body = xgboost("").replace("breast_cancer", f"breast_cancer\n  classes: {classes}")
    assert [problem.field for problem in problems_of(body)] == [field]
