"""The whole drift job of a detector: captured requests in, documents, report and edge cases out."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from mlops.handles import DriftReport
from tests.workloads.detection.capturing import (
    CLASSES,
    as_instances,
    as_jpeg,
    as_png,
    body,
    line,
    picture,
    prediction,
    write_capture,
)  # fmt: skip
from workloads import __main__ as workloads_entry
from workloads.contract import Run, write_json
from workloads.detection import prediction_facts
from workloads.detection.detections import Detections
from workloads.detection.frames import IMAGE_NAMES, describe_frame
from workloads.detection.raw_coco import CocoRaw
from workloads.images.codec import encode

CAR, WALKER = ("Car", 4.0, 8.0, 24.0, 40.0), ("Pedestrian", 40.0, 8.0, 50.0, 40.0)


class Base:
    """An `/opt/ml` with what prepare and validate wrote of a small data set."""

    def __init__(self, folder):
        self.folder = folder
        self.inputs = folder / "processing" / "input"
        self.output = folder / "processing" / "output" / "drift"
        rng = np.random.default_rng(1)
        facts = [describe_frame(picture(rng)) for _ in range(80)]
        sample = self.inputs / "baseline" / "sample.parquet"
        sample.parent.mkdir(parents=True)
        parquet.write_table(pa.table({name: [one[name] for one in facts] for name in IMAGE_NAMES}), sample)
        recipe = {"task": "object_detection", "classes": list(CLASSES), "input_size": [64, 64]}
        write_json(self.inputs / "features" / "features.json", recipe)
        found = [Detections(np.float32([box[1:] for box in (CAR, WALKER)]),
                            rng.uniform(0.5, 1, 2).astype(np.float32), np.arange(2)) for _ in range(80)]  # fmt: skip
        told = prediction_facts.describe(found, [(48, 64)] * 80, CLASSES, 0.3)
        prediction_facts.write(self.inputs / "predictions" / prediction_facts.FILE, told)
        self.tell()

    def tell(self, **more):
        document = {"run_key": "drift-1", "endpoint": "mlops-road", "version": "v1.0.0", "check": "c1",
                    "spec": {"algorithm": "yolox", "deployment": {"score_threshold": 0.3}}}  # fmt: skip
        write_json(self.inputs / "run" / "run.json", document | more)

    def capture(self, lines):
        write_capture(self.inputs / "capture", lines)

    def outcome(self):
        assert workloads_entry.main(["drift"]) == 0
        return {path.name: json.loads(path.read_text()) for path in self.output.rglob("*.json")}


@pytest.fixture
def base(tmp_path, monkeypatch):
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    return Base(tmp_path)


def traffic(count: int, *, seed: int = 7, scores=(0.5, 1.0), **how) -> list[str]:
    rng = np.random.default_rng(seed)
    told = [prediction([(*box, float(rng.uniform(*scores))) for box in (CAR, WALKER)]) for _ in range(count)]
    return [line(as_png(picture(rng, **how)), [one]) for one in told]


def test_darker_traffic_is_drift_with_report_figures_and_violations(base):
    base.capture([*traffic(60, brightness=60), "broken"])
    documents = base.outcome()
    report = DriftReport(**documents["drift.json"])
    assert (report.endpoint, report.checked_rows, report.drifted) == ("mlops-road", 60, True)
    assert "brightness" in report.features
    assert "detections" not in report.features
    assert "brightness" in {one["feature_name"] for one in documents["constraint_violations.json"]["violations"]}
    details = documents["drift_details.json"]
    assert (details["skipped"], details["frames"], details["reference_predictions"]) == ({"broken_line": 1}, 60, 80)
    assert details["figures"]["detections_per_frame"] == 2
    assert 0.7 < details["figures"]["confidence"] < 0.8
    light = details["statistics"]["brightness"]
    assert light["captured"]["p50"] + 30 < light["reference"]["p50"]
    assert documents["drift_report.json"]["metrics"]
    assert "mean_score" in (base.output / "drift_report.html").read_text()
    assert not (base.output / "edge_cases").exists()


def test_nothing_captured_is_not_judged_and_asks_for_nothing(base):
    (base.inputs / "capture").mkdir()
    base.tell(edge_cases={"most": 5})
    documents = base.outcome()
    assert documents["drift.json"]["message"] == "Not judged: 0 frames captured, 50 are needed."
    assert documents["edge_cases.json"]["frames"] == 0
    assert "Not judged: 0 frames" in (base.output / "drift_report.html").read_text()


def test_bad_lines_of_every_kind_are_counted_and_the_rest_is_read(base):
    picture_of_text = line(body(b"no image", "image/jpeg"), [prediction([])])
    own = line(as_png(picture(np.random.default_rng(0))), [prediction([])], inferenceId="mlops-probe-1")
    base.capture([*traffic(3), "{", picture_of_text, own])
    base.tell(own_requests="mlops-probe", drift={"minimum_rows": 500})
    documents = base.outcome()
    assert documents["drift_details.json"]["skipped"] == {"broken_line": 1, "refused_request": 1, "own_request": 1}
    assert documents["drift.json"]["message"] == "Not judged: 3 frames captured, 500 are needed."


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"drift": {"share": "half"}}, "drift.share: 'half' given; a number is needed"),
        ({"edge_cases": {"most": 3, "known": ["xyz"]}}, "fingerprints of 16 hex digits"),
        ({"edge_cases": {"most": 3, "known": ["f" * 17]}}, "fingerprints of 16 hex digits"),
        ({"edge_cases": {"most": 3, "known": ["-1"]}}, "fingerprints of 16 hex digits"),
    ],
)
def test_senseless_settings_are_the_requesters_mistake(base, more, said):
    base.tell(**more)
    assert workloads_entry.main(["drift"]) == 2
    assert said in (base.folder / "output" / "message").read_text()


@pytest.mark.parametrize(
    ("deployment", "note"),
    [({"ensemble": ["v1.0.0"]}, "an ensemble answers"), ({"score_threshold": 0.5}, "of the threshold 0.3")],
)
def test_predictions_that_do_not_compare_are_left_out_with_the_reason(base, deployment, note):
    base.tell(spec={"algorithm": "yolox", "deployment": deployment}, drift={"minimum_rows": 500})
    base.capture(traffic(2))
    assert note in base.outcome()["drift_details.json"]["predictions_note"]


def test_edge_cases_are_masked_labelled_and_ready_for_prepare(base):
    rng = np.random.default_rng(3)
    sure, doubtful, split = (picture(rng) for _ in range(3))
    slow = line(as_jpeg(picture(rng)), [prediction([], fallback=True, reason="too_slow")])
    base.capture([
        line(as_instances([sure, doubtful]), [prediction([(*CAR, 0.9)]), prediction([(*CAR, 0.35), (*WALKER, 0.31)])]),
        line(as_png(doubtful), [prediction([(*CAR, 0.34)])]),
        line(as_png(split), [prediction([(*CAR, 0.9)], agreement=0.4)], inferenceId="someone@example.org"),
        slow,
    ])  # fmt: skip
    base.tell(edge_cases={"most": 5})
    summary = base.outcome()["edge_cases.json"]
    assert [(one["reason"], one["frames"]) for one in summary["reasons"]] == [
        ("disagreement", 1), ("low_confidence", 1), ("fallback", 1),
    ]  # fmt: skip
    assert set(summary["masked"]) == {"faces", "plates"}
    assert (summary["endpoint"], summary["version"], summary["check"]) == ("mlops-road", "v1.0.0", "c1")
    folder = base.output / "edge_cases"
    document = json.loads((folder / "annotations.json").read_text())
    assert "someone@example.org" not in json.dumps(document)
    assert {one["file_name"] for one in document["images"]} == {path.name for path in (folder / "images").iterdir()}
    assert document["annotations"][0]["bbox"] == [4.0, 8.0, 20.0, 32.0]
    assert cv2.imread(str(folder / "contact_sheet.jpg")).shape[1] == 3 * 324
    raw = CocoRaw.open(folder, [folder / "annotations.json"], Run())
    assert (len(raw.frames), raw.bad, sorted(raw.classes)) == (3, {}, ["Car", "Pedestrian"])
    base.tell(edge_cases={"most": 5, "known": summary["fingerprints"]})
    assert base.outcome()["edge_cases.json"]["frames"] == 0


def test_frames_of_an_earlier_check_had_their_chance(base):
    rng = np.random.default_rng(5)
    moments = ("2026-11-23T09:00:00Z", "2026-11-23T11:00:00Z", "")
    base.capture([line(as_png(picture(rng)), [prediction([(*CAR, 0.31)])], inferenceTime=at) for at in moments])
    base.tell(edge_cases={"most": 5, "after": "2026-11-23T10:00:00Z"})
    base.outcome()
    document = json.loads((base.output / "edge_cases" / "annotations.json").read_text())
    assert [one["captured_at"] for one in document["images"]] == ["2026-11-23T11:00:00Z", ""]


def test_faces_are_sought_the_way_up_that_a_frame_is_to_be_seen(base, monkeypatch):
    """Stored on its side (orientation 6): the finder must see the turned picture, 48 wide and 64 high."""
    from workloads.privacy import masking

    seen = []

    def find(image):
        seen.append(image.shape)
        return np.zeros((0, 4), np.float32)

    monkeypatch.setitem(masking.FINDERS, "faces", find)
    rng = np.random.default_rng(3)
    alone, among = (body(encode(".jpg", picture(rng), [], 6), "image/jpeg") for _ in range(2))
    among = body(json.dumps({"instances": [{"b64": among["data"]}]}), "application/json")
    base.capture([line(asked, [prediction([(*CAR, 0.31)])]) for asked in (alone, among)])
    base.tell(edge_cases={"most": 2})
    assert base.outcome()["edge_cases.json"]["frames"] == 2
    assert seen == [(64, 48, 3), (64, 48, 3)]


def test_frames_of_any_shape_end_no_check(base):
    """One of 8,000 rows once made a contact sheet of 256,000, one of 70,000 columns is no JPEG."""
    rng = np.random.default_rng(3)
    shapes = (8000, 20), (20, 8000), (2, 70_000), (48, 64)
    frames = [rng.integers(0, 255, (*size, 3), np.uint8) for size in shapes]
    base.capture([line(as_png(one), [prediction([(*CAR, 0.31)])]) for one in frames])
    base.tell(edge_cases={"most": 5})
    base.outcome()
    document = json.loads((base.output / "edge_cases" / "annotations.json").read_text())
    assert sorted((one["height"], one["width"]) for one in document["images"]) == [(20, 8000), (48, 64), (8000, 20)]
    assert cv2.imread(str(base.output / "edge_cases" / "contact_sheet.jpg")).shape == (640 + 18, 3 * 324, 3)


def test_what_masking_covers_never_reaches_the_stored_picture(base, monkeypatch):
    """The finder is told where a face is; its pixels must be gone from every file below edge_cases."""
    from workloads.privacy import masking

    monkeypatch.setitem(masking.FINDERS, "faces", lambda image: np.float32([[20, 10, 44, 34]]))
    image = np.full((48, 64, 3), 90, np.uint8)
    image[12:32, 22:42] = (0, 0, 255)
    base.capture([line(as_png(image), [prediction([(*CAR, 0.31)])])])
    base.tell(edge_cases={"most": 1})
    assert base.outcome()["edge_cases.json"]["masked"]["faces"] == 1
    (stored,) = (base.output / "edge_cases" / "images").iterdir()
    for path in (stored, base.output / "edge_cases" / "contact_sheet.jpg"):
        pixels = cv2.imread(str(path)).astype(int)
        inner = pixels[:48, :64] if path == stored else cv2.resize(pixels[:240, :320].astype(np.uint8), (64, 48))
        assert np.abs(inner[16:30, 26:38].astype(int) - 90).max() < 40
