"""docker/*/*.lock against the one list of versions."""

from __future__ import annotations

import re

import pytest

from twin.images import locks
from twin.images.catalogue import IMAGES

OF_CUDA = re.compile(r"nvidia-.*|cuda-.*|triton|cupy-cuda12x|onnxruntime-gpu")
"""What the list of the laptop's versions does not have."""


def versions(path) -> dict[str, str]:
    lines = [line.partition("#")[0].strip() for line in path.read_text().splitlines()]
    return dict(line.split("==") for line in lines if line)


def names(path) -> set[str]:
    """Wanted by a list of names and those that it refers to, as a lock spells them."""
    found = set()
    for line in path.read_text().splitlines():
        word = line.partition("#")[0].strip().partition("[")[0]
        found |= names(path.parent / word.removeprefix("-r ")) if word.startswith("-r ") else {word.lower()} - {""}
    return found


@pytest.fixture(scope="module")
def one_list():
    return {name.lower().replace("_", "-"): version for name, version in versions(locks.VERSIONS).items()}


@pytest.mark.parametrize("image", IMAGES.values(), ids=list(IMAGES))
def test_lock_has_the_versions_of_the_one_list(image, one_list):
    for name, version in locks.pinned(image.lock).items():
        if name in one_list:
            assert version.partition("+")[0] == one_list[name], name
        else:
            assert image.accelerator == "cuda", f"{name} is not in {locks.VERSIONS.name}"
            assert OF_CUDA.fullmatch(name), name


@pytest.mark.parametrize("image", IMAGES.values(), ids=list(IMAGES))
def test_lock_holds_all_that_is_wanted(image):
    assert names(image.wanted) <= set(locks.pinned(image.lock))


@pytest.mark.parametrize("name", ["processing-gpu", "inference-gpu"])
def test_cuda_takes_the_place_of_the_processors_runtime(name):
    pinned, gpu = locks.pinned(IMAGES[name].lock), versions(locks.GPU_VERSIONS)
    assert "onnxruntime" not in pinned
    assert pinned["onnxruntime-gpu"] == gpu["onnxruntime-gpu"]


@pytest.mark.parametrize(("name", "build"), [("training", "+cpu"), ("processing", "+cpu"), ("training-gpu", "")])
def test_torch_is_built_for_the_accelerator(name, build):
    assert locks.pinned(IMAGES[name].lock)["torch"].partition("+")[1:] == (("+", "cpu") if build else ("", ""))


@pytest.mark.parametrize("line", ["numpy==2.0.0\n", "numpy \\\n    --hash=sha256:ab\n"])
def test_line_without_version_or_hash_is_refused(tmp_path, line):
    (tmp_path / "x.lock").write_text(line)
    with pytest.raises(ValueError, match=r"numpy.* has no version or no hash"):
        locks.pinned(tmp_path / "x.lock")


def test_no_address_of_an_index_is_written():
    for image in IMAGES.values():
        assert "://" not in image.lock.read_text()
