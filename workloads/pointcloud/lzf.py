"""LZF, the compression of PCD files. Source of the format: the description of lzf in LibLZF's README; own code."""

from __future__ import annotations

import numpy as np
from numba import njit

FINE, CUT, TOO_LONG, BEFORE_START = 0, 1, 2, 3


@njit(cache=True, nogil=True)
def decompress(packed: np.ndarray, plain: np.ndarray) -> tuple[int, int]:
    """Unpack uint8 `packed` into uint8 `plain`.

    A control byte below 32 is followed by that many bytes and one more, as they are. Else its upper three bits are a
    length (7: the next byte is added) and its lower five with the next byte a distance back, to copy length + 2 from.

    Returns:
        FINE or what is wrong, and how many bytes were written.
    """
    at, out = 0, 0
    while at < len(packed):
        control = np.int64(packed[at])
        at += 1
        if control < 32:
            length = control + 1
            if at + length > len(packed):
                return CUT, out
            if out + length > len(plain):
                return TOO_LONG, out
            for _ in range(length):
                plain[out] = packed[at]
                out += 1
                at += 1
            continue
        length = control >> 5
        if length == 7:
            if at >= len(packed):
                return CUT, out
            length += np.int64(packed[at])
            at += 1
        if at >= len(packed):
            return CUT, out
        source = out - (((control & 31) << 8) | np.int64(packed[at])) - 1
        at += 1
        length += 2
        if source < 0:
            return BEFORE_START, out
        if out + length > len(plain):
            return TOO_LONG, out
        for _ in range(length):  # byte by byte: the source may reach into what is being written
            plain[out] = plain[source]
            out += 1
            source += 1
    return FINE, out
