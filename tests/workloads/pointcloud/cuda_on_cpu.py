"""Kernels of voxels.cu on the processor: compiled as C++, one thread after another in a random order.

Threads that meet only in atomics give the same result in any order, which is what determinism means; kernels that
synchronised a block could not be run so. Every thread finds itself alone in its warp.
"""

from __future__ import annotations

import ctypes
import random
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workloads.pointcloud.cuda import SOURCE, THREADS

PREAMBLE = """
#include <cmath>
#define __global__
#define __device__ static
struct Index { int x, y; };
struct float4 { float x, y, z, w; };
struct int2 { int x, y; };
struct int4 { int x, y, z, w; };
static Index blockIdx, threadIdx, blockDim, gridDim;
static float4 __ldcs(const float4* at) { return *at; }
static void __stcs(float4* at, float4 value) { *at = value; }
static int __popc(unsigned int bits) { return __builtin_popcount(bits); }
static int __ffs(unsigned int bits) { return __builtin_ffs((int)bits); }
static unsigned int __activemask() { return 1u << threadIdx.x % 32; }
static unsigned int __match_any_sync(unsigned int active, int) { return active; }
static int __shfl_sync(unsigned int, int value, int) { return value; }
static unsigned int atomicOr(unsigned int* at, unsigned int more) { unsigned int was = *at; *at |= more; return was; }
static unsigned long long atomicAdd(unsigned long long* at, unsigned long long more) {
    unsigned long long was = *at; *at += more; return was;
}
static int atomicAdd(int* at, int more) { int was = *at; *at += more; return was; }
static int atomicMin(int* at, int other) { int was = *at; if (other < was) *at = other; return was; }
extern "C" void be(int x, int y, int thread, int threads, int width, int height) {
    blockIdx = {x, y}; threadIdx = {thread, 0}; blockDim = {threads, 1}; gridDim = {width, height};
}
"""


class Emulator:
    """`launch` for `CudaVoxelizer`, with arrays of NumPy."""

    def __init__(self, folder: Path, seed: int = 0) -> None:
        code, library = folder / "voxels.cpp", folder / "voxels.so"
        code.write_text(PREAMBLE + SOURCE.read_text(encoding="utf-8"), encoding="utf-8")
        warnings = ["-Wall", "-Wextra", "-Werror"]
        subprocess.run(["g++", "-O2", "-std=c++14", "-shared", "-fPIC", *warnings, code, "-o", library], check=True)
        self.kernels = ctypes.CDLL(str(library))
        self.order = random.Random(seed)

    def launch(self, name: str, grid: tuple[int, int], arguments: Sequence[Any]) -> None:
        kernel = getattr(self.kernels, name)
        given = [ctypes.c_void_p(one.ctypes.data) if isinstance(one, np.ndarray) else ctypes.c_int(int(one)) for one in
                 arguments]  # fmt: skip
        assert all(one.flags.c_contiguous for one in arguments if isinstance(one, np.ndarray))
        threads = [(x, y, t) for x in range(grid[0]) for y in range(grid[1]) for t in range(THREADS)]
        self.order.shuffle(threads)
        for x, y, thread in threads:
            self.kernels.be(x, y, thread, THREADS, *grid)
            kernel(*given)
