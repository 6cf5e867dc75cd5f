from __future__ import annotations

import hashlib

import pytest

from mlops import objects
from mlops.errors import RequestRefused

URI = "s3://mlops-bucket/a/b.json"


def test_a_document_is_written_and_read_and_an_absent_one_is_none(services):
    assert objects.read_json(services.cloud, URI) is None
    assert objects.size_of(services.cloud, URI) is None
    written = objects.write_json(services.cloud, URI, {"b": 1, "a": [2]})
    assert written == hashlib.sha256(b'{"a":[2],"b":1}').hexdigest() == objects.sha256_of(services.cloud, URI)
    assert objects.read_json(services.cloud, URI) == {"a": [2], "b": 1}
    assert objects.size_of(services.cloud, URI) == 15


def test_a_document_written_once_stays(services):
    assert objects.write_json_once(services.cloud, URI, {"n": 1}) is True
    assert objects.write_json_once(services.cloud, URI, {"n": 2}) is False
    assert objects.read_json(services.cloud, URI) == {"n": 1}


def test_objects_and_folders_below_a_prefix_are_listed(services):
    for key in ("datasets/b/raw/x", "datasets/a/raw/y", "datasets/a/raw/z"):
        services.cloud.s3.put_object(Bucket="mlops-bucket", Key=key, Body=b"12")
    assert objects.folders(services.cloud, "mlops-bucket", "datasets/") == ["a", "b"]
    listed = list(objects.listing(services.cloud, "mlops-bucket", "datasets/a/"))
    assert [(one.key, one.size) for one in listed] == [("datasets/a/raw/y", 2), ("datasets/a/raw/z", 2)]


def test_a_bucket_that_is_not_there_is_refused_by_name(services):
    with pytest.raises(RequestRefused, match="list s3://no-such-bucket/"):
        list(objects.listing(services.cloud, "no-such-bucket", ""))
