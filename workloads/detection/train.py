"""`train`: a YOLOX detector from prepared frames; leaves weights, ONNX, its recipe, its signature and its curves."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workloads.augmentation.recipe import settle
from workloads.contract import Kind, Paths, Run, UserError, log, read_json
from workloads.detection.dataset import CACHE_BYTES, Frames
from workloads.detection.training import launch, world
from workloads.detection.training.checkpoint import Checkpoints
from workloads.detection.training.interrupt import Interrupt
from workloads.detection.training.lesson import Lesson
from workloads.detection.training.product import device_name, write_product
from workloads.detection.training.settings import DEFAULTS, Settings, fit_to, read_settings
from workloads.detection.training.world import World
from workloads.detection.truth import read as read_truth

if TYPE_CHECKING:
    from workloads.detection.training.trainer import Trainer
    from workloads.yolox.network import YOLOX


def main() -> int:
    paths = Paths.here()
    run = Run.read(paths.channel("run"))
    failure = paths.failure(Kind.TRAINING)
    processes = launch.wanted(os.environ, paths.base, pictures_of_a_step(run, paths.channel("train")))
    if processes:
        failure.unlink(missing_ok=True)
        return launch.run_all(launch.this_command(), processes)
    weights = paths.channel("weights")
    try:
        train(
            run, paths.channel("train"), paths.channel("validation"), paths.channel("features"), paths.model,
            checkpoints_folder=paths.base / "checkpoints", weights_folder=weights if weights.is_dir() else None,
        )  # fmt: skip
    except Exception as error:
        if "RANK" in os.environ:
            raise launch.as_told(error, failure) from error
        raise
    return 0


def pictures_of_a_step(run: Run, train_folder: Path) -> int:
    """The batch size, as far as there are frames for it; counted without reading any."""
    pictures = train_folder / "images"
    frames = len(os.listdir(pictures)) if pictures.is_dir() else 0
    return min(int(run.hyperparameters.get("batch_size", DEFAULTS["batch_size"])), frames)


def train(
    run: Run, train_folder: Path, validation_folder: Path, features_folder: Path, model_folder: Path, *,
    checkpoints_folder: Path, weights_folder: Path | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Train what `run` asks for and write the product to `model_folder`; returns `training_log.json`.

    Args:
        checkpoints_folder: where an interrupted training left its state, and this one leaves its own.
        weights_folder: holds the file of `weights_uri`.

    Raises:
        UserError: settings or data that cannot work, or a loss that is no number.
        Interrupted: SIGTERM came; the state is saved.
        ArithmeticError: the ONNX model does not answer as the network does.
    """
    import torch

    from workloads.detection.training.trainer import Trainer
    from workloads.yolox.network import build

    here = world.join()
    prepare_machine(here)
    lesson = read_lesson(run, train_folder, validation_folder, features_folder, here)
    torch.manual_seed(lesson.settings.seed)
    network = build(lesson.settings.variant.name, len(lesson.recipe["classes"]))
    anew = fine_tune(network, lesson.settings, weights_folder)
    with Interrupt() as interrupt:
        trainer = Trainer(
            network, lesson.frames, lesson.validation, lesson.settings, lesson.augmentation,
            checkpoints=Checkpoints(checkpoints_folder, lesson.identity), world=here, interrupt=interrupt,
            threads=picture_threads(here),
        )  # fmt: skip
        announce(lesson, trainer, anew)
        trainer.run()
    record = write_product(model_folder, features_folder, lesson, trainer) if here.first else {}
    here.gather(None)  # nobody leaves before the product is written
    world.leave()
    return record


def prepare_machine(here: World) -> None:
    """Settings of libraries that hold for the whole process."""
    import cv2
    import torch

    cv2.setNumThreads(1)  # pictures are made by our own threads, each alone
    # One core is left to them and to whatever else runs: threads of oneDNN wait for each other in busy loops, and on
    # a machine without a free core for each of them a step was seen to take seven times as long. On two cores there
    # are two processes of one thread instead, see `launch`.
    torch.set_num_threads(max(1, own_cores(here) - 1))
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False


def picture_threads(here: World) -> int:
    """Cores of this process for pictures; on a CPU the network needs them more."""
    per_process = own_cores(here)
    return min(16, per_process) if here.device().type == "cuda" else min(4, max(1, per_process // 2))


def own_cores(here: World) -> int:
    """Cores of this machine for each of the processes that train on it; at least one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // here.local_size)


def cache_bytes(here: World) -> int:
    """Memory of this process for scaled pictures: a quarter of the machine's in all, and CACHE_BYTES at most."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(CACHE_BYTES, memory // 4 // here.local_size)


def read_lesson(run: Run, train_folder: Path, validation_folder: Path, features_folder: Path, here: World) -> Lesson:
    """Data and settings, checked against each other. Raises UserError."""
    recipe = read_json(features_folder, "features.json")
    settings = read_settings(run, recipe)
    augmentation, notes = settle(settings.variant, run.spec.get("augmentation") or [], run.hyperparameters)
    frames, validation = (Frames(read_truth(folder, recipe["classes"]), settings.input_size,
                                 cache_bytes(here)) for folder in (train_folder, validation_folder))  # fmt: skip
    fitted = fit_to(replace(settings, notes=tuple(notes)), len(frames), here.size)
    for note in fitted.notes if here.first else ():
        log(note, level="WARNING")
    return Lesson(run, recipe, fitted, augmentation, frames, validation)


def fine_tune(network: YOLOX, settings: Settings, weights_folder: Path | None) -> list[str]:
    """Start from the file of `weights_uri`, if one is asked for; names of the layers that start anew.

    Raises:
        UserError: no such file, another hash, another network.
    """
    if not settings.weights_uri:
        return []
    from workloads.yolox.weights import load_checkpoint

    name = settings.weights_uri.rsplit("/", 1)[-1]
    path = (weights_folder or Path("weights")) / name
    if not path.is_file():
        raise UserError(f"hyperparameters.weights_uri: there is no {settings.weights_uri}")
    return load_checkpoint(path, settings.weights_sha256, network)


def announce(lesson: Lesson, trainer: Trainer, anew: list[str]) -> None:
    """What is about to happen, once."""
    if not trainer.world.first:
        return
    settings = lesson.settings
    log("Training starts", variant=settings.variant.name, input_size=settings.input_size, frames=len(lesson.frames),
        objects=lesson.frames.truth.objects, validation_frames=len(lesson.validation), epochs=settings.epochs,
        batch_size=settings.batch_size, steps=settings.steps, effective_learning_rate=settings.rate,
        device=device_name(trainer), precision=trainer.precision.name, processes=trainer.world.size,
        fine_tuned=bool(settings.weights_uri), layers_anew=anew)  # fmt: skip
