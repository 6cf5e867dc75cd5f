"""Storage keys: the layout of the specification, and no way out of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops import keys


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (keys.raw_prefix("wine"), "datasets/wine/raw/"),
        (keys.dataset_manifest("wine", "v1.0.0"), "datasets/wine/versions/v1.0.0/manifest.json"),
        (keys.model_version_prefix("m", "v1.1.0"), "models/m/v1.1.0/"),
        (keys.evaluation_prefix("gh-1-2-abc"), "evaluations/gh-1-2-abc/"),
        (keys.history_path(2026, "gh-1-2-abc", "md"), "training_history/2026/gh-1-2-abc.md"),
    ],
)
def test_keys_follow_section_5_4_of_the_specification(key, expected):
    assert key == expected


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", "../x", "a..b", "-a", ".a", "a\n", "a" * 200])
def test_a_name_that_could_leave_its_folder_is_refused(name):
    with pytest.raises(ValueError, match="cannot be part of a storage key"):
        keys.raw_prefix(name)


@given(st.text())
def test_a_key_stays_below_its_prefix_or_is_refused(name):
    try:
        key = keys.model_version_prefix("m", name)
    except ValueError:
        return
    assert key.startswith("models/m/")
    assert key.count("/") == 3
    assert ".." not in key


def test_an_address_splits_into_bucket_and_key():
    assert keys.split_uri(keys.uri("bucket", "a/b.csv")) == ("bucket", "a/b.csv")
