"""Issue forms, from the file in the repository to the text of the issue."""

from __future__ import annotations

import re

import httpx
import pytest

FORM = """
name: Train a model
description: One run.
title: "[MLOps] "
labels: [mlops:train]
body:
  - type: markdown
    attributes: {value: "Read **this** first."}
  - type: input
    id: name
    attributes: {label: Model name}
    validations: {required: true}
  - type: dropdown
    id: algorithm
    attributes: {label: Algorithm, options: [xgboost, kmeans], default: 0}
  - type: textarea
    id: settings
    attributes: {label: Hyperparameters, render: yaml}
  - type: textarea
    id: notes
    attributes: {label: Notes}
  - type: checkboxes
    id: sure
    attributes: {label: Sure, options: [{label: data checked}, {label: budget checked}]}
"""

BODY = """### Model name

wine

### Algorithm

xgboost

### Hyperparameters

```yaml
n_estimators: 10
max_depth: 3
```

### Notes

_No response_

### Sure

- [x] data checked
- [ ] budget checked"""


@pytest.fixture(scope="module")
def browser(server, repo):
    repo.create_file(".github/ISSUE_TEMPLATE/mlops.yml", "Add a form", FORM)
    repo.create_file(".github/ISSUE_TEMPLATE/broken.yml", "Add a broken one", "name: [")
    with httpx.Client(base_url=f"{server.url}/acme/perception", follow_redirects=True) as client:
        yield client


def submit(browser: httpx.Client, **fields) -> httpx.Response:
    token = re.search(r'form_token" value="(\w+)"', browser.get("/issues/new?template=mlops.yml").text)
    assert token
    given = {f"field.{name}": value for name, value in fields.items()}
    return browser.post(
        "/issues", data={"form_token": token[1], "template": "mlops.yml", "title": "[MLOps] wine", **given}
    )


def test_filled_form_becomes_headings_and_answers(browser, repo):
    page = submit(
        browser,
        name="wine",
        algorithm="xgboost",
        settings="n_estimators: 10\r\nmax_depth: 3",
        notes="",
        sure=["data checked"],
    )
    issue = repo.get_issue(int(page.url.path.rpartition("/")[2]))
    assert issue.body == BODY
    assert [label.name for label in issue.labels] == ["mlops:train"]


def test_required_field_is_required(browser):
    reply = submit(browser, name=" ")
    assert (reply.status_code, "Model name is required." in reply.text) == (422, True)


def test_page_offers_the_forms_and_a_blank_issue(browser):
    choice = browser.get("/issues/new").text
    assert "Train a model" in choice
    assert "Blank issue" in choice
    assert "broken" not in choice
    form = browser.get("/issues/new?template=mlops.yml").text
    assert "<strong>this</strong>" in form
    assert "<option selected>xgboost</option>" in form
    assert 'name="body"' in browser.get("/issues/new?blank=1").text
