from pathlib import Path

import pytest
import yaml

from mlops.spec import WORKLOADS
from mlops.spec.issue_form import PATH, issue_form

FORM = yaml.safe_load(issue_form())
ELEMENTS = {element["id"]: element for element in FORM["body"] if element["type"] != "markdown"}


def test_the_committed_form_is_the_derived_one():
    committed = Path(__file__).parents[3] / PATH
    assert committed.read_text() == issue_form(), f"run: python -m mlops.spec form > {PATH}"


def test_the_form_has_what_github_asks_for():
    assert set(FORM) == {"name", "description", "title", "labels", "body"}
    assert FORM["labels"] == ["mlops:train"]
    assert {element["type"] for element in FORM["body"]} == {"markdown", "input", "dropdown", "textarea"}
    labels = [element["attributes"]["label"] for element in ELEMENTS.values()]
    assert len(set(labels)) == len(labels) == len(ELEMENTS)


@pytest.mark.parametrize("element", ELEMENTS.values(), ids=ELEMENTS)
def test_each_element_is_one_that_github_accepts(element):
    attributes = element["attributes"]
    assert element["id"].replace("_", "a").isalnum()
    assert all(isinstance(attributes.get(key, ""), str) for key in ("label", "description", "placeholder", "render"))
    if element["type"] == "dropdown":
        options = attributes["options"]
        assert len(set(options)) == len(options) >= 2
        # GitHub refuses booleans, numbers and the reserved word.
        assert all(isinstance(option, str) and option.lower() != "none" for option in options)
        assert 0 <= attributes["default"] < len(options)


def test_only_what_can_run_is_offered():
    assert ELEMENTS["algorithm"]["attributes"]["options"] == list(WORKLOADS)
    assert [name for name, element in ELEMENTS.items() if element.get("validations", {}).get("required")] == [
        "algorithm",
        "dataset_name",
    ]
