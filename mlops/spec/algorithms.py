"""The algorithms an issue may name: their settings with limits, and which of them have a workload."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict, StringConstraints

from mlops.spec.metrics import Task

ModelType = Literal["supervised_learning", "unsupervised_learning", "reinforcement_learning"]

AlgorithmName = Literal[
    "random_forest", "xgboost", "logistic_regression", "linear_regression", "neural_network", "kmeans", "pca",
    "dbscan", "tsne", "yolox", "pointpillars", "monodetr", "bevformer", "ppo", "dqn", "a3c",
]  # fmt: skip

LARGEST_SEED = 2**31 - 1
SHA256_PATTERN = r"^[0-9a-f]{64}$"
WEIGHTS_PATTERN = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_=-]+(\.[A-Za-z0-9_=-]+)*)+\.(pth|safetensors)$"


class Section(BaseModel):
    """A part of the run spec. Strict: text is no number, and neither is true."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class _Seeded(Section):
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="Seed of every random choice of the training.")


_Shape = Annotated[tuple[Annotated[int, Field(ge=1, le=4096)], ...], Strict(False)]
_Rate = Annotated[float, Field(gt=0, le=1)]


class RandomForest(_Seeded):
    algorithm: Literal["random_forest"] = Field("random_forest", exclude=True)
    n_estimators: int = Field(200, ge=1, le=2000, description="Number of trees.")
    max_depth: int | None = Field(None, ge=1, le=64, description="Greatest depth of a tree; empty: no limit.")
    min_samples_leaf: int = Field(1, ge=1, le=1000, description="Fewest rows in a leaf.")


class XGBoost(_Seeded):
    algorithm: Literal["xgboost"] = Field("xgboost", exclude=True)
    n_estimators: int = Field(300, ge=1, le=5000, description="Number of boosting rounds.")
    max_depth: int = Field(6, ge=1, le=16, description="Greatest depth of a tree.")
    learning_rate: _Rate = Field(0.1, description="Step size.")
    subsample: _Rate = Field(1.0, description="Share of rows used for each tree.")
    colsample_bytree: _Rate = Field(1.0, description="Share of features used for each tree.")
    reg_lambda: float = Field(1.0, ge=0, le=1000, description="L2 penalty on leaf weights.")
    early_stopping_rounds: int = Field(
        20, ge=0, le=1000, description="Stop after so many rounds without gain on the validation split; 0: never."
    )


class LogisticRegression(_Seeded):
    algorithm: Literal["logistic_regression"] = Field("logistic_regression", exclude=True)
    C: float = Field(1.0, gt=0, le=1_000_000, description="Inverse of the L2 penalty.")
    max_iter: int = Field(1000, ge=1, le=100_000, description="Most solver iterations.")


class LinearRegression(Section):
    algorithm: Literal["linear_regression"] = Field("linear_regression", exclude=True)
    alpha: float = Field(0.0, ge=0, le=1_000_000, description="Ridge penalty; 0: ordinary least squares.")


class NeuralNetwork(_Seeded):
    algorithm: Literal["neural_network"] = Field("neural_network", exclude=True)
    hidden_layers: _Shape = Field((64, 32), min_length=1, max_length=8, description="Units of each hidden layer.")
    epochs: int = Field(100, ge=1, le=1000, description="Passes over the training split.")
    batch_size: int = Field(32, ge=1, le=1024, description="Rows per step.")
    learning_rate: _Rate = Field(0.001, description="Step size.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of units dropped while training.")
    weight_decay: float = Field(0.0001, ge=0, le=1, description="L2 penalty on weights.")
    early_stopping_patience: int = Field(
        15, ge=0, le=1000, description="Stop after so many epochs without gain on the validation split; 0: never."
    )


class KMeans(_Seeded):
    algorithm: Literal["kmeans"] = Field("kmeans", exclude=True)
    n_clusters: int = Field(8, ge=2, le=1000, description="Number of clusters.")
    max_iter: int = Field(300, ge=1, le=100_000, description="Most iterations of one start.")
    n_init: int = Field(10, ge=1, le=100, description="Number of starts; the best is kept.")


