"""What phases hand on reads the same wherever it is shown."""

from __future__ import annotations

from mlops.handles import PreparedData, by_split


def test_rows_are_named_in_the_order_in_which_they_are_used():
    """JSON with sorted keys, as manifests and the ledger keep it, begins with the test rows."""
    prepared = PreparedData(
        dataset="wine", version="v1.0.0", prefix="s3://b/p/", manifest_uri="s3://b/p/manifest.json", task="regression",
        target=None, features=3, rows={"test": 1, "train": 4, "validation": 2},
    )  # fmt: skip
    assert list(prepared.rows) == ["train", "validation", "test"]
    again = PreparedData.model_validate_json(prepared.model_dump_json())
    assert list(again.rows.items()) == [("train", 4), ("validation", 2), ("test", 1)]


def test_splits_of_other_names_follow():
    assert list(by_split({"extra": 1, "test": 2, "train": 3})) == ["train", "test", "extra"]
