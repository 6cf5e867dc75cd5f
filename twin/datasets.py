"""The example data sets in the twin's bucket: real data, as if somebody had put them there some time ago."""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
from pathlib import Path

from twin import environment
from twin.aws.clients import client
from twin.aws.seed import BUCKET
from twin.layout import PROJECT

log = logging.getLogger("twin.datasets")

UPLOADED_AT = "2026-01-01T00:00:00Z"
"""Pretended upload time, so that a backfill over past intervals finds data as of their ends."""


def plant(aws_url: str) -> None:
    """Write the bundled data sets below `datasets/{id}/raw/` where the bucket has none yet."""
    s3 = client(aws_url, "s3", environment.REGION)
    if s3.list_objects_v2(Bucket=BUCKET, Prefix="datasets/", MaxKeys=1)["KeyCount"]:
        return
    with tempfile.TemporaryDirectory() as folder:
        # A process of its own: the twin itself imports nothing of the project.
        subprocess.run([sys.executable, "-m", "workloads.datasets", "--out", folder], cwd=PROJECT, check=True)
        for file in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
            dataset = file.relative_to(folder).parts[0]
            s3.put_object(
                Bucket=BUCKET, Key=f"datasets/{dataset}/raw/{file.name}", Body=file.read_bytes(),
                Metadata={"twin-last-modified": UPLOADED_AT},
            )  # fmt: skip
    log.info("Put the example data sets into s3://%s/datasets/", BUCKET)
