"""The specification as people read it: shorter than the canonical one, and the same run."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops.spec import canonical, parse_issue
from mlops.spec.render import render_for_reading

ISSUES = [
    path
    for folder in ("examples/issues", "tests/mlops/spec/issues")
    for path in sorted(Path(folder).glob("*.md"))
    # Refused in whole: one for its mistakes, one because nothing trains it yet.
    if path.name not in {"refused_mistakes.md", "vad_ppo.md"}
]


@pytest.mark.parametrize("path", ISSUES, ids=lambda path: path.stem)
def test_what_is_shown_of_an_example_reads_back_as_the_same_spec(path):
    spec = parse_issue(path.read_text())
    shown = render_for_reading(canonical(spec))
    assert parse_issue(shown) == spec
    assert "null" not in shown
    assert "[]" not in shown


def spec_of(**sections):
    text = "algorithm: yolox\nmodel_type: supervised_learning\ndataset: {name: kitti}\n"
    return parse_issue(text + "".join(f"{name}: {value}\n" for name, value in sections.items()))


def test_a_detector_shows_the_cleaning_of_tables_only_where_it_was_asked_for():
    usual, asked = spec_of(), spec_of(preprocessing="{scaling: minmax, masking: [faces]}")
    assert "scaling" not in render_for_reading(canonical(usual))
    shown = render_for_reading(canonical(asked))
    assert "scaling: minmax\n" in shown
    assert "missing" not in shown
    assert parse_issue(shown) == asked


def test_what_is_shown_leaves_the_canonical_spec_as_it_is():
    data = canonical(spec_of())
    before = canonical(spec_of())
    render_for_reading(data)
    assert data == before


def test_data_that_is_no_spec_is_shown_as_it_is():
    assert render_for_reading({"algorithm": 3, "preprocessing": "x", "old": {"a": 1}}) == (
        "algorithm: 3\npreprocessing: x\nold:\n  a: 1\n"
    )
