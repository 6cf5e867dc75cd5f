"""What must hold between fields. Works on plain data, so that one bad field does not hide another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mlops.spec import metrics
from mlops.spec.algorithms import Algorithm, find_algorithm, variant_name
from mlops.spec.complete import asked_metrics, derived_task, is_number
from mlops.spec.values import MODEL_TYPES, fold
from mlops.spec.words import listed, shown

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Broken:
    """One rule that does not hold, and the field to mend."""

    path: Path
    code: str
    message: str
    remedy: str

    @property
    def field(self) -> str:
        return dotted(self.path)


def dotted(path: Path) -> str:
    """`("evaluation", "metrics", 2)` is `evaluation.metrics[2]`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def broken_rules(data: dict[str, Any]) -> list[Broken]:
    """Every rule that `data` breaks. `data` has canonical field names; its values may still be wrong."""
    algorithm = find_algorithm(data["algorithm"]) if isinstance(data.get("algorithm"), str) else None
    return [broken for rule in _RULES for broken in rule(data, algorithm)]


Found = Iterator[Broken]


def _part(data: dict[str, Any], *path: str) -> Any:
    value: Any = data
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _algorithm_fits_model_type(data: dict[str, Any], algorithm: Algorithm | None) -> Found:
    kind = _kind(data)
    if algorithm and kind and kind != algorithm.model_type:
        message = f"does not fit {algorithm.name}, which is {algorithm.model_type} (got {shown(kind)})."
        yield Broken(("model_type",), "incompatible", message, f"Write `model_type: {algorithm.model_type}`.")


def _kind(data: dict[str, Any]) -> str | None:
    written = data.get("model_type")
    kind = MODEL_TYPES.get(fold(written), fold(written)) if isinstance(written, str) else None
    return kind if kind in MODEL_TYPES.values() else None


def _task(data: dict[str, Any]) -> str | None:
    task = fold(data["task"]) if isinstance(data.get("task"), str) else None
    return task if task in metrics.PRIMARY else None


def _algorithm_fits_task(data: dict[str, Any], algorithm: Algorithm | None) -> Found:
    task = _task(data)
    if algorithm and task and task not in algorithm.tasks:
        message = f"does not fit {algorithm.name}, which does {listed(algorithm.tasks, 'and')} (got {shown(task)})."
        yield Broken(("task",), "incompatible", message, "Choose another algorithm, or leave `task` out.")


def _variant_exists(data: dict[str, Any], algorithm: Algorithm | None) -> Found:
    variant = data.get("variant")
    if (
        algorithm
        and algorithm.variants
        and isinstance(variant, str)
        and (variant_name(algorithm, variant) not in algorithm.variants)
    ):
        choices = listed(algorithm.variants)
        yield Broken(("variant",), "unknown_value", f"must be {choices} (got {shown(variant)}).", f"Write {choices}.")


def _metrics_fit_task(data: dict[str, Any], algorithm: Algorithm | None) -> Found:
    evaluation = data.get("evaluation")
    task = _task(data)
    if task is None:
        task = derived_task(algorithm.tasks, evaluation) if algorithm else None
    elif algorithm and task not in algorithm.tasks:
        return  # the task itself is reported
    possible = (task,) if task else algorithm.tasks if algorithm else ()
    if algorithm is None or not asked_metrics(evaluation):
        return
    for path, name in _named_metrics(evaluation):
        metric = metrics.find(name)
        if metric and not any(metric.fits(one) for one in possible):
            known = listed([fit.name for one in possible for fit in metrics.of_task(one)], "and")
            message = f"{metric.name} is a metric of {listed(metric.tasks, 'and')}, not of {listed(possible)}."
            yield Broken(path, "wrong_task", message, f"Choose from {known}.")
    yield from _one_task_only(evaluation, possible)


def _one_task_only(evaluation: Any, possible: tuple[str, ...]) -> Found:
    """Metrics of classification beside metrics of regression: each may fit, together they cannot."""
    if len(possible) < 2:
        return
    left = set(possible)
    for path, name in _named_metrics(evaluation):
        metric = metrics.find(name)
        if not metric or not any(metric.fits(one) for one in possible):
            continue
        fitting = {one for one in left if metric.fits(one)}
        if not fitting:
            message = f"{metric.name} is a metric of {listed(metric.tasks, 'and')}, the metrics before it are not."
            yield Broken(path, "wrong_task", message, "Keep the metrics of one task, or write `task`.")
        left = fitting or left


