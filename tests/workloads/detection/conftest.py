"""Detectors whose answers are known: the shade of the picture chooses them from a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from workloads import archive
from workloads.contract import Run, write_json
from workloads.images.codec import encode_png
from workloads.tabular.seal import entry


@pytest.fixture
def coloured() -> Callable[..., np.ndarray]:
    """A picture whose shade is `number`: what a network of `make_network` answers for it is row `number`."""
    return lambda number, size=(64, 64): np.full((*size, 3), number, np.uint8)


@pytest.fixture
def make_network() -> Callable[..., bytes]:
    return network_of


def network_of(answers: Sequence[Sequence[Sequence[float]]], *, classes: int, input_size: tuple[int, int] = (64, 64)
               ) -> bytes:  # fmt: skip
    """ONNX bytes with the signature of a detector.

    Args:
        answers: for each shade (the last one for all above) the predicted cells, [cx, cy, w, h, objectness, class
            scores] in input pixels.
    """
    from onnx import TensorProto, checker, helper, numpy_helper

    cells = max(1, max(len(rows) for rows in answers))
    table = np.zeros((len(answers), cells, 5 + classes), np.float32)
    for place, rows in enumerate(answers):
        if len(rows):
            table[place, : len(rows)] = rows
    height, width = input_size
    constants = {"table": table, "start": np.zeros(4, np.int64), "end": np.array([2**31, 1, 1, 1]),
                 "flat": np.array([-1]), "last": np.array(len(answers) - 1, np.float32)}  # fmt: skip
    nodes = [
        helper.make_node("Slice", ["images", "start", "end"], ["pixel"]),
        helper.make_node("Reshape", ["pixel", "flat"], ["shade"]),
        helper.make_node("Min", ["shade", "last"], ["known"]),
        helper.make_node("Cast", ["known"], ["place"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "place"], ["cells"], axis=0),
        helper.make_node("Identity", ["cells"], ["predictions"], name="decode/nothing"),
    ]
    graph = helper.make_graph(
        nodes, "known",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, height, width])],
        [helper.make_tensor_value_info("predictions", TensorProto.FLOAT, ["n", cells, 5 + classes])],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    return model.SerializeToString()


class Judged:
    """A prepared test split of flat pictures, and a training product that answers from a table. Frame k has shade k."""

    classes = ("Car", "Pedestrian")
    size = (128, 128)

    def __init__(self, base: Path, truth: Sequence[Sequence[tuple]], answers: Sequence[Sequence[tuple]], *,
                 kitti: bool = False) -> None:  # fmt: skip
        """`truth`: per frame (class, left, top, right, bottom[, further annotation fields]); `answers`: per frame
        (class, left, top, right, bottom, score)."""
        self.base, self.dataset, self.evaluation = base, base / "dataset", base / "evaluation"
        self.run = Run(run_key="gh-1-2-abc", model_id="road", version="1.0.0", dataset_version="v1",
                       spec={"algorithm": "yolox", "dataset": {"name": "road"}})  # fmt: skip
        self.recipe = {"task": "object_detection", "target": None, "classes": list(self.classes),
                       "columns": [{"name": "image", "kind": "image"}], "input_size": list(self.size),
                       "source": "kitti" if kitti else "coco"}  # fmt: skip
        self._write_test(truth, kitti)
        self.product = self.write_product("model", answers, self.classes)
        write_json(self.dataset / "features.json", self.recipe)

    def _write_test(self, truth: Sequence[Sequence[tuple]], kitti: bool) -> None:
        images, annotations = [], []
        (self.dataset / "test" / "images").mkdir(parents=True)
        for place, boxes in enumerate(truth):
            name = f"{place:06d}"
            (self.dataset / "test" / "images" / f"{name}.png").write_bytes(
                encode_png(np.full((*self.size, 3), place, np.uint8))
            )
            images.append({"id": place + 1, "file_name": f"{name}.png", "width": self.size[1], "height": self.size[0]})
            for kind, left, top, right, bottom, *more in boxes:
                box = [left, top, right - left, bottom - top]
                annotations.append(
                    {"id": len(annotations) + 1, "image_id": place + 1, "category_id": self.classes.index(kind) + 1,
                     "bbox": box, "area": box[2] * box[3], "iscrowd": 0} | (more[0] if more else {})
                )  # fmt: skip
            if kitti:
                (self.dataset / "test" / "label_2").mkdir(exist_ok=True)
                rows = [f"{kind} 0 0 1.5 {left} {top} {right} {bottom} 1.5 1.6 4 2 1.7 20 1.6"
                        for kind, left, top, right, bottom, *_ in boxes]  # fmt: skip
                (self.dataset / "test" / "label_2" / f"{name}.txt").write_text("\n".join(rows) + "\n")
        categories = [{"id": place, "name": name} for place, name in enumerate(self.classes, start=1)]
        document = {"images": images, "annotations": annotations, "categories": categories}
        write_json(self.dataset / "test" / "annotations.json", document)
        self.seal()

    def seal(self) -> None:
        """As prepare writes it."""
        files = {str(path.relative_to(self.dataset)): entry(path)
                 for path in sorted(self.dataset.rglob("*")) if path.is_file() and "test" in path.parts}  # fmt: skip
        self.manifest = {"files": files}

    def write_product(self, name: str, answers: Sequence[Sequence[tuple]], classes: Sequence[str],
                      input_size: tuple[int, int] | None = None, network: bytes = b"", **signature: object
                      ) -> Path:  # fmt: skip
        """A model.tar.gz as the training job leaves it; `network` instead of one that answers from the table."""
        size = input_size or self.size
        ratio = size[0] / self.size[0]
        table = [[[(left + right) / 2 * ratio, (top + bottom) / 2 * ratio, (right - left) * ratio,
                   (bottom - top) * ratio, score, *(float(kind == one) for one in classes)]
                  for kind, left, top, right, bottom, score in boxes] for boxes in answers]  # fmt: skip
        network = network or network_of(table, classes=len(classes), input_size=size)
        described = {"task": "object_detection", "algorithm": "yolox", "variant": "yolox-nano",
                     "classes": list(classes), "input_size": list(size),
                     "files": {"onnx": "yolox_nano_road.onnx"}} | signature  # fmt: skip
        training = {"algorithm": "yolox", "task": "object_detection", "seconds": 12.0, "metrics": {}, "rows": {},
                    "parity": {"largest_difference": 0.0}, "dataset_version": "v1"}  # fmt: skip
        files = {"yolox_nano_road.onnx": network}
        documents = {"signature.json": described, "features.json": self.recipe, "training_log.json": training,
                     "hyperparameters.json": {"epochs": 3}, "manifest.json": {"version": "0.9.0"}}  # fmt: skip
        files |= {file: json.dumps(document).encode() for file, document in documents.items()}
        archive.write(self.base / f"{name}.tar.gz", files)
        return self.base / f"{name}.tar.gz"

    def validate(self, champion: Path | None = None) -> dict:
        from workloads.detection.validate import validate

        return validate(self.run, model=self.product, test=self.dataset / "test", features=self.dataset,
                        manifest=self.manifest, champion=champion, evaluation=self.evaluation)  # fmt: skip

    def written(self, name: str) -> dict:
        return json.loads((self.evaluation / name).read_text())


@pytest.fixture
def judge(tmp_path) -> Callable[..., Judged]:
    return lambda truth, answers, **more: Judged(tmp_path / "judged", truth, answers, **more)
