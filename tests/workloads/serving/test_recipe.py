"""A detector is served only if its folder holds one, whole and consistent."""

from __future__ import annotations

import json

import pytest

from mlops.spec.model import Deployment
from workloads.serving.detector import Detector
from workloads.serving.model import ModelRefused
from workloads.serving.parameters import Parser, defaults_of
from workloads.serving.recipe import open_folder
from workloads.serving.sessions import open_session


def opened(folder, version=""):
    return open_folder(folder, version, {"MLOPS_SERVING_THREADS": "1"}, open_session)


@pytest.mark.parametrize("name", ["score_threshold", "max_latency_ms", "min_agreement"])
def test_all_that_an_issue_may_ask_for_is_served(name):
    """A model whose server refuses its limit has been trained in vain."""
    bounds = {type(bound).__name__: bound for bound in Deployment.model_fields[name].metadata}
    for value in (bounds["Ge"].ge, bounds["Le"].le if "Le" in bounds else bounds["Lt"].lt):
        defaults_of({name: value})


def test_folder_gives_version_classes_and_defaults(spotting, make, tmp_path):
    network = (spotting / "model.onnx").read_bytes()
    serving = json.dumps({"score_threshold": 0.5, "max_latency_ms": 80, "precision": "fp16"}).encode()
    detector = opened(make.archive(tmp_path, make.recipe, network, **{"serving.json": serving}))
    assert (detector.version, detector.classes, detector.input_size) == ("unknown", ["Car", "Cyclist"], (64, 64))
    assert (detector.defaults.score, detector.defaults.max_latency_ms) == (0.5, 80)
    assert opened(spotting).version == "2.0.0"
    assert opened(spotting, "3.0.0").version == "3.0.0"
    assert opened(spotting).inference.dropout.has_dropout


def test_deployment_of_the_signature_is_taken_where_there_is_no_serving_json(spotting, make, tmp_path):
    signature = json.dumps({"version": "1.0.0", "deployment": {"score_threshold": 0.7, "max_latency_ms": None}})
    more = {"signature.json": signature.encode()}
    defaults = opened(make.archive(tmp_path, make.recipe, (spotting / "model.onnx").read_bytes(), **more)).defaults
    assert (defaults.score, defaults.max_latency_ms) == (0.7, None)


def test_agreement_that_the_model_wants_is_asked_of_several_looks_alone(spotting, make, tmp_path):
    """A caller who changes something else is not refused for it."""
    files = {"serving.json": b'{"min_agreement": 0.5}'}
    defaults = opened(make.archive(tmp_path, make.recipe, (spotting / "model.onnx").read_bytes(), **files)).defaults
    parser = Parser(defaults, ["Car", "Cyclist"], has_dropout=False, has_members=False)
    assert parser.from_header(b"score=0.4").min_agreement == 0.5


def test_members_are_known_by_their_versions(spotting, make, tmp_path):
    network = (spotting / "model.onnx").read_bytes()
    more = {f"members/{version}/model.onnx": network for version in ("1.1.0", "1.0.0")}
    folder = make.archive(tmp_path, make.recipe, network, **more)
    assert list(opened(folder, "1.2.0").inference.members) == ["1.2.0", "1.0.0", "1.1.0"]
    with pytest.raises(ModelRefused, match=r"version 1\.1\.0 twice"):
        opened(folder, "1.1.0")


@pytest.mark.parametrize(
    ("recipe", "more", "words"),
    [
        (
            {"classes": ["Car"]},
            {},
            r"no detector of this recipe: it knows 2 classes, features\.json names 1",
        ),
        ({"classes": []}, {}, "names no classes"),
        ({"input_size": [64]}, {}, r"features\.json is none of a detector"),
        ({"input_size": [32, 32]}, {}, r"takes \(64, 64\), features\.json says \(32, 32\)"),
        ({}, {"serving.json": b"["}, r"serving\.json cannot be read"),
        ({}, {"serving.json": b'{"score_threshold": 7}'}, r"serving\.json: score: 7 given"),
        ({}, {"model_mc.onnx": None}, r"model_mc\.onnx has no inputs for what is left out"),
        ({}, {"model_mc.onnx": b"nothing"}, r"model_mc\.onnx cannot be loaded"),
        ({}, {"members/1.0.0/model.onnx": b"nothing"}, r"members/1\.0\.0/model\.onnx cannot be loaded"),
    ],
)
def test_folder_that_is_none_of_a_detector_is_refused(spotting, make, tmp_path, recipe, more, words):
    network = (spotting / "model.onnx").read_bytes()
    files = {name: network if content is None else content for name, content in more.items()}
    with pytest.raises(ModelRefused, match=words):
        opened(make.archive(tmp_path, make.recipe | recipe, network, **files))


def test_network_of_another_kind_is_refused(wine, make, tmp_path):
    folder = make.archive(tmp_path, make.recipe, (wine.folder / "model.onnx").read_bytes())
    with pytest.raises(ModelRefused, match="not images to predictions"):
        opened(folder)


def test_changed_member_is_refused(spotting, make, tmp_path):
    network = (spotting / "model.onnx").read_bytes()
    folder = make.archive(tmp_path, make.recipe, network, **{"members/1.0.0/model.onnx": network})
    (folder / "members/1.0.0/model.onnx").write_bytes(b"other")
    with pytest.raises(ModelRefused, match="was changed after packaging"):
        opened(folder)


def test_impossible_environment_is_refused(spotting):
    with pytest.raises(ModelRefused, match="MLOPS_SERVING_BATCH"):
        Detector(spotting, environment={"MLOPS_SERVING_BATCH": "-1"})


def test_network_that_cannot_warm_up_is_never_served(make, tmp_path):
    folder = make.archive(tmp_path, make.recipe, b"")
    detector = Detector(folder, open_session=lambda *_: make.stub(lambda images, options: images))
    with pytest.raises(ModelRefused, match="cannot predict a grey image"):
        detector.warm_up()
    detector.close()