def _named_metrics(evaluation: Any) -> Iterator[tuple[Path, str]]:
    for part in ("metrics", "thresholds"):
        names = _part(evaluation, part) if isinstance(evaluation, dict) else None
        if isinstance(names, (list, tuple)):
            yield from (
                (("evaluation", part, place), name) for place, name in enumerate(names) if isinstance(name, str)
            )
        elif isinstance(names, dict):
            yield from ((("evaluation", part, name), name) for name in names)


def _thresholds_in_range(data: dict[str, Any], _: Algorithm | None) -> Found:
    thresholds = _part(data, "evaluation", "thresholds")
    for name, limit in thresholds.items() if isinstance(thresholds, dict) else ():
        metric = metrics.find(name)
        if not metric or not is_number(limit):
            continue
        if (metric.low is not None and limit < metric.low) or (metric.high is not None and limit > metric.high):
            span = _span(metric.low, metric.high)
            hint = f" Write {limit / 100:g} for {limit:g} %." if metric.high == 1 and 2 <= limit <= 100 else ""
            message = f"must be a number {span} (got {shown(limit)})."
            yield Broken(("evaluation", "thresholds", name), "out_of_range", message, f"Choose a number {span}.{hint}")


def _span(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"from {low:g} to {high:g}"
    return f"of at least {low:g}" if low is not None else f"of at most {high:g}"


def _splits_add_up(data: dict[str, Any], _: Algorithm | None) -> Found:
    splits = _part(data, "dataset", "splits")
    given = {part: _part(splits, part) for part in ("train", "validation", "test")} if isinstance(splits, dict) else {}
    written = {part for part, value in given.items() if value is not None}
    given = {part: value for part, value in given.items() if is_number(value) and value > 0}
    where: Path = ("dataset", "splits")
    counted = [part for part, value in given.items() if value > 1]
    if counted and len(counted) < len(given):
        message = f"mixes shares and numbers of rows ({', '.join(f'{p} {v:g}' for p, v in given.items())})."
        yield Broken(where, "inconsistent", message, "Write shares below 1 everywhere, or numbers of rows everywhere.")
    elif counted and not {"train", "validation"} <= written:
        yield Broken(where, "inconsistent", "must name train and validation where one is a number of rows.", "Add it.")
    elif counted and sum(given.values()) == 100:
        shares = ", ".join(f"{part} {value / 100:g}" for part, value in given.items())
        yield Broken(where, "inconsistent", "adds up to 100, and percents are not read.", f"Write shares: {shares}.")
    elif not counted and (1 in given.values() or ("train" not in given and sum(given.values()) >= 1)):
        whole = next((part for part, value in given.items() if value == 1), "validation")
        others = listed([part for part in ("train", "validation", "test") if part not in given], "and")
        message = f"leaves no rows for {others}."
        yield Broken((*where, whole), "out_of_range", message, "Lower it, e.g. train 0.7, validation 0.15, test 0.15.")
    elif not counted and sum(given.values()) > 1 + 1e-9:
        total = f"{sum(given.values()):g}"
        yield Broken(where, "out_of_range", f"must add up to at most 1 (got {total}).", "Lower a share.")
    for part in counted:
        if given[part] != int(given[part]):
            message = f"must be a share below 1 or a whole number of rows (got {shown(given[part])})."
            yield Broken((*where, part), "out_of_range", message, "Write a share such as 0.8.")


def _classes_differ(data: dict[str, Any], algorithm: Algorithm | None) -> Found:
    where: Path = ("dataset", "classes")
    classes = _part(data, "dataset", "classes")
    words = [str(word) for word in classes] if isinstance(classes, (list, tuple)) else []
    for place, word in enumerate(words):
        if word in words[:place]:
            yield Broken((*where, place), "duplicate_key", f"names {shown(word)} a second time.", "Keep one of them.")
        # Cells of a table are told apart by case; what a detector finds is named by people.
        elif _is_detector(algorithm) and word.lower() in (before.lower() for before in words[:place]):
            message = f"names {shown(word)} a second time (case does not matter)."
            yield Broken((*where, place), "duplicate_key", message, "Keep one of them.")
    # A detector may look for cars alone; telling classes apart takes two.
    if algorithm and "classification" in algorithm.tasks and len(set(words)) == 1:
        yield Broken(where, "out_of_range", "must name at least 2 classes (got 1).", "Add one, or leave `classes` out.")


def _ensemble_differs(data: dict[str, Any], _: Algorithm | None) -> Found:
    """Its members are joined once the model is trained: too late to learn of a slip."""
    versions = _part(data, "deployment", "ensemble")
    names = [str(one).removeprefix("v") for one in versions] if isinstance(versions, (list, tuple)) else []
    for place, name in enumerate(names):
        if name in names[:place]:
            message = f"names {shown(versions[place])} a second time."
            yield Broken(("deployment", "ensemble", place), "duplicate_key", message, "Keep one of them.")


def _scaling_is_possible(data: dict[str, Any], _: Algorithm | None) -> Found:
    where: Path = ("deployment", "auto_scaling")
    scaling = _part(data, "deployment", "auto_scaling")
    least, most = _part(data, *map(str, where), "min_instances"), _part(data, *map(str, where), "max_instances")
    least = 1 if least is None else least
    most = 1 if most is None else most
    if isinstance(scaling, dict) and is_number(least) and is_number(most) and least > most >= 1:
        message = f"must not be above max_instances (got {shown(least)}, with max_instances {shown(most)})."
        yield Broken(
            (*where, "min_instances"), "out_of_range", message, f"Choose 1 to {shown(most)}, or raise the other."
        )
    targets = ("target_latency_ms", "target_invocations_per_instance")
    if all(_part(data, *map(str, where), target) is not None for target in targets):
        message = f"is one target too many: {listed(targets, 'and')} exclude each other."
        yield Broken((*where, targets[1]), "inconsistent", message, "Keep one of them.")


_OF_IMAGES: tuple[tuple[str, ...], ...] = (
    ("augmentation",),
    *(("preprocessing", name) for name in (
        "input_size", "masking", "similar_classes", "dont_care", "max_bad_share", "points")),
    *(("deployment", name) for name in (
        "precision", "max_accuracy_drop", "score_threshold", "max_latency_ms", "min_agreement", "ensemble")),
)  # fmt: skip


def _only_for_images(data: dict[str, Any], algorithm: Algorithm | None) -> Found:
    for path in _OF_IMAGES:
        if algorithm and not algorithm.uses_images and _part(data, *path) not in (None, (), []):
            message = f"is for images; {algorithm.name} learns from tables or a simulator."
            yield Broken(path, "not_for_algorithm", message, "Remove it.")


def _test_dataset_is_possible(data: dict[str, Any], algorithm: Algorithm | None) -> Found:
    """Another table's rows would need this one's cleaning and encoding. Splits of frames are known by their data."""
    where: Path = ("evaluation", "test_dataset")
    elsewhere, own = _part(data, "evaluation", "test_dataset"), _part(data, "dataset", "name")
    is_table = algorithm is not None and algorithm.workload == "tabular"
    if algorithm and is_table and isinstance(elsewhere, str) and elsewhere not in (own, OWN_TEST_SPLIT):
        message = f"{shown(elsewhere)} cannot be used with {algorithm.name} yet."
        remedy = "Leave it out, and the model is judged on the sealed test split of its own dataset."
        yield Broken(where, "not_for_algorithm", message, remedy)


OWN_TEST_SPLIT = "test"


STRIDE = 32
"""Of the coarsest grid of a detector: its input is a whole number of those cells."""
LARGEST_SIDE = 4096
"""Pixels of a detector's input."""


def _input_in_whole_cells(data: dict[str, Any], algorithm: Algorithm | None) -> Found:
    size = _part(data, "preprocessing", "input_size")
    where: Path = ("preprocessing", "input_size")
    sides = list(size) if isinstance(size, (list, tuple)) else []
    if not _is_detector(algorithm) or not sides:
        return
    if len(sides) != 2:
        message = f"must be a list of 2 whole numbers, height and width (got {shown(sides)})."
        yield Broken(where, "out_of_range", message, "Write the two of them, such as [640, 640].")
    # What is no side at all is reported by itself.
    elif all(type(side) is int and STRIDE <= side <= LARGEST_SIDE for side in sides) and any(s % STRIDE for s in sides):
        near = [round(side / STRIDE) * STRIDE for side in sides]
        message = f"must be multiples of {STRIDE} (got {sides})."
        yield Broken(where, "out_of_range", message, f"Write {near}.")


def _is_detector(algorithm: Algorithm | None) -> bool:
    return algorithm is not None and algorithm.workload == "detection"


def _points_range_is_possible(data: dict[str, Any], _: Algorithm | None) -> Found:
    for name in ("range_m", "grid_m"):
        span = _part(data, "preprocessing", "points", name)
        if not isinstance(span, (list, tuple)) or len(span) != 6 or not all(map(is_number, span)):
            continue
        for axis, low, high in zip("xyz", span[::2], span[1::2], strict=True):
            if low >= high:
                message = f"must run from low to high in {axis} (got {shown(low)} to {shown(high)})."
                remedy = "Write x, y and z in turn, the lower value first: [0, 70, -40, 40, -3, 1]."
                yield Broken(("preprocessing", "points", name), "out_of_range", message, remedy)


def _weights_are_proved(data: dict[str, Any], _: Algorithm | None) -> Found:
    """A checkpoint is code's neighbour: what is loaded must be what was meant."""
    uri, sha256 = (_part(data, "hyperparameters", name) for name in ("weights_uri", "weights_sha256"))
    if uri is not None and sha256 is None:
        message = "needs weights_sha256 beside it, so that nothing else is ever loaded."
        yield Broken(("hyperparameters", "weights_uri"), "missing_field", message, "Add what `sha256sum` prints of it.")
    if sha256 is not None and uri is None:
        yield Broken(
            ("hyperparameters", "weights_sha256"), "inconsistent", "says nothing without weights_uri.", "Add it."
        )


def _data_or_simulator(data: dict[str, Any], algorithm: Algorithm | None) -> Found:
    kind = algorithm.model_type if algorithm else _kind(data)
    if kind is None:
        return
    driven = kind == "reinforcement_learning"
    needed = ("environment", "agent") if driven else ("dataset",)
    for section in needed:
        if data.get(section) is None:
            yield Broken(
                (section,), "missing_field", f"is needed for {kind}.", f"Write its fields indented below `{section}:`."
            )
    if driven:
        return
    for path in _OF_SIMULATORS:
        if _part(data, *path):
            message = f"belongs to reinforcement_learning, not to {kind}."
            yield Broken(path, "not_for_algorithm", message, "Remove it.")


_OF_SIMULATORS: tuple[tuple[str, ...], ...] = (
    ("environment",),
    ("agent",),
    ("reward_function",),
    ("evaluation", "episodes"),
    ("evaluation", "success_criteria"),
)


def _action_ranges(data: dict[str, Any], _: Algorithm | None) -> Found:
    actions = _part(data, "agent", "action")
    for name, span in actions.items() if isinstance(actions, dict) else ():
        if isinstance(span, (list, tuple)) and len(span) == 2 and all(map(is_number, span)) and span[0] >= span[1]:
            message = f"must run from low to high (got {shown(span[0])} to {shown(span[1])})."
            yield Broken(("agent", "action", name), "out_of_range", message, "Write the lower value first.")


_RULES: tuple[Callable[[dict[str, Any], Algorithm | None], Found], ...] = (
    _algorithm_fits_model_type,
    _algorithm_fits_task,
    _variant_exists,
    _metrics_fit_task,
    _thresholds_in_range,
    _splits_add_up,
    _classes_differ,
    _ensemble_differs,
    _scaling_is_possible,
    _only_for_images,
    _test_dataset_is_possible,
    _input_in_whole_cells,
    _points_range_is_possible,
    _weights_are_proved,
    _data_or_simulator,
    _action_ranges,
)
