"""Vector instructions that Numba has no word for, in LLVM's portable vectors: right on every processor.

Fast where the processor has masked stores and shuffles of 512 or 256 bits; others get several instructions for each.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16
"""Points that `take_apart` takes."""
BITS = 32
"""Cells that `changes` and `matches` look at."""
POINTS = 4
"""Points that `put` and `clear` write at most."""

_NUMBER, _SINGLE, _FLAG = ir.IntType(32), ir.FloatType(), ir.IntType(1)
_FOR_WRITING, _NEAR_ALL_CACHES, _DATA = 1, 3, 1
_WORDS = ir.VectorType(_NUMBER, 4 * POINTS)
_ZEROS = ir.Constant(_WORDS, None)


def _word(meaning: Any) -> Any:
    """An intrinsic, without the types of its declaration: calls lack its first parameter, which Numba gives."""
    return intrinsic(meaning)


@_word
def call_up(_: Any, array: types.Array, place: types.Integer) -> Any:
    """`call_up(array, place)`: the memory will be written soon. Only a hint; a place outside does no harm."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        hint = ir.FunctionType(ir.VoidType(), [byte, _NUMBER, _NUMBER, _NUMBER])
        function = cgutils.get_or_insert_function(builder.module, hint, "llvm.prefetch.p0")
        told = [_NUMBER(told) for told in (_FOR_WRITING, _NEAR_ALL_CACHES, _DATA)]
        there = _pointer(context, builder, signature.args[0], values[0], values[1], ir.IntType(8))
        builder.call(function, [there, *told])
        return context.get_dummy_value()

    return types.void(array, place), generate


@_word
def take_apart(_: Any, flat: types.Array, first: types.Integer, x: types.Array, y: types.Array, z: types.Array,
               place: types.Integer) -> Any:  # fmt: skip
    """`take_apart(flat, first, x, y, z, place)`: x, y and z of LANES points of four float32 that begin at `first`.

    Left to itself LLVM fetches every fourth number with a gather where the processor has one, which costs more than all
    that is computed with it.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
        row = _load(context, builder, signature.args[0], values[0], values[1], ir.VectorType(_SINGLE, 4 * LANES))
        for axis in range(3):
            every_fourth = ir.Constant(ir.VectorType(_NUMBER, LANES), [4 * lane + axis for lane in range(LANES)])
            part = builder.shuffle_vector(row, row, every_fourth)
            there = _pointer(context, builder, signature.args[2 + axis], values[2 + axis], values[5], part.type)
            builder.store(part, there, align=4)
        return context.get_dummy_value()

    return types.void(flat, first, x, y, z, place), generate


@_word
def changes(_: Any, cells: types.Array, place: types.Integer) -> Any:
    """`changes(cells, place)`: bit k is set where cells[place + k] differs from the one before; int32, k < BITS."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
        kind = ir.VectorType(_NUMBER, BITS)
        before = builder.sub(values[1], values[1].type(1))
        here, there = (_load(context, builder, signature.args[0], values[0], at, kind) for at in (values[1], before))
        return _bits(builder, builder.icmp_signed("!=", here, there))

    return types.uint64(cells, place), generate


@_word
def matches(_: Any, cells: types.Array, place: types.Integer, value: types.Integer) -> Any:
    """`matches(cells, place, value)`: bit k is set where cells[place + k] is `value`; int32, k < BITS."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
        here = _load(context, builder, signature.args[0], values[0], values[1], ir.VectorType(_NUMBER, BITS))
        return _bits(builder, builder.icmp_signed("==", here, _everywhere(builder, values[2], here.type)))

    return types.uint64(cells, place, value), generate


@_word
def lowest(_: Any, bits: types.Integer) -> Any:
    """`lowest(bits)`: the number of the lowest bit that is set; some bit is."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
        return builder.cttz(values[0], _FLAG(1))

    return types.uint64(types.uint64), generate


@_word
def put(_: Any, points: types.Array, first: types.Integer, target: types.Array, place: types.Integer,
        count: types.Integer) -> Any:  # fmt: skip
    """`put(points, first, target, place, count)`: copy min(count, POINTS) points of 16 bytes, all at once."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
        asked = _asked(builder, values[4])
        there = _pointer(context, builder, signature.args[0], values[0], values[1], _WORDS)
        kind = ir.FunctionType(_WORDS, [there.type, _NUMBER, asked.type, _WORDS])
        load = cgutils.get_or_insert_function(builder.module, kind, f"llvm.masked.load.v{_WORDS.count}i32.p0")
        row = builder.call(load, [there, _NUMBER(4), asked, _ZEROS])
        _store(context, builder, row, signature.args[2], values[2], values[3], asked)
        return context.get_dummy_value()

    return types.void(points, first, target, place, count), generate


@_word
def clear(_: Any, target: types.Array, place: types.Integer, count: types.Integer) -> Any:
    """`clear(target, place, count)`: zero min(count, POINTS) points of 16 bytes; none where count < 1."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
        _store(context, builder, _ZEROS, signature.args[0], values[0], values[1], _asked(builder, values[2]))
        return context.get_dummy_value()

    return types.void(target, place, count), generate


def _pointer(context: Any, builder: Any, array: Any, value: Any, place: Any, kind: Any) -> Any:
    first = context.make_array(array)(context, builder, value).data
    return builder.bitcast(builder.gep(first, [place]), kind.as_pointer())


def _load(context: Any, builder: Any, array: Any, value: Any, place: Any, kind: Any) -> Any:
    loaded = builder.load(_pointer(context, builder, array, value, place, kind))
    loaded.align = 4
    return loaded


def _store(context: Any, builder: Any, row: Any, array: Any, value: Any, place: Any, asked: Any) -> None:
    there = _pointer(context, builder, array, value, place, _WORDS)
    kind = ir.FunctionType(ir.VoidType(), [_WORDS, there.type, _NUMBER, asked.type])
    store = cgutils.get_or_insert_function(builder.module, kind, f"llvm.masked.store.v{_WORDS.count}i32.p0")
    builder.call(store, [row, there, _NUMBER(4), asked])


def _asked(builder: Any, count: Any) -> Any:
    """Which words belong to the first `count` points."""
    point = ir.Constant(_WORDS, [word // 4 for word in range(_WORDS.count)])
    return builder.icmp_signed("<", point, _everywhere(builder, count, _WORDS))


def _everywhere(builder: Any, number: Any, kind: Any) -> Any:
    undefined = ir.Constant(kind, ir.Undefined)
    narrow = builder.trunc(number, _NUMBER) if number.type.width > _NUMBER.width else number
    first = builder.insert_element(undefined, narrow, _NUMBER(0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(_NUMBER, kind.count), None))


def _bits(builder: Any, flags: Any) -> Any:
    return builder.zext(builder.bitcast(flags, ir.IntType(BITS)), ir.IntType(64))
