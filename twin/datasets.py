"""Data sets in the twin's buckets: the examples, rendered road scenes, and a user's own copy of KITTI."""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tqdm import tqdm

from twin import environment
from twin.aws.clients import client
from twin.aws.seed import BUCKET, DATA_BUCKET
from twin.layout import PROJECT

log = logging.getLogger("twin.datasets")

SCENES = "road_scenes_synthetic"
SCENE_FRAMES = 240
_COARSE = ("--steps", "256")
"""A scan of a third of the usual points: nobody looks at them closely here, and they have to be uploaded."""
_KITTI_PREFIX = "kitti/object/"
"""As the specification's issue names it: `s3://mlops-datasets/kitti/object/`."""
_KITTI_NEEDED = ("image_2", "label_2")
_KITTI_WELCOME = ("calib", "velodyne")
UPLOADED_AT = "2026-01-01T00:00:00Z"
"""Pretended upload time, so that a backfill over past intervals finds data as of their ends."""


def plant(aws_url: str) -> None:
    """Write the bundled data sets below `datasets/{id}/raw/` where the bucket has none yet."""
    s3 = client(aws_url, "s3", environment.REGION)
    if s3.list_objects_v2(Bucket=BUCKET, Prefix="datasets/", MaxKeys=1)["KeyCount"]:
        return
    with tempfile.TemporaryDirectory() as folder:
        # A process of its own: the twin itself imports nothing of the project.
        argv = [sys.executable, "-m", "workloads.datasets", "--out", folder]
        subprocess.run(argv, cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
        for file in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
            dataset = file.relative_to(folder).parts[0]
            s3.put_object(
                Bucket=BUCKET, Key=f"datasets/{dataset}/raw/{file.name}", Body=file.read_bytes(),
                Metadata={"twin-last-modified": UPLOADED_AT},
            )  # fmt: skip
    log.info("Put the example data sets into s3://%s/datasets/", BUCKET)


def plant_scenes(aws_url: str) -> str:
    """Render the synthetic road scenes into their data set's folder where none are; returns its address."""
    s3, prefix = client(aws_url, "s3", environment.REGION), f"datasets/{SCENES}/raw/"
    address = f"s3://{BUCKET}/{prefix}"
    if s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix, MaxKeys=1)["KeyCount"]:
        return address
    with tempfile.TemporaryDirectory() as folder:
        print(f"Rendering {SCENE_FRAMES} synthetic road scenes in KITTI's layout ...", flush=True)
        subprocess.run(
            [sys.executable, "-m", "workloads.scenes", "--out", folder, "--frames", str(SCENE_FRAMES), *_COARSE],
            cwd=PROJECT, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        _upload(s3, Path(folder), sorted(path for path in Path(folder).rglob("*") if path.is_file()), BUCKET, prefix)
    return address


class NoKitti(ValueError):
    """The folder is no copy of KITTI's object benchmark; the message says what is missing."""


def upload_kitti(aws_url: str, root: Path) -> str:
    """A user's own copy into `s3://mlops-datasets/kitti/object/`; files that lie there with the same size stay.

    Args:
        root: the folder that holds `training/image_2`, `training/label_2`, ..., or one named `object` in it.

    Raises:
        NoKitti: those folders are not there, or hold no frame.
    """
    base = next((one for one in (root, root / "object") if (one / "training").is_dir()), None)
    if base is None:
        raise NoKitti(f"{root} holds no folder `training`; give the folder that KITTI's archives were unpacked into.")
    for name in _KITTI_NEEDED:
        if not any((base / "training" / name).glob("*.*")):
            raise NoKitti(f"{base / 'training' / name} is not there or empty; unpack KITTI's archive of {name} there.")
    for name in _KITTI_WELCOME:
        if not (base / "training" / name).is_dir():
            print(f"note: {base / 'training' / name} is not there; what needs it will be left out.")
    files = [
        path for folder in ("training", "ImageSets") if (base / folder).is_dir()
        for path in sorted((base / folder).rglob("*")) if path.is_file() and not path.name.startswith(".")
    ]  # fmt: skip
    _upload(client(aws_url, "s3", environment.REGION), base, files, DATA_BUCKET, _KITTI_PREFIX)
    return f"s3://{DATA_BUCKET}/{_KITTI_PREFIX}"


def _upload(s3: Any, base: Path, files: list[Path], bucket: str, prefix: str) -> None:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    there = {one["Key"]: one["Size"] for page in pages for one in page.get("Contents", [])}

    def put(path: Path) -> None:
        key = prefix + path.relative_to(base).as_posix()
        if there.get(key) != path.stat().st_size:
            s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())

    with ThreadPoolExecutor(4) as pool:
        bar = tqdm(pool.map(put, files), total=len(files), desc="uploading", unit="file", disable=None)
        for _ in bar:
            pass
