from __future__ import annotations

import gzip
import io
import json
import tarfile

from mlops.curves import read_training_log


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def read(services, body: bytes) -> dict:
    services.cloud.s3.put_object(Bucket="mlops-bucket", Key="m.tar.gz", Body=body)
    return read_training_log(services.cloud, "s3://mlops-bucket/m.tar.gz")


def test_the_log_is_found_among_other_files(services):
    log = {"curve": {"series": {"train:f1": [0.5, 0.9]}}}
    body = archive(
        (tarfile.TarInfo("model.onnx"), b"x" * 100_000),
        (tarfile.TarInfo("./training_log.json"), json.dumps(log).encode()),
    )
    assert read(services, body) == log


def test_an_archive_without_a_log_gives_nothing(services):
    assert read(services, archive((tarfile.TarInfo("model.onnx"), b"x"))) == {}


def test_a_link_in_its_place_is_not_followed(services):
    link = tarfile.TarInfo("training_log.json")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    assert read(services, archive((link, b""))) == {}


def test_what_is_no_archive_gives_nothing(services):
    assert read(services, b"no archive at all") == {}
    assert read(services, gzip.compress(b"neither is this")) == {}
