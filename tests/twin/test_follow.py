"""Reading example issues: front matter is for us, the rest is the issue."""

from __future__ import annotations

import pytest

from twin.follow import read_example
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
    assert (example.title, example.labels, example.expect) == ("my issue", ("mlops:train",), "deployed")


@pytest.mark.parametrize("path", sorted((PROJECT / "examples" / "issues").glob("*.md")), ids=lambda path: path.stem)
def test_every_shipped_example_can_be_read(path):
    example = read_example(path)
    assert example.body
    assert example.title.startswith("[MLOps]")
