"""One body for NumPy and CuPy: the array module comes from the input, the device from the machine."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

Array = Any
"""A `numpy.ndarray` or a `cupy.ndarray`; mypy knows no type for both."""


def array_namespace(*arrays: Array) -> ModuleType:
    """The module of the arrays, `numpy` or `cupy`; plain numbers and lists count as NumPy's.

    Raises:
        TypeError: the arrays lie on different sides: moving one of them must be somebody's decision.
    """
    names = {type(array).__module__.partition(".")[0] for array in arrays if hasattr(array, "__array_ufunc__")}
    if "cupy" in names:
        if len(names) > 1:
            raise TypeError("one array lies on the GPU and one does not; move one of them first")
        return sys.modules["cupy"]
    return np


def to_host(array: Array) -> np.ndarray:
    """As a NumPy array; a copy from the GPU waits for its work."""
    return array if isinstance(array, np.ndarray) else array.get()


@dataclass(frozen=True)
class Device:
    """Where arrays are computed, and the reason."""

    xp: ModuleType
    name: str
    reason: str

    @property
    def is_gpu(self) -> bool:
        return self.xp is not np


def device() -> Device:
    """The GPU where CuPy finds one it can use, else the processor; `reason` says why."""
    if importlib.util.find_spec("cupy") is None:
        return Device(np, "cpu", "CuPy is not installed (requirements-gpu.txt)")
    try:
        import cupy

        count = cupy.cuda.runtime.getDeviceCount()
        name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
        cupy.arange(2).sum().item()  # a driver that is too old is found only by a first piece of work
    except Exception as wrong:  # CuPy raises its own, CUDA's and the loader's errors
        return Device(np, "cpu", f"CuPy finds no GPU it can use: {type(wrong).__name__}: {wrong}".splitlines()[0])
    return Device(cupy, name, f"CuPy {cupy.__version__} sees {count} GPU(s)")
