"""`prepare`: raw frames in; checked, divided and described frames with COCO annotations out.

Images keep the bytes they came with; only masked ones are written anew, as JPEG. The output is the same, byte for
byte, for the same raw data and settings.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from workloads.contract import Paths, Run, UserError, log, write_json
from workloads.detection import dataset_facts, frame_splits, previews, quality_page
from workloads.detection.bad_frames import MAX_BAD_SHARE, BadFrames, without_root
from workloads.detection.frame_baseline import write_baseline
from workloads.detection.frame_files import place_frames
from workloads.detection.frame_splits import SPLITS, Plan
from workloads.detection.point_files import FOLDER, check_settings, write_points
from workloads.detection.raw import RawData, open_raw
from workloads.detection.reading import Measured, measure_frames
from workloads.kitti.coco import Document, select, write
from workloads.tabular.reading import read_metadata, sha256

TASK = "object_detection"
ORIGIN = ("description", "source", "licence", "synthetic", "derived")
"""What travels with the data from their own metadata.json."""
INPUT_SIZE = (640, 640)
SMALL_INPUT_SIZE = (416, 416)
"""YOLOX's own test size for Nano and Tiny."""
LOSSES = {"train": "it cannot be learnt", "validation": "it has no say in stopping", "test": "it cannot be judged"}
"""What a class without boxes in a split means."""


@dataclass
class Prepared:
    """Everything the reports are made from."""

    raw: RawData
    bad: BadFrames
    plan: Plan
    documents: dict[str, Document]
    """By split."""
    measured: dict[str, dict[str, Measured]]
    """By split and file name."""
    dropped: dict[str, int]
    policy: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    masking: dict[str, Any] | None = None
    points: dict[str, Any] | None = None

    @property
    def classes(self) -> list[str]:
        return list(self.policy["classes"])


def main() -> int:
    paths = Paths.here()
    prepare(Run.read(paths.input("run")), paths.input("raw"), paths.output("dataset"), paths.output("report"))
    return 0


def prepare(run: Run, raw: Path, dataset: Path, report: Path) -> dict[str, Any]:
    """Write the data set version to `dataset` and its manifest to `report`; returns the manifest.

    The control plane copies the manifest beside the data last: a version without it is not complete.

    Raises:
        UserError: the data or the settings cannot give a data set; says what to change.
    """
    metadata = read_metadata(raw)
    prepared = divide(run, raw)
    _clear(dataset)
    files = _write_frames(run, prepared, dataset)
    statistics = dataset_facts.describe(prepared.documents, prepared.measured, prepared.classes)
    prepared.notes += _remarks(prepared, statistics)
    files |= _write_points(run, prepared, dataset)
    sample, rows = write_baseline(dataset, prepared.documents["train"], prepared.measured["train"],
                                  {"task": TASK, "classes": prepared.classes}, prepared.plan.seed)  # fmt: skip
    files[str(sample.relative_to(dataset))] = entry(sample, rows)
    previews.write_previews(dataset / "previews", dataset, prepared.documents, prepared.classes)
    origin: dict[str, Any] = {name: metadata[name] for name in ORIGIN if name in metadata}
    summary = _summary(run, prepared, statistics, origin)
    write_json(dataset / "quality_report.json", summary)
    (dataset / "quality_report.md").write_text(quality_page.markdown(summary), encoding="utf-8")
    write_json(dataset / "features.json", {
        "task": TASK, "target": None, "classes": prepared.classes,
        "columns": [{"name": "image", "kind": "image", "example": previews.example(dataset / "train")}],
        "input_size": list(input_size(run)), "source": prepared.raw.kind,
    })  # fmt: skip
    write_json(dataset / "metadata.json", origin | {
        "name": summary["name"], "task": TASK, "target": None, "classes": prepared.classes, "supervised": True,
        "dataset_version": run.dataset_version, "data_as_of": run.data_as_of, "layout": prepared.raw.kind,
        "splits": summary["splits"], "class_policy": prepared.policy, "statistics": statistics,
        "bad_frames": summary["bad_frames"], "dropped": prepared.dropped, "masking": prepared.masking,
        "points": prepared.points, "notes": prepared.notes,
    })  # fmt: skip
    others = ["features.json", "baseline.json", "metadata.json", "quality_report.json", "quality_report.md"]
    for path in [*(dataset / name for name in others), *sorted((dataset / "previews").iterdir())]:
        files[str(path.relative_to(dataset))] = entry(path)
    manifest = {
        "files": files, "task": TASK, "target": None, "classes": prepared.classes, "features": 1,
        "rows": {name: len(prepared.documents[name]["images"]) for name in SPLITS}, "dropped": prepared.dropped,
        "kinds": {"image": "image"}, "dataset_version": run.dataset_version, "notes": prepared.notes,
        "row_hashes_sha256": {name: _digest(prepared, [name]) for name in SPLITS}
        | {"seen": _digest(prepared, ["train", "validation"])},
    }  # fmt: skip
    write_json(report / "manifest.json", manifest)
    log("Prepared", rows=manifest["rows"], classes=prepared.classes, dropped=prepared.dropped, task=TASK)
    return manifest


