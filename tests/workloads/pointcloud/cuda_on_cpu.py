"""Kernels of voxels.cu on the processor: compiled as C++; blocks, and the threads of a block, in a random order.

A thread is a coroutine: it runs until its warp or its block has to meet, and then chance says who goes on. So threads
exchange values as on a GPU, and what depends on their order shows. It is an error when a thread does not come to a
meeting, because it has ended or is at another one.
"""

from __future__ import annotations

import ctypes
import random
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workloads.pointcloud.cuda import SOURCE

BEFORE = """
#include <cmath>
#include <cstdlib>
#include <ucontext.h>
#include <utility>
#include <vector>
#define __global__
#define __device__ static
#define __shared__ static
#define __restrict__
struct Index { int x, y; };
struct float4 { float x, y, z, w; };
struct int2 { int x, y; };
struct int4 { int x, y, z, w; };
static Index blockIdx, threadIdx, blockDim, gridDim;

enum State { READY, AT_WARP, AT_BLOCK, ENDED };
struct Thread {
    ucontext_t context;
    std::vector<char> stack;
    State state;
    unsigned long long given, got[32];
};
static std::vector<Thread> threads;
static std::vector<int> ready;
static ucontext_t chooser;

// The last of `count` threads from `first` on lets all go on, with what the others of a warp gave.
static void meet(State where, int first, int count) {
    const int me = threadIdx.x;
    threads[me].state = where;
    bool all = true;
    for (int other = first; other < first + count; ++other) all = all && threads[other].state == where;
    for (int other = first; all && other < first + count; ++other) {
        threads[other].state = READY;
        for (int lane = 0; where == AT_WARP && lane < count; ++lane)
            threads[other].got[lane] = threads[first + lane].given;
        ready.push_back(other);
    }
    swapcontext(&threads[me].context, &chooser);
}

static const unsigned long long* of_warp(unsigned int mask, unsigned long long given) {
    if (mask != 0xffffffffu) abort();
    threads[threadIdx.x].given = given;
    meet(AT_WARP, threadIdx.x / 32 * 32, 32);
    return threads[threadIdx.x].got;
}

static void __syncthreads() { meet(AT_BLOCK, 0, blockDim.x); }
static unsigned int equal_to(const unsigned long long* got, unsigned long long value) {
    unsigned int lanes = 0;
    for (int lane = 0; lane < 32; ++lane) lanes |= (unsigned int)(got[lane] == value) << lane;
    return lanes;
}
static unsigned int __match_any_sync(unsigned int mask, int value) {
    return equal_to(of_warp(mask, (unsigned int)value), (unsigned int)value);
}
static unsigned int __ballot_sync(unsigned int mask, bool holds) { return equal_to(of_warp(mask, holds), 1); }
static int __shfl_sync(unsigned int mask, int value, int lane) { return (int)of_warp(mask, (unsigned int)value)[lane]; }
template <class T> static T __shfl_up_sync(unsigned int mask, T value, int step) {
    const unsigned long long* got = of_warp(mask, (unsigned long long)value);
    const int lane = threadIdx.x % 32;
    return (T)got[lane < step ? lane : lane - step];
}
static float4 __ldcs(const float4* at) { return *at; }
static void __stcs(float4* at, float4 value) { *at = value; }
static int __popc(unsigned int bits) { return __builtin_popcount(bits); }
static int __ffs(unsigned int bits) { return __builtin_ffs((int)bits); }
static int atomicAdd(int* at, int more) { int was = *at; *at += more; return was; }
static int atomicMin(int* at, int other) { int was = *at; if (other < was) *at = other; return was; }
"""
AFTER = """
static void (*body)(const long long*);
static const long long* arguments;

static void live() {
    body(arguments);
    threads[threadIdx.x].state = ENDED;
}

extern "C" bool run_block(int x, int y, int count, int width, int height) {
    blockIdx = {x, y}, blockDim = {count, 1}, gridDim = {width, height};
    threads.resize(count);
    for (int thread = 0; thread < count; ++thread) {
        Thread& one = threads[thread];
        one.state = READY;
        one.stack.resize(1 << 15);
        getcontext(&one.context);
        one.context.uc_stack.ss_sp = one.stack.data();
        one.context.uc_stack.ss_size = one.stack.size();
        one.context.uc_link = &chooser;
        makecontext(&one.context, live, 0);
        ready.push_back(thread);
    }
    while (!ready.empty()) {
        std::swap(ready[rand() % ready.size()], ready.back());
        threadIdx = {ready.back(), 0};
        ready.pop_back();
        swapcontext(&chooser, &threads[threadIdx.x].context);
    }
    bool all = true;
    for (const Thread& one : threads) all = all && one.state == ENDED;
    return all;
}

template <class... P, size_t... I>
static void call(void (*kernel)(P...), const long long* given, std::index_sequence<I...>) { kernel((P)given[I]...); }
template <class... P> static void call(void (*kernel)(P...), const long long* given) {
    call(kernel, given, std::index_sequence_for<P...>());
}
#define CHOOSE(kernel) \\
    extern "C" void choose_##kernel(const long long* given, int seed) { \\
        body = [](const long long* each) { call(kernel, each); }; \\
        arguments = given; \\
        srand(seed); \\
    }
"""


class Emulator:
    """`launch` for `CudaVoxelizer`, with arrays of NumPy."""

    def __init__(self, folder: Path, seed: int = 0) -> None:
        source = SOURCE.read_text(encoding="utf-8")
        kernels = re.findall(r"__global__ void (\w+)\(", source)
        code, library = folder / "voxels.cpp", folder / "voxels.so"
        code.write_text(BEFORE + source + AFTER + "".join(f"CHOOSE({name})\n" for name in kernels), encoding="utf-8")
        warnings = ["-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"]
        subprocess.run(["g++", "-O2", "-std=c++14", "-shared", "-fPIC", *warnings, code, "-o", library], check=True)
        self.compiled = ctypes.CDLL(str(library))
        self.compiled.run_block.restype = ctypes.c_bool
        self.order = random.Random(seed)

    def launch(self, name: str, grid: tuple[int, int], threads: int, arguments: Sequence[Any]) -> None:
        assert all(one.flags.c_contiguous for one in arguments if isinstance(one, np.ndarray))
        words = [one.ctypes.data if isinstance(one, np.ndarray) else int(one) for one in arguments]
        given = (ctypes.c_longlong * len(words))(*words)
        getattr(self.compiled, f"choose_{name}")(given, self.order.getrandbits(31))
        blocks = [(x, y) for x in range(grid[0]) for y in range(grid[1])]
        self.order.shuffle(blocks)
        for x, y in blocks:
            assert self.compiled.run_block(x, y, threads, *grid), f"{name}: threads wait for some that never come"
