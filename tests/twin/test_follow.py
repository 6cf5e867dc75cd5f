"""Reading example issues: front matter is for us, the rest is the issue."""

from __future__ import annotations

import pytest

from twin.follow import Progress, read_example, served_by
from twin.layout import PROJECT


def test_front_matter_gives_title_labels_and_expectation(tmp_path):
    file = tmp_path / "a.md"
    file.write_text('---\ntitle: "T"\nlabels: [mlops]\nexpect: refused\n---\nbody\n')
    example = read_example(file)
    assert (example.title, example.labels, example.expect, example.body) == ("T", ("mlops",), "refused", "body\n")


def test_a_file_without_front_matter_is_the_issue_itself(tmp_path):
    file = tmp_path / "my_issue.md"
    file.write_text("```yaml\nalgorithm: pca\n```\n")
    example = read_example(file)
    assert example.body.startswith("```yaml")
    assert (example.title, example.labels, example.expect) == ("my issue", ("mlops:train",), None)


def test_one_text_stands_for_a_list_as_in_templates_of_github(tmp_path):
    file = tmp_path / "a.md"
    file.write_text("---\nlabels: mlops:train, urgent\nreplies: /rerun\n---\nbody\n")
    example = read_example(file)
    assert (example.labels, example.replies) == (("mlops:train", "urgent"), ("/rerun",))


def test_front_matter_that_is_no_yaml_is_told_with_its_file(tmp_path):
    file = tmp_path / "a.md"
    file.write_text("---\ntitle: [a\n---\nbody\n")
    with pytest.raises(ValueError, match=r"a\.md: the front matter is no YAML"):
        read_example(file)


@pytest.mark.parametrize("path", sorted((PROJECT / "examples" / "issues").glob("*.md")), ids=lambda path: path.stem)
def test_every_shipped_example_can_be_read(path):
    example = read_example(path)
    assert example.body
    assert example.title.startswith("[MLOps]")


@pytest.mark.parametrize(
    ("expect", "outcome", "as_asked"),
    [
        ("deployed", "deployed", True),
        ("refused", "refused", True),
        ("deployed", "registered", False),
        (None, "registered", True),
        (None, "refused", False),
        (None, None, False),
    ],
)
def test_an_issue_ended_well_if_it_ended_as_it_asks(tmp_path, expect, outcome, as_asked):
    file = tmp_path / "a.md"
    file.write_text(f"---\nexpect: {expect}\n---\nbody" if expect else "body")
    assert Progress(read_example(file), 1, 0.0, outcome=outcome).as_asked is as_asked


@pytest.mark.parametrize(
    ("deployed", "endpoint"),
    [
        ({}, None),
        ({"endpoint": "mlops-wine", "state": "skipped"}, None),
        ({"endpoint": "mlops-wine", "state": "in_service"}, "mlops-wine"),
        ({"endpoint": "mlops-wine", "state": "rolled_back"}, "mlops-wine"),
    ],
)
def test_a_run_that_asks_for_no_deployment_has_no_endpoint(deployed, endpoint):
    assert served_by(deployed) == endpoint
