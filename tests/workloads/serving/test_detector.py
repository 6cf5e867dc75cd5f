"""A served detector as its callers see it: what comes in, which boxes come out, what is refused and how."""

from __future__ import annotations

import base64
import io
import json
import re
import socket
import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workloads.images.codec import encode_jpeg, encode_png
from workloads.images.letterbox import Letterbox, as_tensor
from workloads.serving.limits import IMAGE_BODY_BYTES, IMAGES

ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
SQUARE = [20, 10, 36, 26]
"""Where `make.road()` has its red square."""


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def several(*files, **parameters):
    instances = [{"b64": base64.b64encode(file).decode()} for file in files]
    return json.dumps({"instances": instances} | ({"parameters": parameters} if parameters else {})).encode()


@pytest.fixture(scope="module")
def post(eye, ask):
    """A function (body, type, attributes) -> (status, document)."""

    def call(body, kind="image/png", attributes="", accept="*/*"):
        headers = {"Content-Type": kind, "Accept": accept} | ({ATTRIBUTES: attributes} if attributes else {})
        status, _, answer = ask(eye, "POST", "/invocations", body, headers)
        return status, json.loads(answer)

    return call


@pytest.fixture(scope="module")
def one(post):
    """The same, for what must be one good prediction."""

    def call(*arguments, **more):
        status, document = post(*arguments, **more)
        assert (status, len(document["predictions"])) == (200, 1), document
        return document["predictions"][0]

    return call


def test_answer_has_the_agreed_form(post, make):
    status, document = post(encode_png(make.road()))
    (prediction,) = document["predictions"]
    (detection,) = prediction["detections"]
    assert (status, document["model_version"]) == (200, "1.2.3")
    assert list(prediction) == ["detections", "image_size", "fallback", "reason", "latency_ms"]
    assert (prediction["image_size"], prediction["fallback"], prediction["reason"]) == ([96, 128], False, None)
    assert list(prediction["latency_ms"]) == ["decode", "model", "postprocess", "total"]
    assert all(spent > 0 for spent in prediction["latency_ms"].values())
    np.testing.assert_allclose(detection["box"], SQUARE, atol=0.01)
    assert (detection["score"], detection["class"], detection["class_id"]) == (0.8, "Car", 0)


def test_class_is_told_by_name(one, make):
    found = one(encode_png(make.road(blue=True)))["detections"][0]
    assert (found["class"], found["class_id"]) == ("Cyclist", 1)


def test_image_without_objects_has_no_boxes_and_is_no_fallback(one):
    empty = one(encode_png(np.full((50, 60, 3), 40, np.uint8)))
    assert (empty["detections"], empty["fallback"]) == ([], False)


@pytest.mark.parametrize("kind", ["image/jpeg", "image/jpg", "application/x-image", "IMAGE/JPEG; q=1"])
def test_jpeg_is_read_whatever_its_type_is_called(one, make, kind):
    found = one(encode_jpeg(make.road(), 100), kind)["detections"][0]
    np.testing.assert_allclose(found["box"], SQUARE, atol=1.5)


def test_picture_of_bytes_is_letterboxed_like_a_file(one, make):
    assert one(npy(make.road()), "application/x-npy")["detections"] == one(encode_png(make.road()))["detections"]


def test_network_input_is_answered_in_its_own_pixels(one, make):
    """96 x 128 into 64 x 64: half as large."""
    image = make.road()
    tensor = as_tensor(Letterbox.fit(image.shape[:2], (64, 64)).apply(image))
    for array in (tensor, tensor[0], np.asfortranarray(tensor[0])):
        prediction = one(npy(array), "application/x-npy")
        np.testing.assert_allclose(prediction["detections"][0]["box"], np.divide(SQUARE, 2), atol=0.01)
        assert prediction["image_size"] == [64, 64]


