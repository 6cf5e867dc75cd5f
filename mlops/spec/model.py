"""`RunSpec`: the one schema of a run. Form, parameters, tool schema and reference page are derived from it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, Strict, StringConstraints, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from mlops.spec.algorithms import LARGEST_SEED, AlgorithmName, Hyperparameters, ModelType, Section
from mlops.spec.complete import complete_run, complete_scaling, complete_splits
from mlops.spec.metrics import Task
from mlops.spec.rules import LARGEST_SIDE, STRIDE, broken_rules
from mlops.spec.values import (
    INSTANCE_PATTERN,
    MODEL_NAME_PATTERN,
    MODEL_TYPES,
    S3_PATTERN,
    Label,
    MetricName,
    Name,
    Text,
    Version,
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


Mask = Annotated[Literal["faces", "plates"], spelled(face="faces", plate="plates", number_plates="plates",
                                                    license_plates="plates", licence_plates="plates")]  # fmt: skip
PointOutput = Annotated[Literal["filtered", "voxels", "pillars", "bev"], spelled(birds_eye_view="bev")]
_Metres = Annotated[float, Field(ge=-1000, le=1000)]
_Edge = Annotated[float, Field(ge=0.01, le=100)]


class Points(Section):
    """Frame: LiDAR, x forward, y left, z up, metres."""

    outputs: Annotated[tuple[PointOutput, ...], Strict(False), as_sorted_set] = Field(
        ("filtered",), min_length=1, max_length=4, description="What is written for each sweep."
    )
    range_m: Annotated[tuple[_Metres, ...], Strict(False)] = Field(
        (0, 70, -40, 40, -3, 1),
        min_length=6,
        max_length=6,
        title="Range",
        description="Points kept: lowest and highest x, y and z in metres.",
    )
    grid_m: Annotated[tuple[_Metres, ...], Strict(False)] | None = Field(
        None,
        min_length=6,
        max_length=6,
        title="Grid",
        description="What voxels and pillars divide, as `range_m`; empty: PointPillars' own (69.12 by 79.36 m), or "
        "another range rounded up to whole cells.",
    )
    voxel_size_m: Annotated[tuple[_Edge, ...], Strict(False)] | None = Field(
        None,
        min_length=3,
        max_length=3,
        title="Voxel size",
        description="Edges of a voxel in metres; empty: 0.05, 0.05, 0.1, of pillars 0.16 and the whole height.",
    )
    max_points: int | None = Field(
        None, ge=1, le=1000, description="Points kept in a voxel (empty: 5) or pillar (empty: 32)."
    )
    max_voxels: int | None = Field(
        None, ge=1, le=1_000_000, description="Voxels or pillars kept of a sweep; empty: 40,000."
    )
    bev_size: Annotated[tuple[Annotated[int, Field(ge=1, le=4096)], ...], Strict(False)] = Field(
        (200, 200), min_length=2, max_length=2, title="BEV size", description="Rows and columns of the bird's-eye view."
    )
    bev_cell_m: _Edge = Field(0.5, title="BEV cell", description="Edge of one of its cells in metres.")


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
    input_size: Annotated[tuple[Annotated[int, Field(ge=STRIDE, le=LARGEST_SIDE)], ...], Strict(False)] | None = Field(
        None,
        min_length=2,
        max_length=2,
        description="Height and width that images are brought to, multiples of 32 pixels; empty: the variant's own.",
    )
    masking: Annotated[tuple[Mask, ...], Strict(False), as_sorted_set] = Field(
        (), max_length=2, description="What is made unrecognisable in images before they are stored."
    )
    similar_classes: Annotated[Literal["ignore", "merge", "drop"], spelled()] | None = Field(
        None,
        description="What becomes of Van beside Car and of Person_sitting beside Pedestrian: neither right nor "
        "wrong, as in KITTI's own judging (empty), the same class, or background.",
    )
    dont_care: Annotated[Literal["ignore", "drop"], spelled()] | None = Field(
        None, description="What becomes of DontCare regions: neither right nor wrong (empty), or background."
    )
    max_bad_share: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="Share of unreadable frames above which preparation stops; empty: 0.05. "
        "A single one is always skipped and counted.",
    )
    points: Points | None = Field(None, description="What is made of LiDAR sweeps; empty: nothing.")


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
    test_dataset: Name | None = Field(
        None, description="Split to judge on: `test`, or as a detection benchmark calls its own, such as `kitti_val`."
    )
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
    precision: (
        Annotated[Literal["fp32", "fp16", "int8"], spelled(float32="fp32", float16="fp16", half="fp16")] | None
    ) = Field(None, description="Arithmetic of a served detector; empty: fp32.")
    max_accuracy_drop: float | None = Field(
        None, ge=0, le=1, description="What a lower precision may cost in mAP@0.5:0.95; empty: 0.02."
    )
    score_threshold: float | None = Field(
        None, ge=0.01, lt=1, description="Least score of a detection that is told; empty: 0.3."
    )
    max_latency_ms: float | None = Field(
        None,
        ge=1,
        le=55_000,  # as its server has them: an answer of 60 s would find nobody waiting
        description="A detector slower than this answers with its fallback flag set; empty: no limit.",
    )
    min_agreement: float | None = Field(
        None, ge=0, le=1, description="Where several looks at an image agree less, the answer is a fallback; empty: 0."
    )
    ensemble: Annotated[tuple[Version, ...], Strict(False)] = Field(
        (), max_length=4, description="Earlier versions of the same model that answer together with this one."
    )


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
    variant: Label | None = Field(
        None, description="Size or flavour of the algorithm, e.g. `yolox-m`; empty: the usual one."
    )
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