def divide(run: Run, root: Path) -> Prepared:
    """Read and check all frames, apply the class policy, and decide which frame goes where. Writes nothing."""
    if run.preprocessing.get("points"):
        check_settings(run.preprocessing["points"])
    try:
        raw = open_raw(root, run)
    except UserError as mistake:
        raise UserError(without_root(root, mistake)) from mistake
    bad = BadFrames(root, len(raw.frames) + sum(name not in {one.name for one in raw.frames} for name in raw.bad),
                    float(run.preprocessing.get("max_bad_share", MAX_BAD_SHARE)))  # fmt: skip
    # What the issue asks for is judged before an hour of reading.
    early = frame_splits.plan(run.dataset.get("splits", {}), bad.total, raw.listed)
    bad.add_all(raw.bad)
    measured = measure_frames(raw, bad)
    document, wrong = raw.document({name: one.size for name, one in measured.items()})
    bad.add_all(wrong, last=True)
    plan = frame_splits.plan(run.dataset.get("splits", {}), len(document["images"]), raw.listed) if len(bad) else early
    names = [Path(one["file_name"]).stem for one in document["images"]]
    chosen, left = frame_splits.divide(plan, names, _copies([measured[name].sha256 for name in names]),
                                       _presence(document))  # fmt: skip
    documents, by_split = {}, {}
    for split in SPLITS:
        images = [document["images"][place] for place in chosen[split].tolist()]
        documents[split] = select(document, {one["id"]: {"sha256": measured[Path(one["file_name"]).stem].sha256}
                                             for one in images})  # fmt: skip
        by_split[split] = {one["file_name"]: measured[Path(one["file_name"]).stem] for one in images}
    for note in plan.notes:
        log(note, level="WARNING")
    dropped = ({"bad_frames": len(bad)} if len(bad) else {}) | left
    return Prepared(raw, bad, plan, documents, by_split, dropped, document["info"]["class_policy"], list(plan.notes))