@pytest.mark.parametrize("uncertainty", ["none", "tta"])
def test_network_input_whose_picture_is_named_is_answered_in_the_pictures_pixels(one, make, uncertainty):
    image = make.road()
    tensor = as_tensor(Letterbox.fit(image.shape[:2], (64, 64)).apply(image))
    prediction = one(npy(tensor), "application/x-npy", f"image_size=96x128;uncertainty={uncertainty}")
    np.testing.assert_allclose(prediction["detections"][0]["box"], SQUARE, atol=0.01)
    assert prediction["image_size"] == [96, 128]


def test_several_images_are_answered_in_their_order(post, make):
    files = [encode_png(make.road(left=left, size=(96, 100 + left))) for left in (10, 30, 50)]
    status, document = post(several(*files), "application/json")
    assert status == 200
    assert [p["image_size"][1] for p in document["predictions"]] == [110, 130, 150]
    lefts = [p["detections"][0]["box"][0] for p in document["predictions"]]
    np.testing.assert_allclose(lefts, [10, 30, 50], atol=1.5)


def test_many_tensors_are_one_request(post, make):
    batch = np.concatenate([as_tensor(make.road(left=left, size=(64, 64))) for left in range(IMAGES)])
    _, document = post(npy(batch), "application/x-npy")
    lefts = [p["detections"][0]["box"][0] for p in document["predictions"]]
    np.testing.assert_allclose(lefts, range(IMAGES), atol=0.01)


def test_instance_may_wrap_its_image_and_the_type_be_left_out(eye, ask, make):
    body = json.dumps({"instances": [{"image": {"b64": base64.b64encode(encode_png(make.road())).decode()}}]})
    status, _, answer = ask(eye, "POST", "/invocations", body.encode())
    assert (status, len(json.loads(answer)["predictions"][0]["detections"])) == (200, 1)


@pytest.mark.parametrize(
    ("wish", "count"),
    [("score=0.79", 1), ("score=0.81", 0), ("classes=Car", 1), ("classes=Cyclist", 0), ("classes=Cyclist, Car", 1),
     ("max_detections=1", 1), ("iou=0.5;", 1), (" score = 0.1 ; iou = 1 ", 1)],
)  # fmt: skip
def test_header_says_what_is_wished(one, make, wish, count):
    assert len(one(encode_png(make.road()), attributes=wish)["detections"]) == count


def test_parameters_of_the_body_come_before_the_header(post, make):
    body = several(encode_png(make.road()), score=0.5, classes=["Car"])
    _, document = post(body, "application/json", "score=0.9")
    assert len(document["predictions"][0]["detections"]) == 1


def test_augmentation_tells_the_spread_of_what_it_saw(one, make):
    plain = one(encode_png(make.road()))["detections"][0]
    prediction = one(encode_png(make.road()), attributes="uncertainty=tta")
    (found,) = prediction["detections"]
    assert (found["box"], found["score"]) == (plain["box"], plain["score"])  # the answer itself stays the same
    assert (found["uncertainty"]["seen"], prediction["agreement"]) == (1, 1)
    assert found["uncertainty"]["score_std"] < 1e-3
    assert 0 < max(found["uncertainty"]["box_std_px"]) < 1  # scaling by 0.8 moves edges by parts of a pixel


def test_dropout_doubts_the_score_and_repeats_itself(one, make):
    """The score is the mean of four features that are left out by chance."""
    wish = "uncertainty=mc_dropout;dropout=0.5;samples=50"
    first, again = (one(encode_png(make.road()), attributes=wish)["detections"][0] for _ in range(2))
    other = one(encode_png(make.road()), attributes=wish + ";seed=1")["detections"][0]
    assert first == again
    assert first["uncertainty"] != other["uncertainty"]
    assert first["score"] == pytest.approx(0.8)
    assert first["uncertainty"]["score_std"] > 0.1


