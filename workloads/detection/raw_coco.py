"""A COCO data set as raw data: one document, or one for training and one for judging."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workloads.contract import Run, UserError
from workloads.detection.coco_fields import box_of, check_rows, mistake_in
from workloads.detection.raw import Listed, RawFrame, Sizes, require_boxes
from workloads.kitti.mistakes import BadFile
from workloads.kitti.restoring import read_document

NO_SCANS = "preprocessing.points: a COCO data set holds no scans; leave it out or bring KITTI's layout"
_LEARN, _JUDGE = ("train",), ("val", "validation", "test", "minival")


@dataclass(frozen=True)
class Entry:
    """One image of one document, under its new id."""

    id: int
    image: dict[str, Any]
    annotations: list[tuple[str, dict[str, Any]]]
    """(where it stands, annotation)."""
    document: Path


@dataclass
class CocoRaw:
    """See `raw.RawData`."""

    entries: dict[str, Entry]
    frames: list[RawFrame]
    names: dict[Path, dict[Any, str]]
    """{document: {category id there: name}}."""
    classes: tuple[str, ...]
    asked: bool
    bad: dict[str, UserError] = field(default_factory=dict)
    listed: Listed | None = None
    kind: str = "coco"
    unlabelled: int = 0

    @classmethod
    def open(cls, root: Path, documents: Sequence[Path], run: Run) -> CocoRaw:
        if run.preprocessing.get("points"):
            raise UserError(
                "preprocessing.points: a COCO data set holds no scans; leave it out, or bring KITTI's layout"
            )
        raw = cls({}, [], {}, (), False)
        files = {path: read_document(path) for path in documents}
        for path, document in files.items():
            check_rows(document, path)
            raw.names[path] = {one.get("id"): str(one.get("name")) for one in document["categories"]}
            raw._add(root, path, document)
        if not raw.entries:
            raise BadFile(documents[0], "names no image")
        raw.classes, raw.asked = raw._classes(tuple(run.dataset.get("classes") or ()))
        raw.listed = _lists(root, documents, raw.entries)
        return raw

    def _add(self, root: Path, path: Path, document: dict[str, Any]) -> None:
        by_image: dict[Any, list[tuple[str, dict[str, Any]]]] = {one.get("id"): [] for one in document["images"]}
        for place, one in enumerate(document["annotations"]):
            where = f"annotations[{place}] (id {one.get('id')})"
            if one.get("image_id") not in by_image:
                raise BadFile(path, f"image_id: there is no image {one.get('image_id')}", field=where)
            if one.get("category_id") not in self.names[path]:
                raise BadFile(path, f"category_id: there is no category {one.get('category_id')}", field=where)
            by_image[one["image_id"]].append((where, one))
        for place, image in enumerate(sorted(document["images"], key=lambda one: str(one.get("file_name")))):
            given = str(image.get("file_name") or "")
            if not given:
                raise BadFile(path, "an image without file_name", field=f"images[{place}]")
            name = _flat(given)
            if name in self.entries:
                raise BadFile(path, f"{given} is named twice, here or in {self.entries[name].document.name}")
            self.entries[name] = Entry(len(self.entries) + 1, image, by_image[image.get("id")], path)
            found = _find(root, path, given)
            if found is None:
                self.bad[name] = BadFile(path, f"there is no file {given} below {root.name}/images", field="images")
            else:
                self.frames.append(RawFrame(name, found, name + Path(given).suffix.lower()))

    def _classes(self, asked: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
        counts = self._counts(list(self.entries))
        if not asked:
            kept = dict.fromkeys(name for names in self.names.values() for name in names.values() if counts[name])
            require_boxes({"the document": len(kept)}, counts, False)
            return tuple(kept), False
        known = {name.lower(): name for names in self.names.values() for name in names.values()}
        require_boxes({name: counts[known.get(name.lower(), name)] for name in asked}, counts, True)
        return asked, True

    def _counts(self, frames: Sequence[str]) -> Counter[str]:
        return Counter(
            self.names[entry.document][one["category_id"]]
            for entry in map(self.entries.__getitem__, frames)
            for _, one in entry.annotations
            if not one.get("iscrowd")
        )

    def check_parts(self, frame: RawFrame) -> int:
        return 0

    def document(self, sizes: Sizes) -> tuple[dict[str, Any], dict[str, UserError]]:
        bad: dict[str, UserError] = {}
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        ids = {name.lower(): place for place, name in enumerate(self.classes, 1)}
        files = {frame.name: frame.file_name for frame in self.frames}
        for name in (name for name in self.entries if name in sizes):
            entry, (height, width) = self.entries[name], sizes[name]
            try:
                self._check(entry, height, width)
            except BadFile as wrong:
                bad[name] = wrong
                continue
            images.append({"id": entry.id, "file_name": files[name], "height": height, "width": width})
            for _, one in entry.annotations:
                category = ids.get(self.names[entry.document][one["category_id"]].lower())
                x, y, wide, high = (float(value) for value in one["bbox"])
                if category and wide > 0 and high > 0:
                    annotations.append({**one, "id": len(annotations) + 1, "image_id": entry.id,
                                        "category_id": category, "bbox": [x, y, wide, high],
                                        "area": float(one.get("area") or wide * high),
                                        "iscrowd": int(bool(one.get("iscrowd")))})  # fmt: skip
        good = [name for name in sizes if name not in bad]
        types = {name: {"boxes": count, "use": "object" if name.lower() in ids else "left_out",
                        "meaning": "learnt" if name.lower() in ids else "left out",
                        "as": name if name.lower() in ids else None}
                 for name, count in self._counts(good).most_common()}  # fmt: skip
        policy = {"classes": list(self.classes), "types": types}
        return {
            "info": {"description": "COCO annotations, cleaned", "class_policy": policy},
            "images": images,
            "annotations": annotations,
            "categories": [{"id": place, "name": name} for place, name in enumerate(self.classes, 1)],
        }, bad

    def _check(self, entry: Entry, height: int, width: int) -> None:
        given = (entry.image.get("height", height), entry.image.get("width", width))
        if given != (height, width):
            raise BadFile(entry.document, f"{entry.image['file_name']} is given as {given[1]} x {given[0]} pixels and "
                                          f"has {width} x {height}; its boxes cannot be trusted")  # fmt: skip
        for where, one in entry.annotations:
            # A field that holds null is one left out.
            if mistake := mistake_in({key: value for key, value in one.items() if value is not None}):
                raise BadFile(entry.document, mistake, field=where)
            x, y, wide, high = box_of(one, entry.document, where)
            if x >= width or y >= height or x + wide < 0 or y + high < 0:
                reason = f"bbox {one['bbox']!r} lies outside the image ({width} x {height} pixels)"
                raise BadFile(entry.document, reason, field=where)

    def scan(self, frame: str) -> Path:
        raise UserError(NO_SCANS)

    def companions(self, frame: str) -> dict[str, Path]:
        return {}


def find_documents(root: Path) -> list[Path]:
    """`annotations.json`, or every `annotations/instances_*.json`."""
    single = root / "annotations.json"
    return [single] if single.is_file() else sorted((root / "annotations").glob("instances_*.json"))


def _flat(file_name: str) -> str:
    """Folders become part of the name, so that all images can lie in one folder."""
    stem = str(Path(file_name).with_suffix(""))
    return "".join(ch if ch.isalnum() or ch in "-_." else "_" for ch in stem).strip("._") or "image"


def _find(root: Path, document: Path, file_name: str) -> Path | None:
    """Where COCO's tools put images; never outside the raw data."""
    part = document.stem.removeprefix("instances_")
    for folder in (root / "images", root / "images" / part, root / part, root):
        path = folder / file_name
        try:
            if path.is_file() and path.resolve().is_relative_to(root.resolve()):
                return path
        except OSError:  # no file has a name as long as that
            continue
    return None


def _lists(root: Path, documents: Sequence[Path], entries: dict[str, Entry]) -> Listed | None:
    """A document for training and one for judging are lists; a single one is none."""
    sides: dict[str, list[Path]] = {"learn": [], "judge": []}
    for path in documents:
        part = path.stem.removeprefix("instances_").lower()
        if part.startswith(_LEARN):
            sides["learn"].append(path)
        elif part.startswith(_JUDGE):
            sides["judge"].append(path)
    if not sides["learn"] or not sides["judge"]:
        return None
    of = {side: tuple(name for name, entry in entries.items() if entry.document in paths)
          for side, paths in sides.items()}  # fmt: skip
    spelt = [" and ".join(str(path.relative_to(root)) for path in paths) for paths in sides.values()]
    return Listed(of["learn"], of["judge"], (spelt[0], spelt[1]))
