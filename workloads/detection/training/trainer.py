"""The training of a detector from the first step, or from where it was interrupted, to the chosen weights."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from workloads.augmentation.pipeline import Pipeline
from workloads.augmentation.recipe import Recipe
from workloads.contract import UserError, log, print_metrics
from workloads.detection.dataset import Frames
from workloads.detection.training.batches import Batch, epoch_order, prefetched
from workloads.detection.training.checkpoint import Checkpoints
from workloads.detection.training.evaluation import evaluate
from workloads.detection.training.interrupt import Interrupt, Interrupted
from workloads.detection.training.pace import Pace
from workloads.detection.training.precision import choose
from workloads.detection.training.settings import Settings
from workloads.detection.training.state import Progress
from workloads.detection.training.step import Agreement, is_number, loss_of, parts_of, size_at, to_device
from workloads.detection.training.world import World

if TYPE_CHECKING:
    from torch import nn

SAVE_EVERY_S = 600.0
"""Between checkpoints within an epoch; the end of each epoch has one anyway."""


class Trainer:
    """SGD with a warm-up cosine, averaged weights, and checkpoints from which it goes on exactly as it would have."""

    def __init__(self, network: nn.Module, frames: Frames, validation: Frames, settings: Settings, recipe: Recipe, *,
                 checkpoints: Checkpoints, world: World, interrupt: Interrupt, threads: int = 2) -> None:  # fmt: skip
        import torch

        from workloads.yolox.ema import ModelEma
        from workloads.yolox.optimiser import build_optimiser

        self.settings, self.recipe, self.world = settings, recipe, world
        self._frames, self._validation = frames, validation
        self._checkpoints, self._interrupt, self._threads = checkpoints, interrupt, threads
        self.device = world.device()
        self.precision = choose(self.device, settings.mixed_precision)
        self._scaler = self.precision.scaler(self.device)
        self._schedule = settings.schedule()
        self._agreement = Agreement(world)
        network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if world.size > 1 and self.device.type == "cuda":
            network = torch.nn.SyncBatchNorm.convert_sync_batchnorm(network)
        self._bare = network
        self._optimiser = build_optimiser(network, rate=settings.rate, momentum=settings.momentum,
                                          weight_decay=settings.weight_decay)  # fmt: skip
        self._ema = ModelEma(network, settings.ema_decay)
        self._best_weights: dict[str, Any] = {}
        self.progress = Progress()
        self._resume()
        self._model = self._wrapped(network)

    def run(self) -> None:
        """Train to the end, or until validation shows no gain for too long.

        Raises:
            Interrupted: SIGTERM came; the state is saved.
            UserError: the loss is no number.
        """
        progress = self.progress
        while progress.epoch < self.settings.epochs and not progress.stopped_early:
            begun, before = time.monotonic(), progress.seconds
            rate = self._epoch(begun)
            row = self._means() | self._evaluated(progress.epoch + 1)
            progress.seconds = before + time.monotonic() - begun
            progress.history.append(row)
            self._print(row, rate)
            progress.epoch, progress.step, progress.sums = progress.epoch + 1, 0, {}
            self._save()

    def chosen_weights(self) -> dict[str, Any]:
        """Those with the best validation metric."""
        return self._best_weights or self._ema.model.state_dict()

    @property
    def _taken(self) -> int:
        """Steps taken in all."""
        return self.progress.epoch * self.settings.steps_per_epoch + self.progress.step

    def _epoch(self, begun: float) -> float:
        """The steps of this epoch that are left; returns images per second."""
        progress, settings = self.progress, self.settings
        before, saved = progress.seconds, time.monotonic()
        pace = Pace(progress.epoch + 1, settings.epochs, settings.steps_per_epoch, progress.step, settings.batch_size,
                    self.world.first)  # fmt: skip
        self._model.train()
        for batch in self._batches():
            self._agreement.asked = self._interrupt.asked
            parts = self._learn(batch)
            progress.add(parts)
            progress.step += 1
            progress.seconds = before + time.monotonic() - begun
            pace.step(progress.step, parts["loss"])
            if self._agreement.stop:
                self._leave()
            if time.monotonic() - saved > SAVE_EVERY_S and progress.step < settings.steps_per_epoch:
                saved = time.monotonic()
                self._save()
        return pace.end(progress.step)

    def _batches(self) -> Iterator[Batch]:
        """What this process sees of the rest of this epoch."""
        settings, progress, frames = self.settings, self.progress, self._frames
        recipe = self.recipe if settings.composes(progress.epoch) else self.recipe.without_composition()
        pipeline = Pipeline(recipe, frames.load, len(frames), settings.input_size)
        order = epoch_order(len(frames), settings.batch_size, progress.epoch, settings.seed)
        mine = order[progress.step :, self.world.rank :: self.world.size]
        epoch = progress.epoch
        return prefetched(mine, lambda place: pipeline.sample(place, epoch, settings.seed), self._threads)

    def _learn(self, batch: Batch) -> dict[str, float]:
        from workloads.yolox.optimiser import set_rate

        settings = self.settings
        reach = settings.variant.multi_scale if settings.multi_scale else 0
        size = size_at(self._taken, settings.input_size, reach, settings.seed)
        images, targets = to_device(batch, size, self.device)
        set_rate(self._optimiser, self._schedule.rate_at(self._taken))
        loss = loss_of(self._model, images, targets, l1=not settings.composes(self.progress.epoch),
                       precision=self.precision, agreement=self._agreement)  # fmt: skip
        parts = parts_of(loss)
        if not is_number(parts):
            self._diverged(parts["loss"])
        self._optimiser.zero_grad(set_to_none=True)
        self._scaler.scale(loss.total).backward()
        self._scaler.step(self._optimiser)
        self._scaler.update()
        self._ema.update(self._bare)
        return parts

    def _diverged(self, loss: float) -> None:
        settings, progress = self.settings, self.progress
        raise UserError(
            f"hyperparameters.learning_rate: with {settings.learning_rate:g} (per 64 images; {settings.rate:g} for a "
            f"batch of {settings.batch_size}) training diverged in epoch {progress.epoch + 1}, step "
            f"{progress.step + 1}: the loss is {loss:g}; lower it, or raise warmup_epochs"
        )

    def _means(self) -> dict[str, float]:
        """`train:loss` … of the epoch, over all processes."""
        sums = self.progress.sums
        parts = self.settings.steps_per_epoch * self.world.size
        means = [value / parts for value in self.world.sum(*sums.values())]
        rate = self._schedule.rate_at(self._taken - 1)
        return {f"train:{name}": value for name, value in zip(sums, means, strict=True)} | {"train:learning_rate": rate}

    def _evaluated(self, epoch: int) -> dict[str, float]:
        """`validation:map_50` … where this epoch (from 1) is one to look; remembers the best weights."""
        progress, settings = self.progress, self.settings
        if epoch % settings.evaluate_every and epoch != settings.epochs:
            return {}
        self._share_statistics()
        metrics = evaluate(
            self._ema.model, self._validation, batch_size=max(1, settings.batch_size // self.world.size),
            device=self.device, precision=self.precision, world=self.world, threads=self._threads,
            stopped=lambda: self._interrupt.asked,
        )  # fmt: skip
        if metrics is None:
            self._leave()
            raise AssertionError("leaving raises")
        metrics = {name: float(value) for name, value in metrics.items()}
        if progress.is_better(metrics):
            progress.best, progress.best_epoch = metrics, epoch
            self._best_weights = {name: values.detach().cpu().clone()
                                  for name, values in self._ema.model.state_dict().items()}  # fmt: skip
        patience = settings.early_stopping_patience
        progress.stopped_early = bool(patience and epoch - progress.best_epoch >= patience)
        return {f"validation:{name}": value for name, value in metrics.items()}

    def _share_statistics(self) -> None:
        """Every process judges the same weights: the first one's running means and variances count."""
        if self.world.size > 1:
            import torch

            for values in self._ema.model.state_dict().values():
                torch.distributed.broadcast(values, 0)

    def _print(self, row: dict[str, float], images_per_second: float) -> None:
        if not self.world.first:
            return
        splits: dict[str, dict[str, float]] = {"train": {}, "validation": {}}
        for name, value in row.items():
            split, _, metric = name.partition(":")
            splits[split][metric] = value
        splits["train"]["images_per_second"] = images_per_second
        print_metrics(self.progress.epoch + 1, **splits)

    def _leave(self) -> None:
        path = self._save()
        if self.world.first:
            log("Interrupted; the state is saved", epoch=self.progress.epoch + 1, step=self.progress.step, file=path)
        raise Interrupted

    def _save(self) -> str:
        import torch

        if not self.world.first:
            return ""
        state = {
            "model": self._bare.state_dict(), "ema": self._ema.state_dict(), "optimiser": self._optimiser.state_dict(),
            "scaler": self._scaler.state_dict(), "progress": self.progress.as_dict(), "best": self._best_weights,
            "chance": torch.get_rng_state(),
        }  # fmt: skip
        # An epoch whose steps are done is one short of an epoch that is also evaluated.
        return self._checkpoints.save(state, self._taken + self.progress.epoch).name

    def _resume(self) -> None:
        import torch

        state = self._checkpoints.load()
        if state is None:
            return
        self._bare.load_state_dict(state["model"])
        self._ema.load_state_dict(state["ema"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._scaler.load_state_dict(state["scaler"])
        self.progress = Progress(**copy.deepcopy(state["progress"]))
        self._best_weights = state["best"]
        torch.set_rng_state(state["chance"])
        if self.world.first:
            log("Resumed from a checkpoint", epoch=self.progress.epoch + 1, step=self.progress.step)

    def _wrapped(self, network: nn.Module) -> nn.Module:
        if self.world.size == 1:
            return network
        from torch.nn.parallel import DistributedDataParallel

        return DistributedDataParallel(network, device_ids=[self.device.index] if self.device.type == "cuda" else None)
