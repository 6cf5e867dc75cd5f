from __future__ import annotations

import pytest

from mlops import datasets
from mlops.errors import Conflict

NOW = "2026-11-23T10:00:00Z"


def known(schema: dict) -> dict:
    return {"v1.4.0": {"schema": schema}}


@pytest.mark.parametrize(
    ("before", "after", "version"),
    [
        ({"target": "y", "columns": ["a", "y"]}, {"target": "y", "columns": ["a", "y"]}, "v1.5.0"),
        ({"target": "y", "columns": ["a", "y"]}, {"target": "y", "columns": ["a", "b", "y"]}, "v2.0.0"),
        ({"target": "y", "columns": None}, {"target": "z", "columns": ["a"]}, "v2.0.0"),
        ({"target": None, "columns": None}, {"target": "y", "columns": None}, "v1.5.0"),
    ],
)
def test_a_version_is_major_where_target_or_columns_are_known_to_differ(before, after, version):
    assert datasets.next_version(known(before), after) == version


def test_the_same_fingerprint_is_the_same_version_and_has_one_builder(services):
    def reserve(fingerprint: str, run: str) -> str:
        return datasets.reserve(services.ledger, "wine", fingerprint, {"target": "y"}, run, NOW)

    assert [reserve("f1", "a"), reserve("f1", "b"), reserve("f2", "b")] == ["v1.0.0", "v1.0.0", "v1.1.0"]
    assert datasets.builder(services.ledger, "wine", "v1.0.0") == "a"
    assert datasets.take_over(services.ledger, "wine", "v1.0.0", before="a", run_key="b") == "b"
    assert datasets.take_over(services.ledger, "wine", "v1.0.0", before="a", run_key="c") == "b"
    with pytest.raises(Conflict):
        datasets.builder(services.ledger, "wine", "v9.0.0")


def test_the_manifest_of_a_version_is_written_once(services):
    assert datasets.complete(services, "wine", "v1.0.0", {"rows": 1}) == {"rows": 1}
    assert datasets.complete(services, "wine", "v1.0.0", {"rows": 2}) == {"rows": 1}


def test_the_pointer_never_goes_back(services):
    for version in ("v1.1.0", "v1.0.0"):
        datasets.point_to(services, "wine", version)
    assert datasets.describe(services, "wine")["current"] == "v1.1.0"
