"""`RunSpec`: the one schema of a run. Form, parameters, tool schema and reference page are derived from it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, Strict, StringConstraints, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from mlops.spec.algorithms import LARGEST_SEED, AlgorithmName, Hyperparameters, ModelType, Section
from mlops.spec.complete import complete_run, complete_scaling, complete_splits
from mlops.spec.metrics import Task
from mlops.spec.rules import broken_rules
from mlops.spec.values import (
    INSTANCE_PATTERN,
    MODEL_NAME_PATTERN,
    MODEL_TYPES,
    S3_PATTERN,
    Label,
    MetricName,
    Name,
    Text,
    WrittenCriterion,
    WrittenReward,
    as_sorted_set,
    in_catalogue_order,
    spelled,
    spelled_algorithm,
)

_OFF = {"off": "none", "no": "none", "false": "none", "disabled": "none"}


class Splits(Section):
    """Shares below 1, or numbers of rows; not both."""

    train: float = Field(0.7, gt=0, description="Share (or number) of rows to learn from.")
    validation: float = Field(
        0.15,
        gt=0,
        description="Share (or number) of rows to stop and tune by. Left out: half of what "
        "train leaves; where the others leave nothing, an eighth of train.",
    )
    test: float | None = Field(
        0.15,
        gt=0,
        description="Share (or number) of rows sealed for judging. Left out: what the others leave; "
        "where they leave nothing, half of validation. With numbers of rows: the rest.",
    )
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="Seed of the shuffle before splitting.")

    _complete = model_validator(mode="before")(complete_splits)


class Dataset(Section):
    name: Name = Field(description="Dataset id: its objects lie below `datasets/{name}/raw/`.")
    s3_uri: Annotated[str, StringConstraints(pattern=S3_PATTERN, max_length=512)] | None = Field(
        None, title="S3 URI", description="Where the raw data lies, if not below `datasets/{name}/raw/`."
    )
    target: Text | None = Field(None, description="Column to predict; empty: as the dataset's metadata says.")
    splits: Splits = Field(default_factory=Splits, description="How the rows are divided.")
    classes: Annotated[tuple[Text, ...], Strict(False)] = Field(
        (), max_length=1000, description="Classes to learn, in order; empty: all in the data."
    )


class Preprocessing(Section):
    missing: Annotated[
        Literal["drop", "mean", "median", "mode"],
        spelled(delete="drop", remove="drop", average="mean", most_frequent="mode"),
    ] = Field("median", title="Missing values", description="Drop rows with missing values, or fill them.")
    outliers: Annotated[Literal["none", "iqr", "zscore"], spelled(z_score="zscore", **_OFF)] = Field(
        "none", description="Remove rows of the training split that lie far out, by this rule."
    )
    outlier_limit: float | None = Field(
        None, gt=0, le=100, description="How far out: in IQRs (empty: 1.5) or standard deviations (empty: 3)."
    )
    duplicates: Annotated[Literal["drop", "keep"], spelled(remove="drop", delete="drop")] = Field(
        "drop", description="What happens to repeated rows."
    )
    encoding: Annotated[Literal["one_hot", "label", "target"], spelled(onehot="one_hot", ordinal="label")] = Field(
        "one_hot", description="How columns of categories become numbers."
    )
    scaling: Annotated[
        Literal["none", "standard", "minmax"],
        spelled(min_max="minmax", standardize="standard", standardization="standard", normalize="minmax",
                normalization="minmax", zscore="standard", z_score="standard", **_OFF),
    ] = Field("standard", description="How columns of numbers are scaled.")  # fmt: skip
    input_size: Annotated[tuple[Annotated[int, Field(ge=32, le=4096)], ...], Strict(False)] | None = Field(
        None, min_length=2, max_length=2, description="Height and width of images in pixels."
    )


Augmentation = Annotated[
    Literal[
        "mosaic", "mixup", "hsv_jitter", "random_flip", "random_horizontal_flip", "random_rotation", "global_scaling",
    ],
    spelled(horizontal_flip="random_horizontal_flip", flip="random_flip", mix_up="mixup", hsv="hsv_jitter",
            color_jitter="hsv_jitter", rotation="random_rotation", scaling="global_scaling"),
]  # fmt: skip


class Evaluation(Section):
    metrics: Annotated[tuple[MetricName, ...], Strict(False), in_catalogue_order] = Field(
        (), max_length=32, description="Metrics to report; empty: every metric of the task."
    )
    thresholds: dict[MetricName, float] = Field(
        default_factory=dict,
        max_length=32,
        description="What a model must reach: a minimum, or a maximum where smaller is better (rmse, mae, mape, "
        "davies_bouldin, latency).",
    )
    test_dataset: Name | None = Field(None, description="Judge on this dataset instead of the test split.")
    episodes: int | None = Field(None, ge=1, le=100_000, description="Episodes driven for judging.")
    success_criteria: Annotated[
        tuple[WrittenCriterion, ...],
        Strict(False),
    ] = Field((), max_length=32, description="Bounds such as `collision_rate < 0.05`.")


class AutoScaling(Section):
    min_instances: int = Field(1, ge=1, le=100, description="Fewest instances.")
    max_instances: int = Field(1, ge=1, le=100, description="Most instances.")
    target_latency_ms: float | None = Field(None, gt=0, le=60_000, description="Add instances above this latency.")
    target_invocations_per_instance: float | None = Field(
        None, gt=0, le=1_000_000, description="Add instances above so many requests per minute and instance."
    )

    _complete = model_validator(mode="before")(complete_scaling)


class Deployment(Section):
    target: Annotated[
        Literal["sagemaker_endpoint", "none"],
        spelled(sagemaker="sagemaker_endpoint", endpoint="sagemaker_endpoint", **_OFF),
    ] = Field("sagemaker_endpoint", description="Where an accepted model is served; `none`: it is only registered.")
    strategy: Annotated[
        Literal["blue_green", "canary", "ab_test", "all_at_once"],
        spelled(bluegreen="blue_green", canary_release="canary", ab="ab_test", a_b="ab_test", a_b_test="ab_test",
                a_b_testing="ab_test", abtest="ab_test", allatonce="all_at_once"),
    ] = Field("blue_green", description="How traffic moves from the old version to the new.")  # fmt: skip
    instance_type: Annotated[str, StringConstraints(pattern=INSTANCE_PATTERN, max_length=32)] = Field(
        "ml.m5.large", description="Machine that serves."
    )
    auto_scaling: AutoScaling | None = Field(None, title="Auto scaling", description="Empty: one instance.")
    approval: bool = Field(False, description="Ask a person before deploying, even where the policy does not.")


class Environment(Section):
    simulator: Annotated[Literal["carla", "airsim", "gazebo"], spelled(robomaker="gazebo")] = Field(
        description="The simulator in which the agent learns."
    )
    version: Label | None = Field(None, description="Version of the simulator.")
    town: Label | None = Field(None, description="Map.")
    weather: Label | None = Field(None, description="Weather preset.")
    num_vehicles: int = Field(0, ge=0, le=1000, description="Other vehicles.")
    num_pedestrians: int = Field(0, ge=0, le=1000, description="Pedestrians.")


_Size = Annotated[int, Field(ge=1, le=8192)]


class Agent(Section):
    observation: dict[Name, Annotated[tuple[_Size, ...], Strict(False), Field(min_length=1, max_length=4)]] = Field(
        max_length=32, description="What the agent sees: name and shape."
    )
    action: dict[Name, Annotated[tuple[float, float], Strict(False)]] = Field(
        max_length=32, description="What the agent does: name, lowest and highest value."
    )


class RunSpec(Section):
    """One run, as an issue describes it."""

    name: Annotated[str, StringConstraints(pattern=MODEL_NAME_PATTERN)] = Field(
        title="Model name", description="Name of the model; empty: `{algorithm}-{dataset.name}`."
    )
    model_type: Annotated[ModelType, spelled(**MODEL_TYPES)] = Field(description="Kind of learning.")
    algorithm: Annotated[AlgorithmName, spelled_algorithm] = Field(description="What is trained.")
    variant: Label | None = Field(None, description="Size or flavour of the algorithm, e.g. `yolox-m`.")
    task: Annotated[Task, spelled()] | None = Field(
        None, description="What is learnt; empty: the algorithm, the metrics or the target column decide."
    )
    dataset: Dataset | None = Field(None, description="What is learnt from; needed except for reinforcement learning.")
    preprocessing: Preprocessing = Field(default_factory=Preprocessing, description="How the data is made ready.")
    hyperparameters: Annotated[Hyperparameters, Field(discriminator="algorithm")] = Field(
        description="Settings of the algorithm."
    )
    augmentation: Annotated[tuple[Augmentation, ...], Strict(False), as_sorted_set] = Field(
        (), max_length=16, description="How training images are varied."
    )
    evaluation: Evaluation = Field(default_factory=Evaluation, description="How the model is judged.")
    deployment: Deployment = Field(
        default_factory=lambda: Deployment(target="none"),
        description="How the model is served. Without this section it is only registered.",
    )
    environment: Environment | None = Field(None, description="The simulator (reinforcement learning).")
    agent: Agent | None = Field(None, description="Senses and actions (reinforcement learning).")
    reward_function: dict[Name, WrittenReward] = Field(
        default_factory=dict, max_length=32, description="Weights of events (reinforcement learning)."
    )

    _complete = model_validator(mode="before")(complete_run)

    @model_validator(mode="after")
    def _obey_rules(self, info: ValidationInfo) -> RunSpec:
        if info.context and info.context.get("rules_reported_apart"):
            return self
        for broken in broken_rules(canonical(self)):
            raise PydanticCustomError("rule", "{field}: {message}", {"field": broken.field, "message": broken.message})
        return self


def canonical(spec: RunSpec) -> dict[str, Any]:
    """The spec as JSON-able data with every default filled in; equal meaning gives equal data."""
    return spec.model_dump(mode="json")
