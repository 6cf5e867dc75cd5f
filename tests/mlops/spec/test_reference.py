from pathlib import Path

from markdown_it import MarkdownIt

from mlops.spec import ALGORITHMS, parse_issue
from mlops.spec.headings import leaves
from mlops.spec.metrics import METRICS
from mlops.spec.reference import PATH, reference_page


def test_the_committed_page_is_the_derived_one():
    committed = Path(__file__).parents[3] / PATH
    assert committed.read_text() == reference_page(), f"run: python -m mlops.spec docs > {PATH}"


def test_the_page_names_every_field_algorithm_and_metric():
    page = reference_page()
    names = [".".join(path) for path, _ in leaves()] + list(ALGORITHMS) + list(METRICS)
    assert [name for name in names if f"`{name}`" not in page] == []


def test_its_tables_are_tables():
    tokens = MarkdownIt("commonmark").enable("table").parse(reference_page())
    rows = [token for token in tokens if token.type == "tr_open"]
    assert len(rows) > 100
    assert not any(token.type == "paragraph_open" for token in tokens if "|---" in token.content)


def test_its_example_is_a_run():
    assert parse_issue(reference_page()).algorithm == "xgboost"
