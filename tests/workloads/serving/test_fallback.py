"""A model that fails, lies or hangs: every caller is told in time, and the platform is told to replace it.

What a caller's rule-based controller needs is one word that is always there, and never late: `fallback`.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest

from workloads.images.codec import encode_png
from workloads.serving.detector import Detector
from workloads.serving.limits import Limits

ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
PNG = encode_png(np.zeros((8, 8, 3), np.uint8))
CAR = np.float32([[[32, 32, 10, 10, 0.9, 1, 0], [0, 0, 0, 0, 0, 0, 0]]])
"""Predictions with one car, whatever the image."""


class Model:
    """A network that does what the test says. It begins well: what cannot warm up is never served."""

    def __init__(self):
        self.act = lambda images: np.repeat(CAR, len(images), axis=0)
        self.calls = 0

    def __call__(self, images, options):
        self.calls += 1
        self.options = options
        return self.act(images)


@contextmanager
def served(make, folder, deployment, *models, limits=None, environment=None):
    """A server of stub networks, the first the model's own, the others members 1.0.0, 1.1.0, …"""
    members = {f"members/1.{number}.0/model.onnx": b"%d" % (number + 1) for number in range(len(models) - 1)}
    more = {"serving.json": json.dumps(deployment).encode()} | members
    make.archive(folder, make.recipe, b"0", **more)

    def load(folder, version, limits):
        opener = lambda content, settings, providers: make.stub(models[int(content)])  # noqa: E731
        detector = Detector(folder, version, limits, environment or {}, open_session=opener)
        detector.warm_up()
        return detector

    with make.running(folder, limits, by=load) as server:
        yield server


@pytest.fixture
def post(ask):
    """A function (server, attributes, body, type) -> (status, headers, first prediction or document, seconds)."""

    def call(server, attributes="", body=PNG, kind="image/png"):
        headers = {"Content-Type": kind} | ({ATTRIBUTES: attributes} if attributes else {})
        begun = time.perf_counter()
        status, answered, text = ask(server, "POST", "/invocations", body, headers)
        document = json.loads(text)
        return status, answered, document.get("predictions", [document])[0], time.perf_counter() - begun

    return call


@pytest.fixture
def hang():
    """An event that hanging models wait for; set at the end, so that their threads end."""
    event = threading.Event()
    yield event
    event.set()


def broken(images):
    raise RuntimeError("out of memory\nsecond line")


@pytest.mark.parametrize(
    ("act", "reason", "detail"),
    [
        (broken, "model_failed", "out of memory"),
        (lambda images: np.repeat(CAR, len(images), axis=0) * np.nan, "no_number", "no finite numbers"),
        (lambda images: CAR + np.float32([0, 0, np.inf, 0, 0, 0, 0]), "no_number", "boxes"),
        (lambda images: CAR * np.float32([1, 1, 1, 1, 1, 7, 1]), "no_score", "between 0 and 1"),
        (lambda images: CAR[..., :6], "model_failed", "(1, 2, 6)"),
        (lambda images: CAR[:0], "model_failed", "(0, 2, 7)"),
    ],
    ids=["error", "nan", "infinite box", "score above 1", "other width", "no rows"],
)
def test_failing_model_is_a_fallback_that_says_why(make, post, tmp_path, act, reason, detail):
    model = Model()
    with served(make, tmp_path, {}, model) as server:
        model.act = act
        status, headers, prediction, _ = post(server)
    assert (status, prediction["fallback"], prediction["reason"]) == (200, True, reason)
    assert (prediction["detections"], prediction["image_size"]) == ([], [8, 8])
    assert detail in prediction["detail"]
    assert headers[ATTRIBUTES] == f"fallback={reason}"


def test_repeated_failures_make_the_instance_unhealthy_and_one_success_heals_it(make, post, ask, tmp_path):
    model = Model()
    with served(make, tmp_path, {}, model, limits=Limits(failures=3)) as server:
        good, model.act = model.act, broken
        pings = []
        for _ in range(3):
            pings.append(ask(server, "GET", "/ping")[0])
            post(server)
        status, _, body = ask(server, "GET", "/ping")
        assert (pings, status, json.loads(body)["error"]["code"]) == ([200] * 3, 503, "model_unhealthy")
        assert b"\nserving_healthy 0\n" in ask(server, "GET", "/metrics")[2]
        assert b'\nserving_fallbacks_total{reason="model_failed"} 3\n' in ask(server, "GET", "/metrics")[2]
        model.act = good
        assert post(server)[2]["fallback"] is False
        assert ask(server, "GET", "/ping")[0] == 200


