"""A detector's package: complete, the same bytes every time, honest about its precision, served by its own code."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from openapi_spec_validator import validate as validate_openapi

from workloads import archive
from workloads.contract import UserError, read_json, write_json
from workloads.detection import openapi
from workloads.detection.detections import Detections
from workloads.detection.lowering import lower
from workloads.detection.package import package
from workloads.detection.scoring import DetectorFolder, OnnxDetector
from workloads.detection.truth import read as read_truth
from workloads.images.codec import decode

CAR, WALKER = ("Car", 10, 10, 60, 60), ("Pedestrian", 80, 20, 110, 100)
TRUTH = [[CAR, WALKER], [CAR], [], [WALKER]]
EXACT = [[(*CAR, 0.9), (*WALKER, 0.8)], [(*CAR, 0.7)], [], [(*WALKER, 0.6)]]
FINE = ("Car", 100.03, 100.03, 102.03, 102.03)
"""Half precision knows 101.03 as 101: an IoU of 0.94, so that one of COCO's ten limits is missed."""
RESULTS = {"metrics": {"map_50": 0.9, "map_50_95": 0.6}, "rows": 4, "seal_intact": True, "champion_version": None}


@pytest.fixture
def pack(judge):
    """(trained run, its metadata) of a truth and answers; `deployment` is the spec's."""

    def packed(truth=TRUTH, answers=EXACT, *, members=(), target="package", **deployment):
        judged = judge(truth, answers)
        judged.run.spec["deployment"] = {"endpoint": None} | deployment
        write_json(judged.base / "results.json", RESULTS)
        write_json(judged.base / "baseline.json", {"frames": 4})
        return judged, repack(judged, [member(judged) for member in members], target)

    return packed


def repack(judged, members=(), target="package"):
    (judged.base / target).mkdir()
    return package(judged.run, model=judged.product, evaluation=judged.base, features=judged.dataset,
                   baseline=judged.base, target=judged.base / target, validation=judged.dataset / "test",
                   members=members)  # fmt: skip


def unpacked(judged, name="package"):
    archive.extract(judged.base / name / "model.tar.gz", judged.base / "unpacked")
    return judged.base / "unpacked"


