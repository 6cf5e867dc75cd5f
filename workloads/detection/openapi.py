"""The OpenAPI 3.1 document of a detector's endpoint, derived from its recipe."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from workloads.images.codec import encode_png

NUMBER: dict[str, Any] = {"type": "number"}
REASONS = {
    "too_slow": "no answer within max_latency_ms", "stalled": "a call of the network has not come back",
    "model_failed": "the network raised an error", "no_number": "the network answered NaN or infinity",
    "no_score": "the network's scores are none", "internal": "a defect of the server",
    "uncertain": "the looks at the image agree less than min_agreement",
}  # fmt: skip
"""Why `fallback` is true; workloads/serving/detector.py says more."""


def document(*, model: str, version: str, variant: str, classes: Sequence[str], input_size: tuple[int, int],
             metrics: dict[str, float], precision: str = "fp32", score_threshold: float = 0.3,
             members: Sequence[str] = ()) -> dict[str, Any]:  # fmt: skip
    """What the endpoint of `model` accepts and answers, with examples that work.

    Args:
        metrics: shown in the description, as measured on the sealed test frames.
        members: versions that answer together with this one.
    """
    measured = ", ".join(f"{name} {value:.4f}" for name, value in sorted(metrics.items()))
    together = f" Answers together with {', '.join(members)}, fused by weighted boxes." if members else ""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Model {model}", "version": version,
            "description": f"{variant}, {precision}: finds {', '.join(classes)} in camera images.{together}"
            + (f" Measured on the sealed test frames: {measured}." if measured else ""),
        },
        "paths": {
            "/ping": {"get": {"operationId": "ping", "summary": "Is the model loaded and able to predict?",
                              "responses": {"200": {"description": "Ready."}, "503": _failure("Not ready.")}}},
            "/metrics": {"get": {"operationId": "metrics", "summary": "Requests, boxes and fallbacks in numbers.",
                                 "responses": {"200": {"description": "Prometheus text.", "content": {
                                     "text/plain": {"schema": {"type": "string"}}}}}}},
            "/openapi.json": {"get": {"operationId": "describe", "summary": "This document.",
                                      "responses": {"200": _answer("This document.", {"type": "object"})}}},
            "/invocations": {"post": _invocations(classes, input_size, version, score_threshold)},
        },
        "components": {"schemas": _schemas(classes, score_threshold)},
    }  # fmt: skip


def _invocations(classes: Sequence[str], input_size: tuple[int, int], version: str, score: float) -> dict[str, Any]:
    height, width = input_size
    picture = {"type": "string", "contentMediaType": "image/*", "description": "The whole file, as it is."}
    tensor = {"type": "string", "contentMediaType": "application/x-npy", "description":
              "What numpy.save writes: uint8 (h, w, 3), a BGR picture of any size, or float32 "
              f"(3, {height}, {width}) or (n, 3, {height}, {width}), letterboxed BGR from 0 to 255."}  # fmt: skip
    small = base64.b64encode(encode_png(np.full((8, 16, 3), 114, np.uint8))).decode()
    several = {"instances": [{"b64": small}], "parameters": {"score": score, "classes": list(classes[:1])}}
    refused = {"400": "The image, the tensor or a parameter does not fit; the message names which.",
               "406": "Accept does not name JSON.", "413": "The body, the image or the number of images is too large.",
               "415": "The body is none of these kinds.", "500": "The server failed.",
               "503": "Too many requests are under way, or the model is not ready."}  # fmt: skip
    return {
        "operationId": "predict",
        "summary": "Find objects in one image or in several.",
        "parameters": [{
            "name": "X-Amzn-SageMaker-Custom-Attributes", "in": "header", "required": False,
            "schema": {"type": "string"}, "example": f"score={score:g};uncertainty=tta",
            "description": "The members of Parameters as name=value;name=value, lists with commas, image_size as "
                           "375x1242. InvokeEndpoint hands it on.",
        }],
        "requestBody": {"required": True, "content": {
            "image/jpeg": {"schema": picture}, "image/png": {"schema": picture},
            "application/x-image": {"schema": picture}, "application/x-npy": {"schema": tensor},
            "application/json": {"schema": {"$ref": "#/components/schemas/Request"}, "examples": {
                "one": {"summary": "one image", "value": {"instances": [{"b64": small}]}},
                "wishes": {"summary": "with parameters", "value": several},
                "nested": {"summary": "as other servers spell it", "value": {"instances": [{"image": {"b64": small}}]}},
            }},
        }},
        "responses": {
            "200": {
                "description": "One prediction for each image, in order. Where `fallback` is true do not rely on its "
                               "boxes: it never means that the road is empty.",
                "headers": {
                    "X-Model-Version": {"schema": {"type": "string"}, "description": "What answered."},
                    "X-Amzn-SageMaker-Custom-Attributes": {
                        "schema": {"type": "string"}, "description": "fallback=REASON where a prediction is one."},
                },
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Reply"},
                                                 "example": _reply(classes, version)}},
            },
            **{status: _failure(text) for status, text in refused.items()},
        },
    }  # fmt: skip


def _schemas(classes: Sequence[str], score: float) -> dict[str, Any]:
    encoded = {
        "type": "object",
        "required": ["b64"],
        "additionalProperties": False,
        "properties": {"b64": {"type": "string", "contentEncoding": "base64", "description": "A JPEG or PNG file."}},
    }
    wrapped = {"type": "object", "required": ["image"], "additionalProperties": False,
               "properties": {"image": {"$ref": "#/components/schemas/Image"}}}  # fmt: skip
    instance = {"anyOf": [{"$ref": "#/components/schemas/Image"}, wrapped]}
    return {
        "Image": encoded,
        "Request": {"type": "object", "required": ["instances"], "additionalProperties": False, "properties": {
            "instances": {"type": "array", "minItems": 1, "maxItems": 16, "items": instance},
            "parameters": {"$ref": "#/components/schemas/Parameters"}}},
        "Parameters": {"type": "object", "additionalProperties": False, "properties": _parameters(classes, score)},
        "Detection": _detection(classes),
        "Prediction": _prediction(),
        "Reply": {"type": "object", "required": ["predictions", "model_version"], "properties": {
            "predictions": {"type": "array", "items": {"$ref": "#/components/schemas/Prediction"}},
            "model_version": {"type": "string"}}},
        "Error": {"type": "object", "required": ["error"], "properties": {"error": {
            "type": "object", "required": ["code", "message", "remedy"],
            "properties": {word: {"type": "string"} for word in ("code", "message", "remedy")}}}},
    }  # fmt: skip


def _parameters(classes: Sequence[str], score: float) -> dict[str, Any]:
    """As workloads/serving/parameters.py reads them."""

    def between(kind: str, low: float, high: float, text: str, **more: Any) -> dict[str, Any]:
        return {"type": kind, "minimum": low, "maximum": high, "description": text} | more

    return {
        "score": between("number", 0.001, 1, "Least objectness times class score.", default=score),
        "iou": between("number", 0, 1, "Overlap within a class above which the weaker box goes.", default=0.65),
        "max_detections": between("integer", 1, 1000, "Most boxes of an image.", default=100),
        "classes": {"type": "array", "minItems": 1, "items": {"enum": list(classes)}, "description": "Only these."},
        "uncertainty": {"enum": ["none", "tta", "mc_dropout"], "default": "none",
                        "description": "By test-time augmentation, or by leaving out features."},
        "samples": between("integer", 2, 50, "Looks with dropout.", default=10),
        "dropout": between("number", 0.01, 0.9, "Share of the features left out in each look.", default=0.1),
        "seed": between("integer", 0, 2**32 - 1, "Which features; the same seed gives the same answer.", default=0),
        "min_agreement": between("number", 0, 1, "Where the looks agree less, the answer is a fallback."),
        "max_latency_ms": between("number", 1, 55_000, "An answer that is not there by then is a fallback."),
        "image_size": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 2, "maxItems": 2,
                       "description": "[height, width] of the picture that a float32 tensor was made of."},
    }  # fmt: skip


def _detection(classes: Sequence[str]) -> dict[str, Any]:
    spread = {"type": "object", "description": "Only where it was asked for, or several versions answer.",
              "properties": {"score_std": NUMBER, "box_std_px": {"type": "array", "items": NUMBER},
                             "seen": NUMBER | {"description": "Share of the looks that saw it."}}}  # fmt: skip
    return {
        "type": "object", "required": ["box", "score", "class", "class_id"],
        "properties": {
            "box": {"type": "array", "items": NUMBER, "minItems": 4, "maxItems": 4,
                    "description": "Left, top, right, bottom in pixels of the image that was sent."},
            "score": NUMBER | {"minimum": 0, "maximum": 1}, "class": {"enum": list(classes)},
            "class_id": {"type": "integer", "minimum": 0, "maximum": len(classes) - 1}, "uncertainty": spread,
        },
    }  # fmt: skip


def _prediction() -> dict[str, Any]:
    reasons = "; ".join(f"{word}: {text}" for word, text in REASONS.items())
    milliseconds = {"type": ["number", "null"], "minimum": 0}
    return {
        "type": "object", "required": ["detections", "image_size", "fallback", "reason"],
        "properties": {
            "detections": {"type": "array", "items": {"$ref": "#/components/schemas/Detection"}},
            "image_size": {"type": ["array", "null"], "items": {"type": "integer"}, "description": "[height, width]"},
            "fallback": {"type": "boolean", "description": "True: do not rely on these boxes."},
            "reason": {"type": ["string", "null"], "enum": [None, *REASONS], "description": reasons},
            "detail": {"type": "string"},
            "agreement": NUMBER | {"description": "How far the looks agree, 0 to 1."},
            "ensemble": {"type": "object", "properties": {
                "members": {"type": "array", "items": {"type": "string"}}, "left_out": {"type": "object"}}},
            "latency_ms": {"type": "object", "properties": dict.fromkeys(
                ("decode", "model", "postprocess", "total"), milliseconds)},
        },
    }  # fmt: skip


def _reply(classes: Sequence[str], version: str) -> dict[str, Any]:
    found = {"box": [712.4, 143.0, 810.7, 307.9], "score": 0.93, "class": classes[0], "class_id": 0}
    latency = {"decode": 9.1, "model": 21.4, "postprocess": 0.4, "total": 31.6}
    return {
        "model_version": version,
        "predictions": [
            {"detections": [found], "image_size": [375, 1242], "fallback": False, "reason": None, "latency_ms": latency}
        ],
    }


def _answer(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _failure(text: str) -> dict[str, Any]:
    return _answer(text, {"$ref": "#/components/schemas/Error"})
