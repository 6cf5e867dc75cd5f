from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mlops import raw_data
from mlops.errors import RequestRefused, UserFault
from mlops.raw_data import Inventory, RawObject


def at(day: int) -> datetime:
    return datetime(2026, 11, day, tzinfo=UTC)


def version(key: str, day: int, *, size: int = 1, latest: bool = False) -> dict:
    return {"Key": key, "LastModified": at(day), "Size": size, "IsLatest": latest}


def deleted(key: str, day: int) -> dict:
    return {"Key": key, "LastModified": at(day), "IsLatest": False}


def test_of_each_object_the_newest_version_not_later_than_the_moment_counts():
    entries = [version("a", 20), version("a", 10), version("a", 5), version("b", 11), deleted("c", 9), version("c", 3)]
    assert raw_data.as_of(entries, at(10)) == [version("a", 10)]
    assert raw_data.as_of(entries, at(4)) == [version("c", 3)]
    assert raw_data.as_of(entries, at(1)) == []


def test_of_two_versions_in_one_second_the_one_that_stands_counts():
    assert raw_data.as_of([version("a", 3), version("a", 3, size=9, latest=True)], at(3))[0]["Size"] == 9


def test_a_source_is_the_datasets_own_folder_or_an_allowed_bucket():
    allowed = ("mlops-bucket", "mlops-datasets")
    assert raw_data.source("wine", None, "mlops-bucket", allowed) == ("mlops-bucket", "datasets/wine/raw/")
    named = raw_data.source("wine", "s3://mlops-datasets/wine/", "mlops-bucket", allowed)
    assert named == ("mlops-datasets", "wine/")
    with pytest.raises(RequestRefused, match="'elsewhere' is not allowed; choose one of mlops-bucket, mlops-datasets"):
        raw_data.source("wine", "s3://elsewhere/wine/", "mlops-bucket", allowed)


def test_contents_are_the_same_wherever_they_lie():
    one = Inventory("a", "x/", (RawObject("x/d.csv", "e", 3, "v1"),))
    other = Inventory("b", "deep/y/", (RawObject("deep/y/d.csv", "e", 3, "v2"),))
    assert one.contents == other.contents
    assert Inventory.from_dict(one.as_dict()) == one


def test_large_data_are_read_where_they_lie():
    assert raw_data.may_copy(Inventory("a", "x/", (RawObject("x/d.csv", "e", 1 << 20),)))
    assert not raw_data.may_copy(Inventory("a", "x/", (RawObject("x/d.csv", "e", 2 << 30),)))


def test_an_inventory_prefers_raw_and_never_reads_what_we_made_of_it(services):
    s3 = services.cloud.s3
    for key in (
        "datasets/w/raw/d.csv",
        "datasets/w/versions/v1.0.0/train/data.parquet",
        "kitti/object/a.csv",
        "kitti/x.txt",
    ):
        s3.put_object(Bucket="mlops-bucket", Key=key, Body=b"a,y\n1,2\n")
    for prefix in ("datasets/w/raw/", "datasets/w/", "datasets/w"):
        found = raw_data.take_inventory(services.cloud, "w", "mlops-bucket", prefix)
        assert [one.key for one in found.objects] == ["datasets/w/raw/d.csv"]
    single = raw_data.take_inventory(services.cloud, "k", "mlops-bucket", "kitti/object/a.csv")
    assert (single.prefix, [one.key for one in single.objects]) == ("kitti/object/", ["kitti/object/a.csv"])
    assert raw_data.column_names(services.cloud, single) == ["a", "y"]
    assert raw_data.metadata(services.cloud, single) == {}
    with pytest.raises(UserFault, match="holds no data object"):
        raw_data.take_inventory(services.cloud, "k", "mlops-bucket", "kitti/x.txt")


def test_a_snapshot_copies_the_very_versions_of_the_inventory_once(services):
    s3 = services.cloud.s3
    s3.put_object(Bucket="mlops-bucket", Key="datasets/w/raw/d.csv", Body=b"old")
    inventory = raw_data.take_inventory(services.cloud, "w", "mlops-bucket", "datasets/w/raw/")
    s3.put_object(Bucket="mlops-bucket", Key="datasets/w/raw/d.csv", Body=b"newer")
    for _ in range(2):
        raw_data.copy_snapshot(services.cloud, inventory, "mlops-bucket", "copy/")
    assert s3.get_object(Bucket="mlops-bucket", Key="copy/d.csv")["Body"].read() == b"old"
    copies = s3.list_object_versions(Bucket="mlops-bucket", Prefix="copy/")["Versions"]
    assert len(copies) == 1
