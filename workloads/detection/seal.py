"""The seal of a prepared data set of images: the proof that the judged frames are those that nobody learnt from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workloads.contract import Run
from workloads.tabular.reading import sha256

TEST = "test/"
SEEN = ("train/", "validation/")
_PICTURES = (".png", ".jpg", ".jpeg")


def broken(manifest: dict[str, Any], test: Path, run: Run, training: dict[str, Any]) -> list[str]:
    """Every reason why a test on these frames would prove nothing; empty when the seal is intact.

    Args:
        manifest: as `prepare` wrote it, with the hash of every file of every split.
        test: the test split as it was mounted.
        training: `training_log.json` of the model.
    """
    files = {name: entry["sha256"] for name, entry in manifest["files"].items()}
    sealed = {name.removeprefix(TEST): digest for name, digest in files.items() if name.startswith(TEST)}
    there = {str(path.relative_to(test)): path for path in test.rglob("*") if path.is_file()}
    changed = sorted(name for name, digest in sealed.items() if name not in there or sha256(there[name]) != digest)
    reasons = []
    if not sealed:
        reasons.append("the manifest names no file of the test split")
    if changed:
        reasons.append(f"{_named(changed)} not as prepare wrote {'it' if len(changed) == 1 else 'them'}")
    if added := sorted(name for name in there.keys() - sealed.keys() if not Path(name).name.startswith(".")):
        reasons.append(f"{_named(added)} not in the manifest")
    seen = {digest: name for name, digest in files.items() if name.startswith(SEEN) and _is_picture(name)}
    if shared := sorted(name for name, digest in sealed.items() if _is_picture(name) and digest in seen):
        reasons.append(f"{len(shared)} test frames are pictures that training saw (first: test/{shared[0]} is "
                       f"{seen[sealed[shared[0]]]})")  # fmt: skip
    learnt = training.get("dataset_version")
    if learnt and run.dataset_version and learnt != run.dataset_version:
        reasons.append(
            f"the model was trained on data set version {learnt}, the test frames are {run.dataset_version}'s"
        )
    return reasons


def _named(names: list[str]) -> str:
    """`test/a is`, or `3 files (first: test/a) are`."""
    return f"{TEST}{names[0]} is" if len(names) == 1 else f"{len(names)} files (first: {TEST}{names[0]}) are"


def _is_picture(name: str) -> bool:
    return "/images/" in f"/{name}" and name.lower().endswith(_PICTURES)
