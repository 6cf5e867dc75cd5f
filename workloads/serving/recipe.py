"""What a detector's folder holds, proved whole, read and opened.

| file | needed | what |
|---|---|---|
| `model.onnx` | yes | `images` (n, 3, H, W) float32 to `predictions` (n, cells, 5 + C) |
| `features.json` | yes | `task` object_detection, `classes` in order, `input_size` [H, W] |
| `signature.json` | no | `version`; `deployment`, where there is no serving.json |
| `serving.json` | no | `score_threshold`, `max_latency_ms`, `min_agreement`, `precision` of model.onnx |
| `model_mc.onnx` | no | the network with features that can be left out, for `uncertainty=mc_dropout` |
| `members/VERSION/model.onnx` | no | further versions with the same classes, fused with this one |
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workloads.serving import sessions
from workloads.serving.answers import Refusal
from workloads.serving.inference import Inference
from workloads.serving.model import ModelRefused, header_safe, verify, version_of
from workloads.serving.network import Network
from workloads.serving.parameters import Parameters, defaults_of

OpenSession = Callable[[bytes, sessions.Settings, Sequence[Any]], Any]
"""(network, settings, providers) -> what has `get_inputs`, `get_outputs` and `run`, as onnxruntime's session has."""
OWN, DROPOUT, MEMBERS = "model.onnx", "model_mc.onnx", "members/"


@dataclass(frozen=True)
class Opened:
    """A detector ready to be asked."""

    version: str
    openapi: bytes | None
    classes: list[str]
    input_size: tuple[int, int]
    """(height, width) in pixels."""
    defaults: Parameters
    settings: sessions.Settings
    inference: Inference


def open_folder(folder: Path, version: str, environment: Mapping[str, str], open_session: OpenSession) -> Opened:
    """Raises ModelRefused where the folder does not hold what its manifest says, or no detector that can run here."""
    documents = verify(folder)
    input_size, classes = _recipe(documents["features.json"])
    deployment, settings = _deployment(documents), _settings(environment)
    try:
        defaults = defaults_of(deployment)
    except Refusal as wrong:
        raise ModelRefused(f"serving.json: {wrong.message}. {wrong.remedy}") from wrong
    version = header_safe(version or version_of(documents))
    names = [OWN, *sorted(name for name in documents if name.startswith(MEMBERS) and name.endswith("/" + OWN))]
    precision = str(deployment.get("precision") or "fp32")
    networks: dict[str, Network] = {}
    for name in [*names, *([DROPOUT] if DROPOUT in documents else [])]:
        # What is not the model's own network is as it was trained, whatever precision the model is served in.
        providers = sessions.chain(settings, precision=precision if name == OWN else "fp32", input_size=input_size,
                                   fixed=name != DROPOUT)  # fmt: skip
        networks[name] = _open(name, documents[name], len(classes), settings, open_session, providers)
    dropout = networks.pop(DROPOUT, None)
    if networks[OWN].input_size != input_size:
        raise ModelRefused(f"{OWN} takes {networks[OWN].input_size}, features.json says {input_size}")
    if dropout and not dropout.has_dropout:
        raise ModelRefused(f"{DROPOUT} has no inputs for what is left out; package the model again")
    members = {version if name == OWN else header_safe(name.split("/")[1]): net for name, net in networks.items()}
    if len(members) != len(networks):
        raise ModelRefused(f"the ensemble holds version {version} twice; package the model again")
    inference = Inference(members, dropout, classes)
    return Opened(version, documents.get("openapi.json"), classes, input_size, defaults, settings, inference)


def _open(name: str, content: bytes, classes: int, settings: sessions.Settings, open_session: OpenSession,
          providers: Sequence[Any]) -> Network:  # fmt: skip
    try:
        session = open_session(content, settings, providers)
    except Exception as invalid:  # onnxruntime's own classes share no base
        raise ModelRefused(f"{name} cannot be loaded: {invalid}") from invalid
    try:
        return Network(session, classes, calls=settings.calls, batch=settings.batch)
    except ValueError as other:
        raise ModelRefused(f"{name} is no detector of this recipe: {other}") from other


def _recipe(features: bytes) -> tuple[tuple[int, int], list[str]]:
    """(input size, class names) of features.json."""
    try:
        document = json.loads(features)
        height, width = (int(side) for side in document["input_size"])
        classes = [str(name) for name in document["classes"]]
    except (ValueError, KeyError, TypeError) as broken:
        raise ModelRefused(f"features.json is none of a detector: {broken!r}; package the model again") from broken
    if not classes or min(height, width) < 1:
        raise ModelRefused("features.json names no classes or no input size; package the model again")
    return (height, width), classes


def _deployment(documents: Mapping[str, bytes]) -> dict[str, Any]:
    """serving.json, or `deployment` of signature.json, or nothing."""
    try:
        if "serving.json" in documents:
            return dict(json.loads(documents["serving.json"]))
        return dict(json.loads(documents.get("signature.json", b"{}")).get("deployment") or {})
    except (ValueError, TypeError, AttributeError) as broken:
        raise ModelRefused(f"serving.json cannot be read: {broken!r}") from broken


def _settings(environment: Mapping[str, str]) -> sessions.Settings:
    import onnxruntime

    try:
        return sessions.Settings.of(environment, onnxruntime.get_available_providers())
    except ValueError as wrong:
        raise ModelRefused(str(wrong)) from wrong
