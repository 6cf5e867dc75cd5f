import pytest

from mlops.errors import IssueRejected
from mlops.spec import canonical, parse_issue

YAML = """\
model_type: supervised_learning
algorithm: xgboost  # boosted trees
dataset:
  name: breast_cancer
hyperparameters:
  lr: 3e-4
"""
SPEC = parse_issue(f"```yaml\n{YAML}```")


def indented(text: str, by: str) -> str:
    return "".join(by + line for line in text.splitlines(keepends=True))


BODIES = {
    "fence yaml": f"```yaml\n{YAML}```\n",
    "fence yml": f"```yml\n{YAML}```\n",
    "fence in capitals": f"```YAML\n{YAML}```\n",
    "bare fence": f"```\n{YAML}```\n",
    "tildes": f"~~~yaml\n{YAML}~~~\n",
    "long fence": f"`````yaml title=x\n{YAML}`````\n",
    "unclosed fence": f"```yaml\n{YAML}",
    "fence in a list": f"1. Settings\n\n{indented('```yaml' + chr(10) + YAML + '```', '   ')}\n",
    "raw": YAML,
    "raw, indented": indented(YAML, "  "),
    "raw, CRLF": YAML.replace("\n", "\r\n"),
    "raw, old Mac": YAML.replace("\n", "\r"),
    "byte-order mark": "\ufeff" + YAML,
    "Japanese around": f"よろしくお願いします 🚗\n\n{YAML}\n以上です。\n備考：急ぎません\n",
    "Japanese around a fence, CRLF": f"学習をお願いします。\n```yaml\n{YAML}```\n終わり".replace("\n", "\r\n"),
    "prose with a colon after": f"Hello,\n\n{YAML}\nNote: there is no hurry.\n- thanks\n",
    "horizontal rule after": f"{YAML}\n---\nThanks\n",
    "wrapper in a fence": f'```yaml\ntitle: "[MLOps] x"\nlabels: mlops, a\nbody: |\n{indented(YAML, "  ")}```\n',
    "wrapper, raw": f"title: x\nlabels: y\nbody: |\n{indented(YAML, '    ')}",
    "wrapper of a fence": f"title: x\nbody: |\n{indented('```yaml' + chr(10) + YAML + '```', '  ')}\n",
    "several fences": f"```python\nalgorithm: ppo\n```\n```\nlog: line\n```\n```yaml\n{YAML}```\n```yaml\nx: 1\n```\n",
    "JSON": '{"model_type": "supervised_learning", "algorithm": "xgboost", "dataset": {"name": "breast_cancer"}, '
    '"hyperparameters": {"learning_rate": 0.0003}}',
    "front matter": f"---\ntitle: x\nreplies:\n  - |\n    ```yaml\n    lr: 1\n    ```\n---\nHi\n```yaml\n{YAML}```\n",
    "document between lines": f"---\n{YAML}---\n",
    "template's comment": f"<!-- write below\nalgorithm: ppo\n-->\n{YAML}",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_the_description_is_found(body):
    assert canonical(parse_issue(body)) == canonical(SPEC)


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (f"text\n\n```yaml\n{YAML}  epochs: 0\n```", 10),
        (f"text\n\n{YAML}  epochs: 0\n\nbye", 9),
        (f"a\r\nb\r\n```yaml\r\n{YAML}  epochs: 0\r\n```", 10),
        (f"title: x\n\nbody: |\n{indented(YAML, '  ')}    epochs: 0\n", 10),
        (f"title: x\nbody: |\n  Hi\n  ```yaml\n{indented(YAML, '  ')}    epochs: 0\n  ```\n", 11),
    ],
    ids=["fence", "raw", "CRLF", "wrapper", "fence in wrapper"],
)
def test_lines_are_those_of_the_body(body, line):
    with pytest.raises(IssueRejected) as rejected:
        parse_issue(body)
    assert [(p.line, p.field) for p in rejected.value.problems] == [(line, "hyperparameters.epochs")]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "Please train something nice.",
        "```python\nx = 1\n```",
        "```\nlog line\n```",
        "title: x\nbody: |\n  nothing\n",
    ],
    ids=["empty", "prose", "other language", "log", "empty wrapper"],
)
def test_a_body_without_a_description_says_so(body):
    with pytest.raises(IssueRejected) as rejected:
        parse_issue(body)
    assert [p.code for p in rejected.value.problems] == ["no_document"]


def test_a_body_beyond_the_limit_of_github_is_refused():
    with pytest.raises(IssueRejected) as rejected:
        parse_issue("x" * 300_000)
    assert [p.code for p in rejected.value.problems] == ["too_large"]


def test_a_broken_fence_with_known_keys_is_the_description():
    with pytest.raises(IssueRejected) as rejected:
        parse_issue("```\nlog\n```\n```yaml\nalgorithm: [\n```")
    assert [p.code for p in rejected.value.problems] == ["yaml_syntax"]


def test_a_fence_of_unknown_keys_is_reported_key_by_key():
    with pytest.raises(IssueRejected) as rejected:
        parse_issue("```yaml\nalgoritm: xgboost\n```")
    assert ("algoritm", "unknown_field", "Did you mean `algorithm`?") in [
        (p.field, p.code, p.remedy) for p in rejected.value.problems
    ]


def test_a_setting_after_a_blank_line_is_not_lost():
    with pytest.raises(IssueRejected) as rejected:
        parse_issue(f"{YAML}\nepochs: 3\n")
    assert [(p.line, p.remedy) for p in rejected.value.problems] == [(8, "Did you mean `hyperparameters.epochs`?")]


def test_prose_between_settings_is_reported_not_dropped():
    with pytest.raises(IssueRejected) as rejected:
        parse_issue("algorithm: xgboost\nthis is my data\ndataset:\n  name: wine\n")
    assert [p.code for p in rejected.value.problems] == ["yaml_syntax"]
