"""Our cost around the network: an image to boxes and reply, over the bare onnxruntime session, Nano at 416."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from benchmarks import interleaved
from benchmarks.outcome import Outcome, Row
from workloads.detection.detections import IOU_LIMIT, MOST, SCORE_LIMIT, Detections, from_predictions
from workloads.detection.scoring import OnnxDetector
from workloads.images.codec import decode, encode_jpeg, encode_png
from workloads.images.letterbox import PAD, Letterbox

IMAGE_SIZE = (375, 1242)
CLASSES = ("Car", "Pedestrian", "Cyclist")


def measure(tiny: bool = False) -> Outcome:
    cv2.setNumThreads(1)
    input_size = (64, 64) if tiny else (416, 416)
    content, cells = network(input_size)
    detector = OnnxDetector(content, threads=1)
    image = picture()
    tensor, (letterbox,) = detector.fill([image])
    tensor = tensor.copy()
    predictions = detector.run(tensor)[0]
    _check_equal(detector, image)
    count, at_least_s = (1, 0.0) if tiny else (interleaved.ROUNDS, 0.5)
    contenders = {
        "session alone": lambda: detector.run(tensor),
        "image to boxes": lambda: detector.predict([image]),
        "image to reply": lambda: _reply(detector.predict([image])[0]),
        "image to boxes, plain chain": lambda: _plain_chain(detector, image),
    }
    seconds = interleaved.rounds(contenders, count, at_least_s)
    files = {"JPEG": encode_jpeg(image), "PNG": encode_png(image)}
    (boxes,) = detector.predict([image])
    parts = {
        "letterbox": lambda: detector.fill([image]),
        "boxes of the predictions": lambda: detector.found(predictions, letterbox),
        "reply": lambda: _reply(boxes),
    }
    for kind, content in files.items():
        parts[f"decode {kind} (not in the ratios)"] = lambda content=content: decode(content)
    pieces = interleaved.rounds(parts, count, 0.0 if tiny else 0.05)
    rows = [Row(f"{name}, CPU", float(np.median(times)) * 1e3, "ms") for name, times in (seconds | pieces).items()]
    alone = seconds["session alone"]
    ratios = [
        interleaved.ratio("image to boxes over the session alone", seconds["image to boxes"], alone, "<= 1.15"),
        interleaved.ratio("image to reply over the session alone", seconds["image to reply"], alone, "<= 1.15"),
        interleaved.ratio("plain chain over the session alone", seconds["image to boxes, plain chain"], alone),
    ]  # fmt: skip
    candidates = int(np.sum(predictions[:, 4] * predictions[:, 5:].max(axis=1) >= SCORE_LIMIT))
    notes = [
        f"YOLOX Nano with random weights, {input_size[0]} x {input_size[1]}, one thread; its answer is replaced by "
        f"that of a full road: {candidates} of {cells} cells score 0.01 or more, {MOST} boxes stay at most.",
        f"Image {IMAGE_SIZE[0]} x {IMAGE_SIZE[1]}; decoding it is measured, but belongs to no ratio. The plain chain "
        "is NumPy padding, transposing and suppression box by box, as in YOLOX's own demonstration.",
    ]  # fmt: skip
    return Outcome("detector", rows, ratios, packages=("onnxruntime", "numpy", "opencv-python-headless"), notes=notes)


def network(input_size: tuple[int, int]) -> tuple[bytes, int]:
    """Nano whose answer, once computed, is multiplied by 0 and replaced: random weights alone would find nothing."""
    import onnx
    import torch
    from onnx import helper, numpy_helper

    from workloads.yolox.export import to_onnx
    from workloads.yolox.network import build

    torch.manual_seed(0)
    model = onnx.load_from_string(to_onnx(build("yolox-nano", len(CLASSES)).eval(), input_size))
    graph = model.graph
    output = graph.output[0]
    cells = output.type.tensor_type.shape.dim[1].dim_value
    road = _road(cells, input_size)
    last = next(node for node in graph.node if output.name in node.output)
    last.output[list(last.output).index(output.name)] = "computed"
    graph.initializer.extend([numpy_helper.from_array(road[None], "road"),
                              numpy_helper.from_array(np.zeros(1, np.float32), "nothing")])  # fmt: skip
    graph.node.extend([helper.make_node("Mul", ["computed", "nothing"], ["silent"]),
                       helper.make_node("Add", ["silent", "road"], [output.name])])  # fmt: skip
    return model.SerializeToString(), cells


def _road(cells: int, input_size: tuple[int, int]) -> np.ndarray:
    """(cells, 5 + C) as a trained network answers 15 objects: a dozen cells each, and weak ones in between.

    The objects stand in the lower half of the picture, which the rest of the input pads.
    """
    random = np.random.default_rng(1)
    height = IMAGE_SIZE[0] * min(input_size[0] / IMAGE_SIZE[0], input_size[1] / IMAGE_SIZE[1])
    answer = np.zeros((cells, 5 + len(CLASSES)), np.float32)
    answer[:, 2:4] = 8
    answer[:, 4] = random.beta(0.3, 40, cells)
    answer[:, 5:] = random.beta(1, 8, (cells, len(CLASSES)))
    seen = random.choice(cells, min(180, cells // 2), replace=False)
    for place, cell in enumerate(seen):
        thing = place % 15
        middle = [(thing * 27 + 20) % input_size[1], height * (0.5 + thing % 5 * 0.08)]
        centre = np.array(middle) + random.normal(0, 1.5, 2)
        answer[cell, :4] = [*centre, *(np.array([24, 18]) + random.normal(0, 1.5, 2))]
        answer[cell, 4] = random.beta(4, 2)
        answer[cell, 5 + thing % len(CLASSES)] = random.beta(8, 2)
    return answer


def picture() -> np.ndarray:
    height, width = IMAGE_SIZE
    random = np.random.default_rng(0)
    smooth = cv2.resize(random.integers(0, 256, (24, 78, 3), np.uint8), (width, height))
    return cv2.add(smooth, random.integers(0, 12, (height, width, 3), np.uint8))


def _reply(found: Detections) -> bytes:
    import orjson

    rows = [{"box": box, "score": score, "class": CLASSES[code], "class_id": code} for box, score, code in
            zip(found.boxes_xyxy, found.scores, found.classes.tolist(), strict=True)]  # fmt: skip
    return orjson.dumps({"model_version": "1.0.0", "predictions": [{"detections": rows}]},
                        option=orjson.OPT_SERIALIZE_NUMPY)  # fmt: skip


def _plain_chain(detector: OnnxDetector, image: np.ndarray) -> Any:
    """The same in plain NumPy."""
    height, width = detector.input_size
    ratio = min(height / image.shape[0], width / image.shape[1])
    padded = np.full((height, width, 3), PAD, np.uint8)
    resized = cv2.resize(image, (int(image.shape[1] * ratio), int(image.shape[0] * ratio)))
    padded[: resized.shape[0], : resized.shape[1]] = resized
    tensor = np.ascontiguousarray(padded.transpose(2, 0, 1), dtype=np.float32)[None]
    answer = detector.run(tensor)[0]
    corners = np.empty((len(answer), 4), np.float32)
    corners[:, :2] = answer[:, :2] - answer[:, 2:4] / 2
    corners[:, 2:] = answer[:, :2] + answer[:, 2:4] / 2
    scores = answer[:, 4:5] * answer[:, 5:]
    kept = []
    for code in range(scores.shape[1]):
        chosen = np.flatnonzero(scores[:, code] >= SCORE_LIMIT)
        kept += [(code, one) for one in chosen[_suppress(corners[chosen], scores[chosen, code])]]
    return corners / ratio, scores, kept


def _suppress(boxes: np.ndarray, scores: np.ndarray) -> np.ndarray:
    order, kept = np.argsort(-scores), []
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    while len(order):
        first, rest = order[0], order[1:]
        kept.append(first)
        low = np.maximum(boxes[first, :2], boxes[rest, :2])
        high = np.minimum(boxes[first, 2:], boxes[rest, 2:])
        shared = np.prod(np.maximum(high - low, 0), axis=1)
        order = rest[shared / (area[first] + area[rest] - shared) <= IOU_LIMIT]
    return np.array(kept, int)


def _check_equal(detector: OnnxDetector, image: np.ndarray) -> None:
    """The reused buffer and the plain letterbox give the same boxes, before anything is timed."""
    letterbox = Letterbox.fit(IMAGE_SIZE, detector.input_size)
    tensor = np.ascontiguousarray(letterbox.apply(image).transpose(2, 0, 1), dtype=np.float32)[None]
    expected = from_predictions(detector.run(tensor)[0], letterbox)
    (found,) = detector.predict([image])
    np.testing.assert_array_equal(found.boxes_xyxy, expected.boxes_xyxy)
    np.testing.assert_array_equal(found.scores, expected.scores)
    assert len(found) >= 10