class PCA(_Seeded):
    algorithm: Literal["pca"] = Field("pca", exclude=True)
    n_components: int = Field(2, ge=1, le=1000, description="Number of components kept.")


class DBSCAN(Section):
    algorithm: Literal["dbscan"] = Field("dbscan", exclude=True)
    eps: float = Field(0.5, gt=0, le=1_000_000, description="Greatest distance of neighbours, in scaled units.")
    min_samples: int = Field(5, ge=1, le=10_000, description="Neighbours that make a core point.")


class TSNE(_Seeded):
    algorithm: Literal["tsne"] = Field("tsne", exclude=True)
    n_components: int = Field(2, ge=1, le=3, description="Dimensions of the map.")
    perplexity: float = Field(30.0, gt=1, le=500, description="Effective number of neighbours.")
    learning_rate: float = Field(200.0, gt=0, le=10_000, description="Step size.")
    max_iter: int = Field(1000, ge=250, le=100_000, description="Most iterations.")


class _Gradient(_Seeded):
    epochs: int = Field(300, ge=1, le=1000, description="Passes over the training split.")
    batch_size: int = Field(32, ge=1, le=1024, description="Images or sweeps per step.")
    learning_rate: _Rate = Field(0.01, description="Step size. YOLOX states it per 64 images.")
    weight_decay: float = Field(0.0005, ge=0, le=1, description="L2 penalty on weights.")
    warmup_epochs: int = Field(5, ge=0, le=100, description="Epochs in which the step size grows from zero.")


class YOLOX(_Gradient):
    algorithm: Literal["yolox"] = Field("yolox", exclude=True)
    momentum: float = Field(0.9, ge=0, lt=1, description="Momentum of SGD.")
    mosaic_prob: float | None = Field(
        None, ge=0, le=1, description="Probability of joining four images; empty: 0.5 for Nano, else 1."
    )
    mixup_prob: float | None = Field(
        None, ge=0, le=1, description="Probability of blending two images; empty: 0 for Nano and Tiny, else 1."
    )
    no_aug_epochs: int = Field(
        15, ge=0, le=100, description="Last epochs without mosaic and MixUp; at most half of all epochs count."
    )
    multi_scale: bool = Field(True, description="Vary the input size by up to 160 pixels either way while training.")
    mixed_precision: bool = Field(True, description="Compute in 16 bits where the machine is faster with them.")
    ema_decay: float = Field(0.9998, ge=0, lt=1, description="Decay of the averaged weights; 0: no averaging.")
    evaluate_every: int = Field(10, ge=1, le=1000, description="Epochs between two looks at the validation split.")
    early_stopping_patience: int = Field(
        50, ge=0, le=1000, description="Stop after so many epochs without gain on the validation split; 0: never."
    )
    weights_uri: Annotated[str, StringConstraints(pattern=WEIGHTS_PATTERN, max_length=512)] | None = Field(
        None,
        title="Weights URI",
        description="Fine-tune from this checkpoint (`s3://bucket/key.pth` or `.safetensors`).",
    )
    weights_sha256: Annotated[str, StringConstraints(pattern=SHA256_PATTERN)] | None = Field(
        None, title="SHA-256 of the weights", description="What the checkpoint must hash to; needed with `weights_uri`."
    )


class PointPillars(_Gradient):
    algorithm: Literal["pointpillars"] = Field("pointpillars", exclude=True)
    voxel_size: _Rate = Field(0.16, description="Edge of a pillar in metres.")
    max_points_per_pillar: int = Field(32, ge=1, le=256, description="Points kept in a pillar.")


class MonoDETR(_Gradient):
    algorithm: Literal["monodetr"] = Field("monodetr", exclude=True)


class BEVFormer(_Gradient):
    algorithm: Literal["bevformer"] = Field("bevformer", exclude=True)


class _Reinforced(_Seeded):
    gamma: float = Field(0.99, ge=0, le=1, description="Discount of later rewards.")
    learning_rate: _Rate = Field(3e-4, description="Step size.")
    batch_size: int = Field(256, ge=1, le=65_536, description="Transitions per step.")
    total_timesteps: int = Field(1_000_000, ge=1, le=1_000_000_000, description="Steps taken in the environment.")