def test_archive_holds_all_that_serving_needs_and_its_manifest_proves_it(pack):
    judged, metadata = pack(score_threshold=0.25, max_latency_ms=40)
    folder = unpacked(judged)
    assert {path.name for path in folder.iterdir()} == {
        "model.onnx", "features.json", "signature.json", "serving.json", "openapi.json", "baseline.json",
        "hyperparameters.json", "manifest.json", "code"}  # fmt: skip
    assert read_json(folder, "serving.json") == {"score_threshold": 0.25, "max_latency_ms": 40, "precision": "fp32"}
    manifest = read_json(folder, "manifest.json")
    for name, entry in manifest["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == entry["sha256"]
    assert metadata["sha256"] == hashlib.sha256((judged.base / "package" / "model.tar.gz").read_bytes()).hexdigest()
    assert (metadata["precision"], metadata["metrics"]) == ({"served": "fp32"}, RESULTS["metrics"])
    assert (judged.base / "package" / "inference_code" / "workloads" / "__main__.py").exists()


def test_packed_network_predicts_as_the_trained_one(pack):
    judged, _ = pack()
    model = DetectorFolder(unpacked(judged))
    image = decode((judged.dataset / "test" / "images" / "000000.png").read_bytes())
    (found,) = model.detector.predict([image])
    assert isinstance(found, Detections)
    assert found.scores == pytest.approx([0.9, 0.8])
    assert (model.classes, model.signature["version"], model.signature["files"]) == (
        ("Car", "Pedestrian"), "1.0.0", {"onnx": "model.onnx"})  # fmt: skip


def test_same_model_gives_the_same_bytes(pack):
    judged, metadata = pack()
    assert repack(judged, target="again") == metadata
    assert (judged.base / "again" / "model.tar.gz").read_bytes() == (
        judged.base / "package" / "model.tar.gz").read_bytes()  # fmt: skip


def test_network_with_features_to_leave_out_travels_along_where_there_are_any(pack):
    import onnx

    judged, metadata = pack()
    assert "model_mc.onnx" not in metadata["files"]
    judged.product = judged.write_product("model", EXACT, judged.classes, network=convolution())
    repack(judged, target="again")
    graph = onnx.load(unpacked(judged, "again") / "model_mc.onnx").graph
    assert [one.name for one in graph.input] == ["images", "mask_0"]


def test_model_of_another_recipe_is_refused(pack, judge):
    judged, _ = pack()
    write_json(judged.dataset / "features.json", judged.recipe | {"input_size": [64, 64]})
    with pytest.raises(UserError, match="another recipe"):
        repack(judged, target="other")


# Precision


def test_half_precision_that_costs_nothing_is_served_and_reported(pack):
    judged, metadata = pack(precision="fp16")
    report = metadata["precision"]
    assert (report["served"], report["drop"], report["map_50_95"], report["frames"]) == ("fp16", 0, 1, 4)
    assert read_json(unpacked(judged), "signature.json")["precision"] == "fp16"
    assert (judged.base / "unpacked" / "model.onnx").stat().st_size != 0
    assert report["bytes"] != report["bytes_fp32"]


def test_precision_that_costs_more_than_the_limit_is_refused_with_both_figures_and_the_remedy(pack):
    words = ("fp16 lowers mAP@0.5:0.95 from 1.0000 to 0.9000 on 1 validation frames, by 0.1000; max_accuracy_drop is "
             "0.05. Choose fp32, or raise max_accuracy_drop")  # fmt: skip
    with pytest.raises(UserError, match=re.escape(words)):
        pack([[FINE]], [[(*FINE, 0.9)]], precision="fp16", max_accuracy_drop=0.05)


def test_cost_below_the_limit_is_reported(pack):
    _, metadata = pack([[FINE]], [[(*FINE, 0.9)]], precision="fp16", max_accuracy_drop=0.2)
    assert metadata["precision"]["drop"] == pytest.approx(0.1)


def test_lower_precision_without_frames_to_measure_it_is_refused(pack):
    with pytest.raises(
        UserError, match="int8 needs labelled validation frames to calibrate and others to judge; there are 1"
    ):
        pack([[CAR]], [[(*CAR, 0.9)]], precision="int8")


def convolution() -> bytes:
    """A detector of two layers: four cells, seven answers each, none of them high."""
    from onnx import TensorProto, helper, numpy_helper

    weights = {"kernel": np.random.default_rng(0).normal(0, 1e-4, (7, 3, 32, 32)).astype(np.float32),
               "bias": np.full(7, -4, np.float32), "shape": np.array([0, 7, 4]),
               "last": np.eye(7, dtype=np.float32)[..., None, None]}  # fmt: skip
    nodes = [helper.make_node("Conv", ["images", "kernel", "bias"], ["features"], "stem", strides=[32, 32]),
             helper.make_node("Conv", ["features", "last"], ["grid"], "head.obj_preds.0.conv"),
             helper.make_node("Reshape", ["grid", "shape"], ["flat"], "reshape"),
             helper.make_node("Transpose", ["flat"], ["rows"], "decode/transpose", perm=[0, 2, 1]),
             helper.make_node("Sigmoid", ["rows"], ["predictions"], "decode/sigmoid")]  # fmt: skip
    graph = helper.make_graph(
        nodes, "small", [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, 64, 64])],
        [helper.make_tensor_value_info("predictions", TensorProto.FLOAT, ["n", 4, 7])],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def test_eight_bits_are_calibrated_on_other_frames_than_those_that_judge(judge):
    """A network that finds nothing loses nothing; of four frames two calibrate and two judge."""
    truth = read_truth(judge([[CAR]] * 4, [[]] * 4).dataset / "test", ("Car", "Pedestrian"))
    lowered = lower(convolution(), "int8", ("Car", "Pedestrian"), truth, 0.02)
    assert (lowered.report["frames"], lowered.report["calibration_frames"], lowered.report["drop"]) == (2, 2, 0)
    assert len(lowered.network) < 0.6 * len(convolution())
    assert OnnxDetector(lowered.network).input_size == (64, 64)


# Members of an ensemble


def earlier(version, classes=("Car", "Pedestrian")):
    """A packaged earlier version, as far as an ensemble needs it."""
    return lambda judged: judged.write_product(version, [[]] * 4, classes, version=version)


def test_members_travel_with_their_signatures(pack):
    judged, metadata = pack(ensemble=["0.9.0", "0.8.0"], members=[earlier("0.9.0"), earlier("0.8.0")])
    folder = unpacked(judged)
    assert metadata["ensemble"] == ["0.9.0", "0.8.0"]
    for version in metadata["ensemble"]:
        assert read_json(folder / "members" / version, "signature.json")["version"] == version
        assert (folder / "members" / version / "model.onnx").stat().st_size
    assert "Answers together with 0.9.0, 0.8.0" in read_json(folder, "openapi.json")["info"]["description"]