def test_too_little_agreement_is_a_fallback_with_its_boxes(post, make):
    body = several(encode_png(make.road()), uncertainty="mc_dropout", dropout=0.9, samples=50, min_agreement=0.9)
    _, document = post(body, "application/json")
    prediction = document["predictions"][0]
    assert (prediction["fallback"], prediction["reason"]) == (True, "uncertain")
    assert prediction["agreement"] < 0.9
    assert len(prediction["detections"]) == 1


PNG = encode_png(np.zeros((4, 5, 3), np.uint8))


def png_of(height, width):
    """A header that claims a size, and nothing behind it."""
    return PNG[:16] + width.to_bytes(4, "big") + height.to_bytes(4, "big") + PNG[24:]


@pytest.mark.parametrize(
    ("body", "kind", "status", "code", "words"),
    [
        (b"1,2", "text/csv", 415, "unsupported_media_type", "'text/csv' is not supported"),
        (PNG, "image/webp", 415, "unsupported_media_type", "image/webp"),
        (b"", "image/png", 400, "no_images", "empty"),
        (b"GIF89a", "image/png", 400, "broken_image", "no JPEG or PNG"),
        (PNG[:-20], "image/png", 400, "broken_image", "cut short"),
        (encode_jpeg(np.zeros((99, 99, 3), np.uint8))[:300], "image/jpeg", 400, "broken_image", "cut short"),
        (b"\xff\xd8\xff" + b"\xff\xda" * 200, "image/jpeg", 400, "broken_image", "header"),
        (png_of(30_000, 30_000), "image/png", 413, "image_too_large", "30000 x 30000"),
        (png_of(9_000, 9_000), "image/png", 413, "image_too_large", "9000 x 9000 pixels; 1 to 50,000,000 in all"),
        (png_of(60_000, 60_000), "image/png", 413, "image_too_large", "60000 x 60000 pixels; 1 to 50,000,000 in all"),
        (several(*[png_of(5_000, 6_000)] * 2), "application/json", 413, "image_too_large", "60,000,000"),
        (several(*[PNG] * (IMAGES + 1)), "application/json", 413, "too_many_images", "17 images"),
        (several(PNG, b"no image"), "application/json", 400, "broken_image", "instances[1]"),
        (b"{", "application/json", 400, "invalid_json", "not JSON"),
        (b"[]", "application/json", 400, "no_images", "no list"),
        (b'{"instances": []}', "application/json", 400, "no_images", "empty"),
        (b'{"instances": [[1, 2]]}', "application/json", 400, "bad_instance", "instances[0]"),
        (b'{"instances": [{"b64": 5}]}', "application/json", 400, "bad_instance", "instances[0]"),
        (b'{"instances": [{"b64": "a b"}]}', "application/json", 400, "bad_base64", "instances[0]"),
        (b'{"instances": [{"b64": "\xc3\xa9"}]}', "application/json", 400, "bad_base64", "instances[0]"),
        (b'{"instances": [{"b64": ""}]}', "application/json", 400, "broken_image", "0 bytes"),
        (b'{"instances": [{"b64": "aa=="}], "more": {}}', "application/json", 400, "unknown_member", "'more'"),
        (several(PNG, scores=1), "application/json", 400, "unknown_parameter", "'scores'"),
        (several(PNG)[:-1] + b', "parameters": []}', "application/json", 400, "bad_parameter", "not an object"),
        (several(PNG, score=True), "application/json", 400, "bad_parameter", "score: True"),
        (several(PNG, score="0.5"), "application/json", 400, "bad_parameter", "score: '0.5'"),
        (several(PNG, classes=["Tram"]), "application/json", 400, "bad_parameter", "'Tram'"),
        (several(PNG, image_size=[9, 9]), "application/json", 400, "bad_parameter", "knows its own size"),
        (b"\x93NUMPY", "application/x-npy", 400, "bad_tensor", "no .npy file"),
        (PNG, "application/x-npy", 400, "bad_tensor", "no .npy file"),
        (b"\x93NUMPY\1\0\x60\xea" + b"(" * 60_000, "application/x-npy", 400, "bad_tensor", "no .npy file"),
        (npy(np.zeros((4, 4, 3)))[:-1], "application/x-npy", 400, "bad_tensor", "float64"),
        (npy(np.zeros((4, 4, 3), np.uint8))[:-1], "application/x-npy", 400, "bad_tensor", "47 bytes follow"),
        (npy(np.zeros((4, 4, 4), np.uint8)), "application/x-npy", 400, "bad_tensor", "(4, 4, 4)"),
        (npy(np.zeros((0, 4, 3), np.uint8)), "application/x-npy", 400, "bad_tensor", "(0, 4, 3)"),
        (npy(np.zeros((3, 64, 32), np.float32)), "application/x-npy", 400, "bad_tensor", "(3, 64, 32)"),
        (npy(np.full((3, 64, 64), 256, np.float32)), "application/x-npy", 400, "bad_tensor", "go from 256 to 256"),
        (npy(np.full((3, 64, 64), np.nan, np.float32)), "application/x-npy", 400, "bad_tensor", "nan"),
        (npy(np.zeros((17, 3, 64, 64), np.float32)), "application/x-npy", 413, "too_many_images", "17 images"),
        (npy(np.array([{}], object)), "application/x-npy", 400, "bad_tensor", "object"),
    ],
)  # fmt: skip
def test_bad_bodies_are_refused_with_a_reason(post, body, kind, status, code, words):
    got, document = post(body, kind)
    assert (got, document["error"]["code"]) == (status, code)
    assert words in document["error"]["message"]
    assert "\n" not in document["error"]["message"]
    assert document["error"]["remedy"]


