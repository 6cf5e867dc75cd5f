"""What a training leaves: weights, ONNX that answers alike, how to use it, how it came about."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workloads.contract import log, print_metrics, write_json
from workloads.detection.dataset import Frames
from workloads.detection.training.lesson import Lesson

if TYPE_CHECKING:
    from workloads.detection.training.trainer import Trainer

PARITY_FRAMES = 4


def write_product(folder: Path, features: Path, lesson: Lesson, trainer: Trainer) -> dict[str, Any]:
    """Everything SageMaker packs into the training job's `model.tar.gz`; returns the log."""
    from workloads.detection.training import curves
    from workloads.yolox.export import check_parity, to_onnx
    from workloads.yolox.network import build
    from workloads.yolox.weights import save_pth, save_safetensors

    folder.mkdir(parents=True, exist_ok=True)
    network = build(lesson.settings.variant.name, len(lesson.recipe["classes"]))
    network.load_state_dict(trainer.chosen_weights())
    network.eval()
    exported = to_onnx(network, lesson.settings.input_size)
    parity = check_parity(network, exported, _pictures(lesson.validation))
    files = {suffix: f"{lesson.stem}.{suffix}" for suffix in ("onnx", "pth", "safetensors")}
    (folder / files["onnx"]).write_bytes(exported)
    save_pth(network, folder / files["pth"])
    save_safetensors(network, folder / files["safetensors"])
    (folder / "features.json").write_bytes((features / "features.json").read_bytes())
    record = training_log(lesson, trainer, parity)
    write_json(folder / "signature.json", signature(lesson, files))
    write_json(folder / "hyperparameters.json", effective(lesson, trainer))
    write_json(folder / "training_log.json", record)
    title = (
        f"{lesson.settings.variant.name}, {len(lesson.frames)} frames, {record['seconds']:.0f} s on {record['device']}"
    )
    curves.draw(folder / "training_curves.png", record["curve"], title, trainer.progress.best_epoch)
    # SageMaker keeps the last value of each metric: those of the weights that are kept.
    print_metrics(trainer.progress.best_epoch, validation=record["metrics"])
    log("Trained", seconds=record["seconds"], kept_epoch=trainer.progress.best_epoch, parity=parity["max_abs_diff"],
        metrics=record["metrics"])  # fmt: skip
    return record


def _pictures(frames: Frames) -> np.ndarray:
    """(n, 3, H, W) float32: real pictures for the parity check, as the network wants them."""
    chosen = np.stack([frames.padded(place).image for place in range(min(PARITY_FRAMES, len(frames)))])
    return np.ascontiguousarray(chosen.transpose(0, 3, 1, 2), np.float32)


def training_log(lesson: Lesson, trainer: Trainer, parity: dict[str, Any]) -> dict[str, Any]:
    """`training_log.json`: what was learnt from, how long it took, how good it became."""
    progress, settings = trainer.progress, lesson.settings
    pictures = len(progress.history) * settings.steps_per_epoch * settings.batch_size
    return {
        "algorithm": "yolox", "variant": settings.variant.name, "task": lesson.recipe["task"],
        "seconds": round(progress.seconds, 3), "metrics": progress.best, "best_epoch": progress.best_epoch,
        "epochs": len(progress.history), "stopped_early": progress.stopped_early,
        "rows": {"train": len(lesson.frames), "validation": len(lesson.validation)},
        "objects": {"train": lesson.frames.truth.objects, "validation": lesson.validation.truth.objects},
        "images_per_second": round(pictures / max(progress.seconds, 1e-9), 2), "device": device_name(trainer),
        "processes": trainer.world.size, "precision": trainer.precision.name, "curve": progress.curve(),
        "parity": parity, "run_key": lesson.run.run_key, "dataset_version": lesson.run.dataset_version,
        "notes": list(settings.notes),
    }  # fmt: skip


def effective(lesson: Lesson, trainer: Trainer) -> dict[str, Any]:
    """`hyperparameters.json`: every setting with the value it had in the end."""
    recipe = lesson.augmentation
    return lesson.settings.as_dict() | {
        "mosaic_prob": recipe.mosaic_prob, "mixup_prob": recipe.mixup_prob, "augmentation": recipe.as_dict(),
        "precision": trainer.precision.name,
        "parameters": lesson.settings.variant.parameters(len(lesson.recipe["classes"])),
    }  # fmt: skip


def signature(lesson: Lesson, files: dict[str, str]) -> dict[str, Any]:
    """`signature.json`: what goes in, what comes out, and in which files the model is."""
    from workloads.yolox.export import INPUT, OUTPUT
    from workloads.yolox.variants import cells

    height, width = lesson.settings.input_size
    classes = list(lesson.recipe["classes"])
    return {
        "task": lesson.recipe["task"], "algorithm": "yolox", "variant": lesson.settings.variant.name,
        "classes": classes, "input_size": [height, width], "files": files,
        "inputs": [{"name": INPUT, "dtype": "float32", "shape": ["n", 3, height, width],
                    "content": "BGR, 0 to 255, letterboxed: scaled to fit, padded right and below with 114"}],
        "outputs": [{"name": OUTPUT, "dtype": "float32", "shape": ["n", cells((height, width)), 5 + len(classes)],
                     "content": "centre x, centre y, width, height in input pixels, objectness, class scores"}],
    }  # fmt: skip


def device_name(trainer: Trainer) -> str:
    """`cpu`, or the GPU's own name."""
    import torch

    return torch.cuda.get_device_name(trainer.device) if trainer.device.type == "cuda" else "cpu"
