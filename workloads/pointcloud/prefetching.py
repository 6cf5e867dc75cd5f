"""Memory asked for before it is needed, from within Numba's code."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

_FOR_WRITING, _KEEP, _DATA = 1, 3, 1
"""What LLVM's `prefetch` is told: it will be written, near all caches, no code."""


@intrinsic
def _prefetch(_: Any, array: types.Array, place: types.Integer) -> Any:
    """`prefetch(array, place)`: nothing but a hint; a place outside the array does no harm."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
        first = context.make_array(signature.args[0])(context, builder, values[0]).data
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        hint = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, hint, "llvm.prefetch.p0")
        told = [number(told) for told in (_FOR_WRITING, _KEEP, _DATA)]
        builder.call(function, [builder.bitcast(builder.gep(first, [values[1]]), byte), *told])
        return context.get_dummy_value()

    return types.void(array, place), generate


@njit(cache=True, nogil=True)
def call_up(marks: np.ndarray, cell_of: np.ndarray, count: int) -> None:
    """Bring the marks of a block's cells near, all at once: one after another each would be waited for.

    The grid is far larger than the caches, and most cells are met for the first time in a scan.
    """
    for number in range(count):
        cell = cell_of[np.uint64(number)]
        if cell >= 0:
            _prefetch(marks, np.int64(cell))  # type: ignore[call-arg, arg-type]  # Numba passes the context