@pytest.mark.parametrize(
    ("attributes", "code", "words"),
    [
        ("score", "bad_parameter", "no name=value"),
        ("score=", "bad_parameter", "score: ''"),
        ("score=high", "bad_parameter", "'high'"),
        ("score=0", "bad_parameter", "score: 0"),
        ("score=1.01", "bad_parameter", "score: 1.01"),
        ("score=nan", "bad_parameter", "score: nan"),
        ("score=1_0", "bad_parameter", "'1_0'"),
        ("score=0.5;score=0.6", "bad_parameter", "twice"),
        ("max_detections=1.5", "bad_parameter", "max_detections"),
        ("max_detections=1001", "bad_parameter", "1001"),
        ("max_latency_ms=0", "bad_parameter", "max_latency_ms"),
        ("uncertainty=bayes", "bad_parameter", "'bayes'"),
        ("classes=", "bad_parameter", "''"),
        ("image_size=3x", "bad_parameter", "image_size"),
        ("min_agreement=0.5", "bad_parameter", "cannot disagree"),
        ("treshold=0.5", "unknown_parameter", "'treshold'"),
    ],
)
def test_bad_attributes_are_refused_with_a_reason(post, attributes, code, words):
    status, document = post(PNG, attributes=attributes)
    assert (status, document["error"]["code"]) == (400, code)
    assert words in document["error"]["message"]


def test_wrong_name_is_told_the_right_one(post):
    _, document = post(several(PNG, max_detection=5), "application/json")
    assert "Did you mean 'max_detections'?" in document["error"]["remedy"]


def test_only_json_is_answered(post):
    assert post(PNG, accept="text/csv")[0] == 406
    assert post(PNG, accept="text/html, application/json")[0] == 200


def test_dropout_of_a_model_without_it_is_refused_with_the_way_out(spotting, make, ask, tmp_path):
    folder = make.archive(tmp_path, make.recipe, (spotting / "model.onnx").read_bytes())
    with make.running(folder) as plain:
        headers = {"Content-Type": "image/png", ATTRIBUTES: "uncertainty=mc_dropout"}
        status, _, answer = ask(plain, "POST", "/invocations", PNG, headers)
    error = json.loads(answer)["error"]
    assert (status, error["code"], "uncertainty tta" in error["remedy"]) == (400, "no_dropout", True)