def test_member_that_is_not_there_or_knows_other_classes_is_refused(pack):
    with pytest.raises(UserError, match=r"deployment\.ensemble: version 0\.7\.0 of this model is not there"):
        pack(ensemble=["0.9.0", "0.7.0"], members=[earlier("0.9.0")])


def test_member_with_classes_in_another_order_is_refused(pack):
    with pytest.raises(UserError, match=r"version 0\.9\.0 knows the classes Pedestrian, Car, in this order"):
        pack(ensemble=["0.9.0"], members=[earlier("0.9.0", ("Pedestrian", "Car"))])


# The endpoint's document


def test_document_is_valid_openapi_and_describes_every_parameter_of_the_server(pack):
    from workloads.serving.parameters import NAMES

    judged, _ = pack(score_threshold=0.4)
    document = read_json(judged.base / "package", "openapi.json")
    validate_openapi(document)
    schemas = document["components"]["schemas"]
    assert set(schemas["Parameters"]["properties"]) == set(NAMES)
    assert schemas["Parameters"]["properties"]["score"]["default"] == 0.4
    assert schemas["Detection"]["properties"]["class"]["enum"] == ["Car", "Pedestrian"]
    assert set(document["paths"]) == {"/ping", "/metrics", "/openapi.json", "/invocations"}
    assert set(document["paths"]["/invocations"]["post"]["requestBody"]["content"]) == {
        "image/jpeg", "image/png", "application/x-image", "application/x-npy", "application/json"}  # fmt: skip


def test_reasons_of_a_fallback_are_those_the_server_documents():
    from workloads.serving import detector

    assert set(openapi.REASONS) == set(re.findall(r"`(\w+)`", "".join(
        line.split("|")[1] for line in (detector.__doc__ or "").splitlines() if line.startswith("| `"))))  # fmt: skip


def test_server_answers_the_documents_own_examples_with_the_code_in_the_package_alone(pack):
    """And every answer is as the document says, for pictures, tensors and requests that ask for uncertainty."""
    from jsonschema import Draft202012Validator

    judged, _ = pack(ensemble=["0.9.0"], members=[earlier("0.9.0")])
    probe = """
import asyncio, io, json, sys
from pathlib import Path
import numpy
import workloads
assert workloads.__file__.startswith(sys.argv[1]), workloads.__file__
from workloads.serving.hub import Request
from workloads.serving.limits import Limits
from workloads.serving.server import load_model
model = load_model(Path(sys.argv[1]), "", Limits())

async def ask(kind, body, attributes=b""):
    request = Request()
    request.body = body
    request.headers = {b"content-type": kind, b"x-amzn-sagemaker-custom-attributes": attributes}
    answer = await model.answer(request)
    print(answer.status, answer.body.decode())

async def all_of_them():
    content = json.loads(model.openapi)["paths"]["/invocations"]["post"]["requestBody"]["content"]
    for example in content["application/json"]["examples"].values():
        await ask(b"application/json", json.dumps(example["value"]).encode())
    file = io.BytesIO()
    numpy.save(file, numpy.zeros((3, 128, 128), numpy.float32))
    await ask(b"application/x-npy", file.getvalue())
    await ask(b"image/png", Path(sys.argv[2]).read_bytes(), b"uncertainty=tta;score=0.1")

asyncio.run(all_of_them())
model.close()
"""
    folder = str(unpacked(judged))
    picture = str(judged.dataset / "test" / "images" / "000000.png")
    done = subprocess.run([sys.executable, "-P", "-c", probe, folder, picture], capture_output=True, text=True,
                          check=False, cwd=folder, env={"PYTHONPATH": f"{folder}/code"})  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = read_json(judged.base / "package", "openapi.json")
    promised = Draft202012Validator({"$ref": "#/components/schemas/Reply", "components": document["components"]})
    answers = [line.partition(" ") for line in done.stdout.splitlines()]
    assert [status for status, _, _ in answers] == ["200"] * 5
    for _, _, body in answers:
        promised.validate(json.loads(body))
    last = json.loads(answers[-1][2])["predictions"][0]
    assert {one["class"] for one in last["detections"]} == {"Car", "Pedestrian"}
    assert last["detections"][0]["uncertainty"]["seen"] <= 1
