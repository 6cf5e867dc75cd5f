"""Where a detector's network runs: threads, batches and execution providers, from the environment.

| variable | default | meaning |
|---|---|---|
| `MLOPS_SERVING_PROVIDERS` | `tensorrt,cuda,cpu` | wanted, in this order; those that are absent are passed over |
| `MLOPS_SERVING_THREADS` | all cores | for one call of the network on the CPU |
| `MLOPS_SERVING_CALLS` | cores / threads | calls of the network at the same time; 1 on a GPU |
| `MLOPS_SERVING_BATCH` | 1, on a GPU 8 | most waiting images that are joined into one call |
| `MLOPS_SERVING_QUEUE` | 64 | requests under way; more are told 503 |
| `MLOPS_SERVING_CACHE` | `/tmp/engines` | where TensorRT keeps what it built |

All cores for one call give the shortest answer; `MLOPS_SERVING_THREADS=1` the most answers, since threads of one
call wait for each other. On the CPU a batch costs as much as its images one by one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NAMES = {"tensorrt": "TensorrtExecutionProvider", "cuda": "CUDAExecutionProvider", "cpu": "CPUExecutionProvider"}
_ON_GPU = ("tensorrt", "cuda")


@dataclass(frozen=True)
class Settings:
    """How the networks of one server run."""

    providers: tuple[str, ...] = ("cpu",)
    """Words of NAMES, all present."""
    threads: int = 1
    calls: int = 1
    batch: int = 1
    queue: int = 64
    workers: int = 3
    """Threads that decode, call and answer."""
    cache: str = "/tmp/engines"  # noqa: S108  the container's only writable folder

    @classmethod
    def of(cls, environment: Mapping[str, str], available: Sequence[str], cores: int | None = None) -> Settings:
        """
        Args:
            available: onnxruntime's names of what it was built with.
            cores: that may be used; None: asked of the system.

        Raises:
            ValueError: a variable holds what cannot be.
        """
        cores = cores or usable_cores()
        wanted = environment.get("MLOPS_SERVING_PROVIDERS", "tensorrt,cuda,cpu").replace(" ", "").split(",")
        if unknown := [word for word in wanted if word not in NAMES]:
            raise ValueError(f"MLOPS_SERVING_PROVIDERS: {unknown[0]!r} is unknown; there are {', '.join(NAMES)}")
        providers = tuple(word for word in dict.fromkeys(wanted) if NAMES[word] in available)
        if not providers:
            raise ValueError(f"MLOPS_SERVING_PROVIDERS: none of {', '.join(wanted)} is in this onnxruntime")
        on_gpu = providers[0] in _ON_GPU
        threads = _whole(environment, "THREADS", cores)
        calls = _whole(environment, "CALLS", 1 if on_gpu else max(1, cores // threads))
        batch = _whole(environment, "BATCH", 8 if on_gpu else 1)
        queue, cache = _whole(environment, "QUEUE", 64), environment.get("MLOPS_SERVING_CACHE", cls.cache)
        return cls(providers, threads, calls, batch, queue, max(cores, calls * batch) + 2, cache)


def _whole(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(f"MLOPS_SERVING_{name}", str(default))
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 1024):
        raise ValueError(f"MLOPS_SERVING_{name}: {text!r} given; give a whole number from 1 to 1024")
    return int(text)


def usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def chain(settings: Settings, *, precision: str, input_size: tuple[int, int], fixed: bool) -> list[Any]:
    """Providers and their options for one network, as onnxruntime takes them.

    Args:
        precision: `fp32`, `fp16` or `int8`: what the file was made with. TensorRT may compute no less exactly.
        fixed: `images` is the only input; TensorRT is told how many images may come, lest it builds an engine for
            each number. A network with further inputs runs on CUDA.
    """
    height, width = input_size
    options: dict[str, Any] = {
        "tensorrt": {
            "trt_engine_cache_enable": True, "trt_engine_cache_path": settings.cache,
            "trt_timing_cache_enable": True, "trt_fp16_enable": precision == "fp16",
            "trt_int8_enable": precision == "int8",
            "trt_profile_min_shapes": f"images:1x3x{height}x{width}",
            "trt_profile_opt_shapes": f"images:1x3x{height}x{width}",
            "trt_profile_max_shapes": f"images:{max(settings.batch, 16)}x3x{height}x{width}",
        },
    }  # fmt: skip
    words = [word for word in settings.providers if fixed or word != "tensorrt"] or ["cpu"]
    return [(NAMES[word], options[word]) if word in options else NAMES[word] for word in words]


def open_session(network: bytes, settings: Settings, providers: Sequence[Any]) -> Any:
    """An onnxruntime session. Raises what onnxruntime raises."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = settings.threads, 1
    options.log_severity_level = 4  # what fails is raised, and logged by us as JSON
    # Spinning threads take the cores that decode the next image: twice the CPU for no gain.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(network, options, providers=list(providers))