def test_requesters_mistakes_say_nothing_about_health(make, post, ask, tmp_path):
    with served(make, tmp_path, {}, Model(), limits=Limits(failures=2)) as server:
        assert {post(server, body=b"no image")[0] for _ in range(5)} == {400}
        assert ask(server, "GET", "/ping")[0] == 200


def test_hanging_model_is_answered_in_time_under_load(make, post, tmp_path, hang):
    """100 % flagged within the limit (and the scheduling of a busy machine), though no call ever comes back."""
    model = Model()
    with served(make, tmp_path, {"max_latency_ms": 100}, model) as server:
        model.act = lambda images: hang.wait(60) and None
        answers = []
        callers = [threading.Thread(target=lambda: answers.extend(post(server) for _ in range(5))) for _ in range(12)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join(30)
        assert len(answers) == 60
        assert {(status, one["fallback"], one["reason"]) for status, _, one, _ in answers} == {(200, True, "too_slow")}
        assert max(one["latency_ms"]["total"] for _, _, one, _ in answers) < 500
        assert max(seconds for *_, seconds in answers) < 2
        assert model.calls <= 4  # warm-up, and one for each slot: nobody began what nobody waits for


def test_hanging_model_makes_the_instance_unhealthy_and_is_not_asked_again(make, post, ask, tmp_path, hang):
    model = Model()
    limits = Limits(answer_s=0.2)  # a call that takes longer hangs
    with served(make, tmp_path, {}, model, limits=limits, environment={"MLOPS_SERVING_THREADS": "64"}) as server:
        good, model.act = model.act, lambda images: hang.wait(60) and good(images)
        assert post(server)[2]["reason"] == "too_slow"
        deadline = time.monotonic() + 5
        while post(server)[2]["reason"] != "stalled":
            assert time.monotonic() < deadline
        assert post(server)[3] < 0.15  # at once, not after the limit
        assert ask(server, "GET", "/ping")[0] == 503
        hang.set()
        while post(server)[2]["fallback"]:
            assert time.monotonic() < deadline
        assert ask(server, "GET", "/ping")[0] == 200
        assert b"\nserving_late_results_total 0\n" not in ask(server, "GET", "/metrics")[2]


def test_slow_model_is_dropped_and_counted(make, post, ask, tmp_path, hang):
    model = Model()
    with served(make, tmp_path, {"max_latency_ms": 50}, model) as server:
        good, model.act = model.act, lambda images: hang.wait(60) and good(images)
        status, _, prediction, _ = post(server)
        assert (status, prediction["reason"], prediction["image_size"]) == (200, "too_slow", [8, 8])
        model.act = good
        hang.set()
        while post(server)[2]["fallback"]:
            pass
        assert b"\nserving_late_results_total 1\n" in ask(server, "GET", "/metrics")[2]


def test_limit_of_a_request_is_kept_and_does_not_blame_the_model(make, post, ask, tmp_path, hang):
    model = Model()
    with served(make, tmp_path, {"max_latency_ms": 5000}, model, limits=Limits(failures=1)) as server:
        model.act = lambda images: hang.wait(60) and None
        body = json.dumps({"instances": [{"b64": base64.b64encode(PNG).decode()}] * 2,
                           "parameters": {"max_latency_ms": 40}}).encode()  # fmt: skip
        for attributes, more in (("max_latency_ms=40", {}), ("", {"body": body, "kind": "application/json"})):
            _, _, prediction, seconds = post(server, attributes, **more)
            assert prediction["reason"] == "too_slow"
            assert seconds < 2
        assert ask(server, "GET", "/ping")[0] == 200


def test_model_that_is_always_slower_than_the_limit_is_unhealthy(make, post, ask, tmp_path):
    """Each call works until it is told to stop; with a queue in front it would be the queue's fault."""
    model = Model()

    def slow(images):
        while not model.options.terminate:
            pass
        raise RuntimeError("stopped")

    with served(make, tmp_path, {"max_latency_ms": 60}, model, limits=Limits(failures=3)) as server:
        model.act = slow
        assert [post(server)[2]["reason"] for _ in range(3)] == ["too_slow"] * 3
        assert ask(server, "GET", "/ping")[0] == 503


def test_network_that_sees_objects_everywhere_is_answered(make, post, tmp_path):
    """5,000 boxes: suppression compares the best of them alone."""
    numbers = np.random.default_rng(0)
    everywhere = np.concatenate([numbers.uniform(0, 64, (1, 5000, 2)), numbers.uniform(1, 3, (1, 5000, 2)),
                                 numbers.uniform(0.5, 1, (1, 5000, 3))], axis=2).astype(np.float32)  # fmt: skip
    model = Model()
    with served(make, tmp_path, {}, model) as server:
        model.act = lambda images: everywhere
        prediction = post(server)[2]
    scores = everywhere[0, :, 4] * everywhere[0, :, 5:].max(axis=1)
    assert len(prediction["detections"]) == 100
    assert prediction["detections"][0]["score"] == pytest.approx(scores.max())


def test_every_image_of_a_request_is_flagged(make, ask, tmp_path):
    model = Model()
    with served(make, tmp_path, {}, model) as server:
        model.act = broken
        body = json.dumps({"instances": [{"b64": base64.b64encode(PNG).decode()}] * 3}).encode()
        _, _, answer = ask(server, "POST", "/invocations", body, {"Content-Type": "application/json"})
    assert [one["fallback"] for one in json.loads(answer)["predictions"]] == [True] * 3


def test_full_server_says_when_to_come_again_and_ping_still_answers(make, post, ask, tmp_path, hang):
    model = Model()
    with served(make, tmp_path, {}, model, environment={"MLOPS_SERVING_QUEUE": "2"}) as server:
        entered = threading.Semaphore(0)
        good = model.act
        model.act = lambda images: (entered.release(), hang.wait(60), good(images))[-1]
        answers = []
        callers = [threading.Thread(target=lambda: answers.append(post(server))) for _ in range(2)]
        for caller in callers:
            caller.start()
        assert entered.acquire(timeout=10)
        while b"\nserving_waiting 2\n" not in ask(server, "GET", "/metrics")[2]:
            pass
        status, headers, document, _ = post(server)
        assert (status, headers["Retry-After"], document["error"]["code"]) == (503, "1", "overloaded")
        assert document["fallback"] is True
        assert ask(server, "GET", "/ping")[0] == 200
        hang.set()
        for caller in callers:
            caller.join(10)
        assert [one["fallback"] for _, _, one, _ in answers] == [False, False]


def test_image_under_way_is_answered_before_the_server_ends(make, post, tmp_path, hang):
    model = Model()
    with served(make, tmp_path, {}, model) as server:
        good, entered, answers = model.act, threading.Event(), []
        model.act = lambda images: (entered.set(), hang.wait(60), good(images))[-1]
        caller = threading.Thread(target=lambda: answers.append(post(server)))
        caller.start()
        assert entered.wait(10)
        ending = threading.Thread(target=lambda: server.call(server.stop()))
        ending.start()
        while not server._hub.draining:
            pass
        hang.set()
        caller.join(10)
        ending.join(10)
    assert [(status, one["fallback"]) for status, _, one, _ in answers] == [(200, False)]


def test_call_that_nobody_waits_for_is_stopped(make, post, tmp_path):
    """A graph that loops for minutes: onnxruntime ends it when told."""
    folder = make.archive(tmp_path, make.recipe, looping(), **{"serving.json": b'{"max_latency_ms": 100}'})
    with make.running(folder) as server:
        body = encode_png(np.full((64, 64, 3), 255, np.uint8))
        assert post(server, body=body)[2]["reason"] == "too_slow"
        deadline = time.monotonic() + 20
        while post(server)[2]["fallback"]:  # the network is free again: a dark image does not loop
            assert time.monotonic() < deadline


def looping():
    """As many rounds of nothing as an image is bright: none for a dark one, ten million for a white one."""
    from onnx import TensorProto, helper, numpy_helper

    node, scalar = helper.make_node, lambda name, kind: helper.make_tensor_value_info(name, kind, [])
    body = helper.make_graph(
        [node("Identity", ["go_on"], ["go_on_still"]), node("Sin", ["before"], ["after"])], "round",
        [scalar("round", TensorProto.INT64), scalar("go_on", TensorProto.BOOL), scalar("before", TensorProto.FLOAT)],
        [scalar("go_on_still", TensorProto.BOOL), scalar("after", TensorProto.FLOAT)],
    )  # fmt: skip
    constants = {
        "times": np.float32(1e9 / 255), "yes": np.bool_(True), "begin": np.float32(1), "limit": np.float32(115),
        "none": np.float32(0), "car": CAR, "shape": np.int64([-1, 1, 1]), "first": np.float32([0]),
    }  # fmt: skip
    nodes = [
        node("ReduceMean", ["images"], ["bright"], keepdims=0), node("Sub", ["bright", "limit"], ["over"]),
        node("Max", ["over", "none"], ["loud"]), node("Mul", ["loud", "times"], ["many"]),
        node("Cast", ["many"], ["rounds"], to=TensorProto.INT64),
        node("Loop", ["rounds", "yes", "begin"], ["end"], body=body),
        node("Mul", ["end", "none"], ["nothing"]), node("Add", ["car", "nothing"], ["predictions"]),
    ]  # fmt: skip
    graph = helper.make_graph(
        nodes, "looping", [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, 64, 64])],
        [helper.make_tensor_value_info("predictions", TensorProto.FLOAT, [1, 2, 7])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def shifted(by, score=0.9):
    """A network that sees the car `by` pixels further right."""

    def act(images):
        rows = np.repeat(CAR, len(images), axis=0)
        rows[:, 0, 0] += by
        rows[:, 0, 4] = score
        return rows

    return act


def test_members_are_fused_and_their_spread_is_told(make, post, tmp_path):
    """Three cars 0, 1 and 2 input pixels to the right: the mean, and a deviation of 0.816; 64 -> 8 px: an eighth."""
    models = [Model(), Model(), Model()]
    for by, model in enumerate(models):
        model.act = shifted(by)
    with served(make, tmp_path, {}, *models) as server:
        prediction = post(server)[2]
    (found,) = prediction["detections"]
    assert prediction["ensemble"] == {"members": ["1.2.3", "1.0.0", "1.1.0"], "left_out": {}}
    np.testing.assert_allclose(found["box"], np.divide([28, 27, 38, 37], 8), atol=1e-4)
    assert found["score"] == pytest.approx(0.9)
    np.testing.assert_allclose(
        found["uncertainty"]["box_std_px"], np.multiply([0.8165, 0, 0.8165, 0], 1 / 8), atol=1e-4
    )
    assert found["uncertainty"]["seen"] == 1


def test_what_one_member_alone_sees_loses_score(make, post, tmp_path):
    models = [Model(), Model()]
    models[1].act = lambda images: np.zeros_like(np.repeat(CAR, len(images), axis=0))
    with served(make, tmp_path, {}, *models) as server:
        (found,) = post(server)[2]["detections"]
    assert (found["score"], found["uncertainty"]["seen"]) == (pytest.approx(0.45), 0.5)


@pytest.mark.parametrize("number", [0, 1])
def test_failing_member_is_left_out_and_said(make, post, ask, tmp_path, number):
    models = [Model(), Model()]
    with served(make, tmp_path, {}, *models) as server:
        models[number].act = broken
        prediction = post(server)[2]
        names = ["1.2.3", "1.0.0"]
        failed = names.pop(number)
        assert prediction["ensemble"] == {"members": names, "left_out": {failed: "model_failed"}}
        assert (prediction["fallback"], prediction["detections"][0]["score"]) == (False, pytest.approx(0.9))
        assert f'\nserving_left_out_total{{member="{failed}"}} 1\n'.encode() in ask(server, "GET", "/metrics")[2]


def test_slow_member_is_left_out_when_time_is_up(make, post, tmp_path, hang):
    models = [Model(), Model()]
    with served(make, tmp_path, {"max_latency_ms": 150}, *models) as server:
        models[1].act = lambda images: hang.wait(60) and None
        _, _, prediction, seconds = post(server)
    assert prediction["ensemble"] == {"members": ["1.2.3"], "left_out": {"1.0.0": "too_slow"}}
    assert (prediction["fallback"], len(prediction["detections"])) == (False, 1)
    assert seconds < 1


def test_ensemble_that_fails_whole_is_a_fallback(make, post, tmp_path):
    models = [Model(), Model()]
    with served(make, tmp_path, {}, *models) as server:
        for model in models:
            model.act = broken
        assert post(server)[2]["reason"] == "model_failed"


def test_disagreeing_members_are_a_fallback_where_agreement_is_wanted(make, post, tmp_path):
    models = [Model(), Model()]
    models[1].act = shifted(20)
    with served(make, tmp_path, {"min_agreement": 0.6}, *models) as server:
        prediction = post(server)[2]
    assert (prediction["fallback"], prediction["reason"], prediction["agreement"]) == (True, "uncertain", 0.5)


def test_waiting_images_are_joined_into_one_call(make, post, tmp_path, hang):
    model = Model()
    sizes = []
    with served(
        make, tmp_path, {}, model, environment={"MLOPS_SERVING_BATCH": "4", "MLOPS_SERVING_CALLS": "1"}
    ) as server:
        good, entered = model.act, threading.Semaphore(0)

        def act(images):
            sizes.append(len(images))
            entered.release()
            hang.wait(60)
            return good(images)

        model.act = act
        answers = []
        callers = [threading.Thread(target=lambda: answers.append(post(server))) for _ in range(5)]
        callers[0].start()
        assert entered.acquire(timeout=10)
        for caller in callers[1:]:
            caller.start()
        gate = server.routes.model._inference.networks[0].gate
        while len(gate._waiting) < 4:
            pass
        hang.set()
        for caller in callers:
            caller.join(10)
    assert sizes == [1, 4]
    assert [len(one["detections"]) for _, _, one, _ in answers] == [1] * 5
