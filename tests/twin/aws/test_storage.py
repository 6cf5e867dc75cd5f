"""How keys become file names below a channel."""

from __future__ import annotations

import pytest

from twin.aws.storage import relative_key, split_uri


@pytest.mark.parametrize(
    ("key", "prefix", "path"),
    [
        ("a/b/c.csv", "a/b/", "c.csv"),
        ("a/b/c.csv", "a/b", "c.csv"),
        ("a/b/c.csv", "a/b/c.csv", "c.csv"),
        ("a/b/c/d.csv", "a", "b/c/d.csv"),
        ("a/part-0001", "a/part-", "part-0001"),
        ("c.csv", "", "c.csv"),
    ],
)
def test_key_lands_relative_to_its_prefix(key, prefix, path):
    assert relative_key(key, prefix) == path


def test_uri_is_split_at_its_first_slash():
    assert split_uri("s3://bucket/a/b") == ("bucket", "a/b")