def _copies(hashes: list[str]) -> np.ndarray:
    """(n,) int: equal pictures share a number; numbered by first appearance."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(one, len(numbers)) for one in hashes])


def _presence(document: Document) -> np.ndarray:
    """(images, classes) int64: boxes to learn from."""
    place = {one["id"]: at for at, one in enumerate(document["images"])}
    boxes = np.zeros((len(place), len(document["categories"])), np.int64)
    for one in document["annotations"]:
        boxes[place[one["image_id"]], one["category_id"] - 1] += not one["iscrowd"]
    return boxes


def input_size(run: Run) -> tuple[int, int]:
    """(height, width) of the network's input: as asked, or the variant's own."""
    asked = run.preprocessing.get("input_size")
    if asked:
        return int(asked[0]), int(asked[1])
    variant = str(run.spec.get("variant") or "").lower()
    return SMALL_INPUT_SIZE if variant.endswith(("nano", "tiny")) else INPUT_SIZE


def _clear(dataset: Path) -> None:
    """A job may run again in its folder: nothing of an earlier try must look like a frame of this one."""
    for name in (*SPLITS, "previews", "baseline"):
        shutil.rmtree(dataset / name, ignore_errors=True)


def _write_frames(run: Run, prepared: Prepared, dataset: Path) -> dict[str, dict[str, Any]]:
    """Images, annotations and the KITTI files of the judged frames; returns their manifest entries."""
    files: dict[str, dict[str, Any]] = {}
    placed = place_frames(prepared.raw, prepared.documents, prepared.measured, dataset,
                          tuple(run.preprocessing.get("masking") or ()))  # fmt: skip
    prepared.documents, prepared.measured, prepared.masking = placed.documents, placed.measured, placed.masking
    for split in SPLITS:
        document = prepared.documents[split]
        folder = dataset / split
        for image in document["images"]:
            path = folder / "images" / image["file_name"]
            files[f"{split}/images/{path.name}"] = {"sha256": image["sha256"], "bytes": path.stat().st_size}
        files[f"{split}/annotations.json"] = entry(write(folder / "annotations.json", document),
                                                   len(document["annotations"]))  # fmt: skip
    for image in prepared.documents["test"]["images"]:
        frame = Path(image["file_name"]).stem
        for kind, path in prepared.raw.companions(frame).items():
            target = dataset / "test" / kind / path.name
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, target)
            files[f"test/{kind}/{path.name}"] = entry(target)
    return files


def entry(path: Path, rows: int | None = None) -> dict[str, Any]:
    """One file's line in a manifest."""
    return {"sha256": sha256(path), "bytes": path.stat().st_size} | ({} if rows is None else {"rows": rows})


def _write_points(run: Run, prepared: Prepared, dataset: Path) -> dict[str, dict[str, Any]]:
    """Point-cloud products of every split, where they are asked for."""
    asked = run.preprocessing.get("points")
    if not asked:
        return {}
    frames = {split: [Path(one["file_name"]).stem for one in document["images"]]
              for split, document in prepared.documents.items()}  # fmt: skip
    prepared.points = write_points(prepared.raw, frames, dataset, asked)
    paths = [path for split in SPLITS for path in sorted((dataset / split / FOLDER).iterdir())]
    return {str(path.relative_to(dataset)): entry(path) for path in paths}


def _remarks(prepared: Prepared, statistics: Mapping[str, Any]) -> list[str]:
    """What a person should know before trusting a model of these data."""
    notes = []
    for split in SPLITS:
        if lacking := [name for name, count in statistics["boxes"][split].items() if not count]:
            loss = LOSSES[split]
            notes.append(f"The {split} split holds no box of {', '.join(lacking)}: {loss}.")
    if prepared.raw.unlabelled:
        notes.append(f"{prepared.raw.unlabelled:,} images below testing/ have no labels; they are not used, and "
                     "nothing is judged on them.")  # fmt: skip
    copies = sum(len(split) for split in prepared.measured.values()) - len(
        {one.sha256 for split in prepared.measured.values() for one in split.values()}
    )
    if copies:
        notes.append(f"{copies:,} frames are exact copies of another; copies stay in one split.")
    return notes


def _summary(run: Run, prepared: Prepared, statistics: Mapping[str, Any], origin: Mapping[str, Any]) -> dict[str, Any]:
    listed = prepared.plan.listed
    return {
        "name": run.dataset.get("name", "dataset"), "task": TASK, "classes": prepared.classes,
        "layout": prepared.raw.kind, "frames_read": prepared.bad.total, "bad_frames": prepared.bad.as_list(),
        "max_bad_share": prepared.bad.max_share, "dropped": prepared.dropped, "class_policy": prepared.policy,
        "splits": {"by": "lists" if listed else "seed", "seed": prepared.plan.seed,
                   "lists": list(listed.sources) if listed else None, "frames": statistics["frames"]},
        "statistics": statistics, "notes": prepared.notes, "masking": prepared.masking,
        "points": prepared.points,
        "preprocessing": run.preprocessing,
    } | dict(origin)  # fmt: skip


def _digest(prepared: Prepared, splits: list[str]) -> str:
    """One SHA-256 for the pictures of some splits, whatever their order."""
    hashes = sorted(image["sha256"] for name in splits for image in prepared.documents[name]["images"])
    return hashlib.sha256("".join(hashes).encode()).hexdigest()
