"""Types of single values: names, choices with their spellings, criteria and rewards written as text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from mlops.spec import metrics
from mlops.spec.algorithms import Section, find_algorithm
from mlops.spec.words import shown

NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}$"
MODEL_NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,95}$"
S3_PATTERN = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_=+-]+(\.[A-Za-z0-9_=+-]+)*)+/?$"
INSTANCE_PATTERN = r"^ml\.[a-z0-9-]+\.[a-z0-9]+$"
VERSION_PATTERN = r"^v?\d{1,6}\.\d{1,6}\.\d{1,6}$"
LABEL_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"

_TEMPLATE = re.compile(r"\{\{|\{%|\{#")


def has_template(text: str) -> bool:
    """Whether a template engine downstream could take part of `text` for its own."""
    return bool(_TEMPLATE.search(text))


def _no_template(text: str) -> str:
    if has_template(text):
        raise PydanticCustomError("template", "must not hold template marks")
    return text


Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Label = Annotated[str, StringConstraints(pattern=LABEL_PATTERN)]
"""A word that is shown and never interpreted, e.g. a simulator's version."""
Version = Annotated[
    str, StringConstraints(pattern=VERSION_PATTERN), AfterValidator(lambda text: f"v{text.removeprefix('v')}")
]
"""A semantic version, e.g. `v1.2.0`."""
Text = Annotated[
    str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$"), AfterValidator(_no_template)
]
"""Free text of the requester's data, e.g. a column or class name."""


def fold(word: str) -> str:
    """`Blue/Green`, `blue-green` and `blue_green` are one word."""
    return re.sub(r"[^a-z0-9]+", "_", word.strip().lower()).strip("_")


def spelled(**spellings: str) -> BeforeValidator:
    """Accept a choice in any case and with any separator, and under the spellings given."""

    def canonical(value: Any) -> Any:
        if value is False and "off" in spellings:  # `outliers: false`
            return spellings["off"]
        if not isinstance(value, str) or has_template(value):
            return value
        folded = fold(value)
        return spellings.get(folded, folded)

    return BeforeValidator(canonical)


def _algorithm(value: Any) -> Any:
    found = find_algorithm(value) if isinstance(value, str) else None
    return found.name if found else value


spelled_algorithm = BeforeValidator(_algorithm)


def _metric(value: str) -> str:
    found = metrics.find(value)
    if found is None:
        raise PydanticCustomError("unknown_metric", "is no metric known here (got {got}).", {"got": shown(value)})
    return found.name


MetricName = Annotated[str, AfterValidator(_metric)]


def _in_order(names: tuple[str, ...]) -> tuple[str, ...]:
    """Each once, in the order of the catalogue: a list of metrics is a set."""
    return tuple(name for name in metrics.METRICS if name in names)


in_catalogue_order = AfterValidator(_in_order)
as_sorted_set = AfterValidator(lambda names: tuple(sorted(set(names))))


MODEL_TYPES = {
    "supervised": "supervised_learning",
    "unsupervised": "unsupervised_learning",
    "reinforcement": "reinforcement_learning",
    "rl": "reinforcement_learning",
}
"""Short forms of `model_type`."""


class Criterion(Section):
    """One bound of `success_criteria`, written `collision_rate < 0.05`."""

    metric: Name
    operator: Literal["<", "<=", ">", ">="]
    value: float
    unit: Text | None = None


class RewardTerm(Section):
    """One term of the reward function, written `-100.0` or `+1.0 per meter`."""

    weight: float
    per: Text | None = Field(None, description="What the weight is counted per, e.g. `meter`.")


_NUMBER = r"[-+]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][-+]?\d{1,3})?"
_CRITERION = re.compile(rf"([A-Za-z][A-Za-z0-9_-]*)\s*(<=|>=|<|>)\s*({_NUMBER})\s*(\S.*)?")
_REWARD = re.compile(rf"({_NUMBER})(?:\s+per\s+(\S.*))?")


def _written_as(pattern: re.Pattern[str], example: str, build: Callable[..., dict[str, Any]]) -> BeforeValidator:
    def parse(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        match = pattern.fullmatch(value.strip())
        if not match:
            message = "must be written like `{example}` (got {got})."
            raise PydanticCustomError("bad_format", message, {"example": example, "got": shown(value)})
        return build(*(part.strip() if part else None for part in match.groups()))

    return BeforeValidator(parse)


WrittenCriterion = Annotated[
    Criterion,
    _written_as(
        _CRITERION, "collision_rate < 0.05",
        lambda name, operator, value, unit: {
            "metric": name.lower(), "operator": operator, "value": float(value), "unit": unit,
        },
    ),
]  # fmt: skip

WrittenReward = Annotated[
    RewardTerm,
    _written_as(_REWARD, "+1.0 per meter", lambda weight, per: {"weight": float(weight), "per": per}),
    BeforeValidator(lambda value: {"weight": value} if type(value) in (int, float) else value),
]