def test_image_may_be_larger_than_a_table_and_not_larger_than_the_service_takes(eye, ask):
    assert ask(eye, "POST", "/invocations", b"x" * 7_000_000, {"Content-Type": "image/png"})[0] == 400
    status, _, answer = ask(eye, "POST", "/invocations", b"x" * (IMAGE_BODY_BYTES + 1), {"Content-Type": "image/png"})
    assert (status, json.loads(answer)["error"]["remedy"]) == (413, "Send smaller images, or fewer at once.")


def test_callers_at_once_get_their_own_boxes(eye, ask, make):
    results = {}

    def call(left):
        body = encode_png(make.road(left=left, size=(64, 64)))
        for _ in range(5):
            _, _, answer = ask(eye, "POST", "/invocations", body, {"Content-Type": "image/png"})
            results.setdefault(left, set()).add(json.loads(answer)["predictions"][0]["detections"][0]["box"][0])

    threads = [threading.Thread(target=call, args=(left,)) for left in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert results == {left: {float(left)} for left in range(8)}


def raw(body, kind=b"image/png"):
    return b"POST /invocations HTTP/1.1\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (kind, len(body), body)


def everything(client):
    return b"".join(iter(lambda: client.recv(65536), b""))


def test_pipelined_images_are_answered_in_their_order(eye, make):
    """Answers come from other threads; what is sent behind an image waits for it."""
    images = [encode_png(make.road(left=left, size=(64, 64))) for left in (5, 25)]
    ping = b"GET /ping HTTP/1.1\r\n\r\n"
    with socket.create_connection(("127.0.0.1", eye.port), timeout=10) as client:
        client.sendall(raw(images[0]) + ping + raw(b"no image") + raw(images[1]))
        client.shutdown(socket.SHUT_WR)
        answer = everything(client)
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"200", b"400", b"200"]
    assert [float(left) for left in re.findall(rb'"box":\[([0-9.]+),', answer)] == [5, 25]


def test_client_that_vanishes_harms_nobody(eye, make, one):
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", eye.port), timeout=10) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            client.sendall(raw(encode_png(make.road())) * 3)
    assert len(one(encode_png(make.road()))["detections"]) == 1


def test_metrics_count_images_boxes_and_calls(spotting, make, ask):
    with make.running(spotting) as fresh:
        ask(fresh, "POST", "/invocations", several(encode_png(make.road()), PNG), {"Content-Type": "application/json"})
        ask(fresh, "POST", "/invocations", b"x", {"Content-Type": "image/png"})
        text = ask(fresh, "GET", "/metrics")[2].decode()
    assert "\nserving_images_total 2\n" in text
    assert "\nserving_detections_total 1\n" in text
    assert "\nserving_healthy 1\n" in text
    assert "\nserving_waiting 0\n" in text
    assert 'serving_requests_total{path="/invocations",status="400"} 1\n' in text


kinds = st.sampled_from(["image/jpeg", "image/png", "application/x-npy", "application/json", "application/x-image"])
seeds = st.sampled_from([
    PNG, encode_jpeg(np.zeros((9, 9, 3), np.uint8)), npy(np.zeros((4, 4, 3), np.uint8)),
    npy(np.zeros((3, 64, 64), np.float32))[:400], several(PNG, score=0.5), b"",
])  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=seeds, kind=kinds, at=st.integers(0, 400), cut=st.integers(0, 40), new=st.binary(max_size=12))
def test_any_body_is_answered_or_refused(post, seed, kind, at, cut, new):
    """Whole files with a piece changed: the way that bodies are broken. Never a 500, never an unflagged failure."""
    status, document = post(seed[:at] + new + seed[at + cut :], kind)
    assert status in (200, 400, 413)
    if status == 200:
        assert all(not prediction["fallback"] for prediction in document["predictions"])


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
def test_any_attributes_are_understood_or_refused(post, attributes):
    assert post(PNG, attributes=attributes)[0] in (200, 400)
