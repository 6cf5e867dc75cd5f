"""Requests and responses held against botocore's own service models."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.session
from botocore.model import OperationModel, ServiceModel, Shape

from twin.aws.wire import AwsError, invalid

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (int, float, str),
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "blob": (str, bytes),
}
_BOUNDS = {
    "string": "Member must have length {} than or equal to {}",
    "list": "Member must have length {} than or equal to {}",
    "map": "Member must have length {} than or equal to {}",
}


@cache
def service(name: str = "sagemaker") -> ServiceModel:
    return botocore.session.get_session().get_service_model(name)


@cache
def operation(service_name: str, name: str) -> OperationModel | None:
    model = service(service_name)
    return model.operation_model(name) if name in model.operation_names else None


def check_request(service_name: str, name: str, request: Any) -> None:
    """Raise what AWS answers to a request that its model forbids; an unknown operation is refused, too."""
    model = operation(service_name, name)
    if model is None:
        raise AwsError("UnknownOperationException", f"The operation {name} is unknown.", 400)
    if not isinstance(request, dict):
        raise AwsError("SerializationException", "The request is not a JSON object.")
    found = list(problems(model.input_shape, request)) if model.input_shape else []
    if found:
        plural = "s" if len(found) > 1 else ""
        raise invalid(f"{len(found)} validation error{plural} detected: " + "; ".join(found))


def check_response(service_name: str, name: str, response: dict[str, Any]) -> None:
    """Raise when our own answer is not what the service model promises."""
    model = operation(service_name, name)
    assert model is not None
    found = list(problems(model.output_shape, response)) if model.output_shape else []
    if found:
        raise AwsError("ResponseBreaksModel", f"{name}: " + "; ".join(found), 500)


def problems(shape: Shape, value: Any, path: str = "") -> Iterator[str]:
    """Each way in which `value` breaks `shape`, in AWS's own words. `path` names the place: `tags.1.member.key`."""
    kind = shape.type_name
    expected = _TYPES[kind]
    if not isinstance(value, expected) or (isinstance(value, bool) and kind != "boolean"):
        yield _said(path, value, f"Member must be of type {kind}")
        return
    content: Any = value  # The checker would take it for an object.
    if kind == "structure":
        yield from _structure(shape, content, path)
    elif kind == "list":
        for index, item in enumerate(content, 1):
            yield from problems(shape.member, item, f"{path}.{index}.member".lstrip("."))  # type: ignore[attr-defined]
    elif kind == "map":
        for key, item in content.items():
            yield from problems(shape.key, key, f"{path}.{key}.key")  # type: ignore[attr-defined]
            yield from problems(shape.value, item, f"{path}.{key}.member")  # type: ignore[attr-defined]
    yield from _limits(shape, value, path)


def _structure(shape: Any, value: dict[str, Any], path: str) -> Iterator[str]:
    if getattr(shape, "is_document_type", False):
        return  # anything goes
    here = f"{path}." if path else ""
    for name in shape.required_members:
        if value.get(name) is None:
            yield _said(here + _camel(name), None, "Member must not be null")
    for name, item in value.items():
        if name not in shape.members:
            yield _said(here + _camel(name), item, f"Unknown member; known are {', '.join(shape.members)}")
        elif item is not None:
            yield from problems(shape.members[name], item, here + _camel(name))


def _limits(shape: Shape, value: Any, path: str) -> Iterator[str]:
    limits = shape.metadata
    measured = len(value) if isinstance(value, (str, list, dict, bytes)) else value
    wording = _BOUNDS.get(shape.type_name, "Member must have value {} than or equal to {}")
    if shape.type_name != "timestamp" and not isinstance(value, bool):
        if "min" in limits and measured < limits["min"]:
            yield _said(path, value, wording.format("greater", limits["min"]))
        if "max" in limits and measured > limits["max"]:
            yield _said(path, value, wording.format("less", limits["max"]))
    if isinstance(value, str):
        if limits.get("enum") and value not in limits["enum"]:
            yield _said(path, value, f"Member must satisfy enum value set: [{', '.join(limits['enum'])}]")
        pattern = _pattern(limits.get("pattern"))
        if pattern and not pattern.fullmatch(value):
            yield _said(path, value, f"Member must satisfy regular expression pattern: {limits['pattern']}")


@cache
def _pattern(text: str | None) -> re.Pattern[str] | None:
    """Java's Unicode classes in Python's words; a pattern that cannot be said so is not checked."""
    if not text:
        return None
    for java, python in (
        (r"\p{L}", r"\w"), (r"\p{N}", r"\d"), (r"\p{Z}", r"\s"), (r"\p{Alnum}", "a-zA-Z0-9"),
        (r"\p{M}", ""), (r"\p{S}", r"$+<=>^`|~"), (r"\p{P}", r"""!-#%-*,-/:;?@\[-\]_{}"""),
    ):  # fmt: skip
        text = text.replace(java, python)
    # The model ends some patterns in `)${1,256}`: an anchor repeated, which Python refuses.
    text = re.sub(r"\)\$\{\d+,\d+\}$", ")", text)
    try:
        return re.compile(text, re.DOTALL if text == ".*" else 0)
    except re.error:
        return None


def _said(path: str, value: Any, constraint: str) -> str:
    shown = "null" if value is None else f"'{str(value)[:200]}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


def _camel(name: str) -> str:
    return name[:1].lower() + name[1:]
