"""A KITTI tree as raw data: labels, calibration and scans checked, class policy applied."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from workloads.contract import Run, UserError
from workloads.detection.raw import Listed, RawFrame, Sizes, require_boxes
from workloads.kitti.calibration import read_calibration
from workloads.kitti.coco import Picture, frames_with_a_box_outside, read_good_labels, to_coco
from workloads.kitti.layout import Layout, find_layout, frame_lacks, read_list, remark_on_test_set
from workloads.kitti.mistakes import BadFile
from workloads.kitti.objects import Objects
from workloads.kitti.policy import DEFAULT_CLASSES, DONT_CARE, ClassPolicy
from workloads.kitti.row import KINDS, UNKNOWN
from workloads.kitti.velodyne import read_scan


@dataclass
class KittiRaw:
    """See `raw.RawData`."""

    layout: Layout
    frames: list[RawFrame]
    objects: Objects
    policy: ClassPolicy
    asked: bool
    """The issue names the classes."""
    needs_scans: bool
    bad: dict[str, UserError] = field(default_factory=dict)
    listed: Listed | None = None
    kind: str = "kitti"

    @classmethod
    def open(cls, root: Path, run: Run) -> KittiRaw:
        layout = find_layout(root)
        listed = read_lists(layout)
        bad: dict[str, UserError] = {}
        frames = []
        for name in layout.frames:
            try:
                frames.append(RawFrame(name, layout.image(name), layout.image_files[name]))
            except BadFile as missing:
                bad[name] = missing
        if not layout.frames:
            raise BadFile(layout.training, "image_2 and label_2 are empty")
        objects, wrong_labels = read_good_labels(layout, [frame.name for frame in frames])
        bad |= wrong_labels
        asked = tuple(run.dataset.get("classes") or ())
        settings = run.preprocessing
        policy = ClassPolicy(
            asked or _default_classes(objects),
            settings.get("similar_classes", "ignore"),
            settings.get("dont_care", "ignore"),
        )
        return cls(layout, frames, objects, policy, bool(asked), bool(settings.get("points")), bad, listed)

    @property
    def unlabelled(self) -> int:
        return self.layout.unlabelled_frames

    def check_parts(self, frame: RawFrame) -> int:
        """A broken calibration or scan spoils its frame; an absent one only where point clouds are asked for."""
        size = 0
        calibration, scan = self.layout.calibration(frame.name), self.layout.scan(frame.name)
        if self.needs_scans or calibration.exists():
            read_calibration(calibration)
            size += calibration.stat().st_size
        if self.needs_scans or scan.exists():
            size += read_scan(scan).nbytes
        return size

    def document(self, sizes: Sizes) -> tuple[dict[str, Any], dict[str, UserError]]:
        outside = frames_with_a_box_outside(self.objects, sizes, self.layout)
        whole = [name for name in self.objects.frames if name in sizes and name not in outside]
        objects = self.objects if len(whole) == len(self.objects.frames) else self.objects.of_frames(whole)
        ids = {name: place for place, name in enumerate(self.layout.frames, 1)}
        pictures = [Picture(ids[name], self.layout.image_files[name], sizes[name]) for name in whole]
        document = to_coco(objects, pictures, self.policy)
        types = document["info"]["class_policy"]["types"]
        boxes = {word: facts["boxes"] for word, facts in types.items() if word.lower() != DONT_CARE}
        require_boxes(self.policy.learnt(boxes), boxes, self.asked)
        return document, dict(outside)

    def scan(self, frame: str) -> Path:
        return self.layout.scan(frame)

    def companions(self, frame: str) -> dict[str, Path]:
        files = {"label_2": self.layout.label(frame), "calib": self.layout.calibration(frame)}
        return {folder: path for folder, path in files.items() if path.exists()}


def _default_classes(objects: Objects) -> tuple[str, ...]:
    """KITTI's three, as far as they are there; of other data in its layout all types, the most frequent first."""
    counts = Counter(objects.word(row) for row in np.flatnonzero(objects.kind == UNKNOWN).tolist())
    known = np.bincount(objects.kind[objects.kind != UNKNOWN], minlength=len(KINDS))
    counts |= {kind: int(count) for kind, count in zip(KINDS, known, strict=True) if count}
    usual = tuple(name for name in DEFAULT_CLASSES if counts[name])
    others = tuple(name for name, _ in counts.most_common() if name.lower() != DONT_CARE)
    return usual or others or DEFAULT_CLASSES


def read_lists(layout: Layout) -> Listed | None:
    """`ImageSets/train.txt` to learn from and `val.txt` to be judged on; None where there are none.

    Raises:
        BadFile: one of them is missing or wrong, names a frame without label or image, or one that both name.
    """
    train, val = layout.list_file("train"), layout.list_file("val")
    if train is None and val is None:
        return None
    if train is None or val is None:
        there, lacking = (val, "train.txt") if train is None else (train, "val.txt")
        assert there is not None
        raise BadFile(there, f"{lacking} is not beside it; bring both lists or none")
    learn, judge = read_list(train), read_list(val)
    lines = dict(learn)
    for path, named in ((train, learn), (val, judge)):
        for frame, line in named:
            parts = [what for what, files in (("label", layout.label_files), ("image", layout.image_files))
                       if frame not in files]  # fmt: skip
            if parts:
                raise frame_lacks(parts, layout.training.name, path, frame, line, len(named))
            if path == val and frame in lines:
                reason = (f"frame {frame} is in {train.name}, line {lines[frame]}, too; a frame that was learnt from "
                          "judges nothing")  # fmt: skip
                raise BadFile(path, reason + remark_on_test_set(len(named)), line=line)
    return Listed(tuple(frame for frame, _ in learn), tuple(frame for frame, _ in judge),
                  (f"{train.parent.name}/{train.name}", f"{val.parent.name}/{val.name}"))  # fmt: skip