class PPO(_Reinforced):
    algorithm: Literal["ppo"] = Field("ppo", exclude=True)
    lambda_gae: float = Field(0.95, ge=0, le=1, description="Lambda of generalised advantage estimation.")
    epochs: int = Field(10, ge=1, le=1000, description="Passes over each batch of experience.")
    clip_range: float = Field(0.2, gt=0, le=1, description="How far a policy may move in one update.")
    entropy_coefficient: float = Field(0.0, ge=0, le=1, description="Weight of the entropy bonus.")


class DQN(_Reinforced):
    algorithm: Literal["dqn"] = Field("dqn", exclude=True)
    buffer_size: int = Field(100_000, ge=1, le=100_000_000, description="Transitions remembered.")
    target_update_interval: int = Field(10_000, ge=1, le=10_000_000, description="Steps between target updates.")
    exploration_fraction: float = Field(0.1, ge=0, le=1, description="Share of training with falling exploration.")


class A3C(_Reinforced):
    algorithm: Literal["a3c"] = Field("a3c", exclude=True)
    workers: int = Field(8, ge=1, le=256, description="Actors that learn side by side.")
    entropy_coefficient: float = Field(0.01, ge=0, le=1, description="Weight of the entropy bonus.")


Hyperparameters = (
    RandomForest | XGBoost | LogisticRegression | LinearRegression | NeuralNetwork | KMeans | PCA
    | DBSCAN | TSNE | YOLOX | PointPillars | MonoDETR | BEVFormer | PPO | DQN | A3C
)  # fmt: skip


Workload = Literal["tabular", "detection"]


@dataclass(frozen=True)
class Algorithm:
    title: str
    model_type: ModelType
    tasks: tuple[Task, ...]
    settings: type[Section]
    workload: Workload | None = None
    """The package of `workloads` that prepares, trains, validates and packages it; None: none can yet."""
    aliases: tuple[str, ...] = ()
    variants: Mapping[str, int] = field(default_factory=dict)
    """Size or flavour -> height and width of its input in pixels. Empty: `variant` is a label without effect."""
    usual_variant: str | None = None

    @property
    def name(self) -> str:
        return str(self.settings.model_fields["algorithm"].default)

    @property
    def setting_names(self) -> list[str]:
        return [name for name in self.settings.model_fields if name != "algorithm"]

    @property
    def has_workload(self) -> bool:
        return self.workload is not None

    @property
    def uses_images(self) -> bool:
        return "object_detection" in self.tasks or "object_detection_3d" in self.tasks


_BOTH: tuple[Task, ...] = ("classification", "regression")
_SUPERVISED: ModelType = "supervised_learning"
_UNSUPERVISED: ModelType = "unsupervised_learning"
_REINFORCEMENT: ModelType = "reinforcement_learning"
_YOLOX = {f"yolox-{size}": 416 if size in ("nano", "tiny") else 640 for size in ("nano", "tiny", "s", "m", "l", "x")}

_CATALOGUE = (
    Algorithm("Random Forest", _SUPERVISED, _BOTH, RandomForest, "tabular", ("rf", "randomforest")),
    Algorithm("XGBoost", _SUPERVISED, _BOTH, XGBoost, "tabular", ("xgb", "gradient_boosting")),
    Algorithm(
        "Logistic regression", _SUPERVISED, ("classification",), LogisticRegression, "tabular", ("logreg", "logistic")
    ),
    Algorithm(
        "Linear regression", _SUPERVISED, ("regression",), LinearRegression, "tabular", ("linreg", "linear", "ridge")
    ),
    Algorithm("Neural network (MLP)", _SUPERVISED, _BOTH, NeuralNetwork, "tabular", ("mlp", "nn", "neuralnetwork")),
    Algorithm("K-Means", _UNSUPERVISED, ("clustering",), KMeans, "tabular", ("k_means",)),
    Algorithm("PCA", _UNSUPERVISED, ("dimensionality_reduction",), PCA, "tabular", ("principal_component_analysis",)),
    Algorithm("DBSCAN", _UNSUPERVISED, ("clustering",), DBSCAN),
    Algorithm("t-SNE", _UNSUPERVISED, ("dimensionality_reduction",), TSNE, aliases=("t_sne",)),
    Algorithm("YOLOX", _SUPERVISED, ("object_detection",), YOLOX, "detection", (), _YOLOX, "yolox-s"),
    Algorithm("PointPillars", _SUPERVISED, ("object_detection_3d",), PointPillars, aliases=("point_pillars",)),
    Algorithm("MonoDETR", _SUPERVISED, ("object_detection_3d",), MonoDETR),
    Algorithm("BEVFormer", _SUPERVISED, ("object_detection_3d",), BEVFormer),
    Algorithm("PPO", _REINFORCEMENT, ("control",), PPO, aliases=("proximal_policy_optimization",)),
    Algorithm("DQN", _REINFORCEMENT, ("control",), DQN, aliases=("deep_q_network",)),
    Algorithm("A3C", _REINFORCEMENT, ("control",), A3C),
)

ALGORITHMS: dict[str, Algorithm] = {algorithm.name: algorithm for algorithm in _CATALOGUE}
WORKLOADS: tuple[str, ...] = tuple(name for name, algorithm in ALGORITHMS.items() if algorithm.has_workload)
"""Those that can run today."""

_BY_SPELLING = {spelling: name for name, algorithm in ALGORITHMS.items() for spelling in (name, *algorithm.aliases)}

SETTING_ALIASES = {
    "lr": "learning_rate", "eta": "learning_rate", "step_size": "learning_rate", "random_state": "seed",
    "random_seed": "seed", "num_round": "n_estimators", "num_rounds": "n_estimators",
    "num_boost_round": "n_estimators", "n_trees": "n_estimators", "num_trees": "n_estimators",
    "num_epochs": "epochs", "n_epochs": "epochs", "batch": "batch_size", "k": "n_clusters",
    "num_clusters": "n_clusters", "clusters": "n_clusters", "components": "n_components",
    "num_components": "n_components", "lambda": "reg_lambda", "l2": "reg_lambda", "colsample": "colsample_bytree",
    "hidden_layer_sizes": "hidden_layers", "hidden_units": "hidden_layers", "hidden_sizes": "hidden_layers",
    "patience": "early_stopping_patience", "max_iterations": "max_iter", "gae_lambda": "lambda_gae",
    "timesteps": "total_timesteps", "ent_coef": "entropy_coefficient", "num_workers": "workers",
    "mosaic": "mosaic_prob", "mixup": "mixup_prob", "ema": "ema_decay", "amp": "mixed_precision",
    "multiscale": "multi_scale", "eval_interval": "evaluate_every", "pretrained": "weights_uri",
    "pretrained_weights": "weights_uri", "weights": "weights_uri", "sha256": "weights_sha256",
}  # fmt: skip
"""Spellings of other libraries; one holds where the algorithm has the setting."""


def find_algorithm(name: str) -> Algorithm | None:
    """The algorithm a person means by `name`: `Random Forest`, `K-Means` and `mlp` are understood."""
    folded = re.sub(r"[\s_-]+", "_", name.strip().lower())
    return ALGORITHMS.get(_BY_SPELLING.get(folded, ""))


def variant_name(algorithm: Algorithm, written: str) -> str:
    """The variant a person means by `written`: `M`, `YOLOX_M` and `yolox-m` are one; else `written` itself."""
    folded = re.sub(r"[\s_-]+", "-", written.strip().lower())
    for name in (folded, f"{algorithm.name}-{folded}", folded.replace(algorithm.name, f"{algorithm.name}-", 1)):
        if name in algorithm.variants:
            return name
    return written


def setting_name(algorithm: Algorithm, written: str) -> str:
    """The canonical name of a hyperparameter; `written` itself where the algorithm knows no such thing."""
    for name in (written, SETTING_ALIASES.get(written, ""), written.lower()):
        if name in algorithm.setting_names:
            return name
    return written


def algorithms_with(setting: str) -> list[str]:
    """The algorithms that have a hyperparameter of this name or alias."""
    return [name for name, one in ALGORITHMS.items() if setting_name(one, setting) in one.setting_names]
