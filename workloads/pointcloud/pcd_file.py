"""PCD: a header of lines, then rows as text, as records, or compressed field by field.

Source: Point Cloud Library, "The PCD (Point Cloud Data) file format" (versions .6 and .7).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workloads.kitti.mistakes import BadFile
from workloads.pointcloud import lzf, words
from workloads.pointcloud.cloud import PointCloud, from_fields

KEYS = ("VERSION", "FIELDS", "SIZE", "TYPE", "COUNT", "WIDTH", "HEIGHT", "VIEWPOINT", "POINTS", "DATA")
TYPES = {("F", 4): "<f4", ("F", 8): "<f8"} | {(kind, size): f"<{kind.lower()}{size}" for kind in "IU"
                                             for size in (1, 2, 4, 8)}  # fmt: skip
LONGEST_HEADER = 1 << 16
PADDING = "_"
"""Name of fields that only fill a record."""
_LZF_SAYS = {
    lzf.CUT: "the compressed data end in the middle of a block",
    lzf.TOO_LONG: "the compressed data hold more than the header says",
    lzf.BEFORE_START: "the compressed data refer to bytes before their start",
}


@dataclass(frozen=True)
class Header:
    """The header as it is written, and what follows from it."""

    said: dict[str, str]
    names: list[str]
    types: list[np.dtype]
    counts: list[int]
    points: int
    start: int
    """First byte of the data."""
    line: int
    """Number of the line after the header."""

    @property
    def data(self) -> str:
        return self.said["DATA"].lower()

    @property
    def row_bytes(self) -> int:
        return sum(kind.itemsize * count for kind, count in zip(self.types, self.counts, strict=True))

    @property
    def used_bytes(self) -> int:
        """Those of `row_bytes` that are no padding."""
        rows = zip(self.names, self.types, self.counts, strict=True)
        return sum(kind.itemsize * count for name, kind, count in rows if name != PADDING)


def read_pcd(path: Path, content: np.ndarray) -> PointCloud:
    """A cloud out of the uint8 bytes of a PCD file.

    Raises:
        BadFile: the header is wrong or lies about the data, or there is no point.
    """
    header = read_header(path, content)
    if not header.points:
        raise BadFile(path, "holds no point (POINTS 0)")
    reader = {"ascii": _read_ascii, "binary": _read_binary, "binary_compressed": _read_compressed}.get(header.data)
    if reader is None:
        reason = f"{header.said['DATA']!r}; ascii, binary or binary_compressed are known"
        raise BadFile(path, reason, line=header.line - 1, field="DATA")
    fields = reader(path, content, header)
    columns = {name: f"{kind.kind.upper()}{kind.itemsize}" + (f" x {count}" if count > 1 else "") for name, kind, count
               in zip(header.names, header.types, header.counts, strict=True) if name != PADDING}  # fmt: skip
    return from_fields(fields, path, format=f"pcd {header.data}", columns=columns, header=header.said)


def read_header(path: Path, content: np.ndarray) -> Header:
    """Raises BadFile: a line that is none of a header, a missing key, or numbers that do not agree."""
    head = content[:LONGEST_HEADER].tobytes()
    said: dict[str, str] = {}
    lines: dict[str, int] = {}
    at, line = words.begin_of(head), 0
    while "DATA" not in said:
        if at >= len(head):
            raise BadFile(path, "the header ends without DATA; the file is cut, or no PCD", line=line or 1)
        end = head.find(b"\n", at)
        end = len(head) if end < 0 else end
        text = head[at:end].decode("ascii", "replace").strip()
        at, line = end + 1, line + 1
        if not text or text.startswith("#"):
            continue
        key, rest = (*text.split(maxsplit=1), "")[:2]
        key = {"COLUMNS": "FIELDS"}.get(key.upper(), key.upper())
        if key not in KEYS:
            raise BadFile(path, f"{text[:40]!r} is no line of a PCD header", line=line)
        if key in said:
            raise BadFile(path, "the line comes twice", line=line, field=key)
        said[key], lines[key] = rest.strip(), line
    if lacking := [key for key in ("FIELDS", "SIZE", "TYPE", "WIDTH", "HEIGHT") if key not in said]:
        raise BadFile(path, f"the header lacks {', '.join(lacking)}")
    return _understood(path, said, lines, at, line + 1)


def _understood(path: Path, said: dict[str, str], lines: dict[str, int], start: int, line: int) -> Header:
    def numbers(key: str, least: int) -> list[int]:
        values = said[key].split()
        if not all(words.is_count(value) and int(value) >= least for value in values):
            raise BadFile(
                path, f"{said[key][:40]!r}; whole numbers from {least} are needed", line=lines[key], field=key
            )
        return [int(value) for value in values]

    names = said["FIELDS"].split()
    sizes, kinds = numbers("SIZE", 1), said["TYPE"].upper().split()
    counts = numbers("COUNT", 1) if "COUNT" in said else [1] * len(names)
    for key, values in (("SIZE", sizes), ("TYPE", kinds), ("COUNT", counts)):
        if len(values) != len(names):
            raise BadFile(path, f"{len(values)} entries for {len(names)} FIELDS", line=lines.get(key), field=key)
    unknown = [f"{kind} {size}" for kind, size in zip(kinds, sizes, strict=True) if (kind, size) not in TYPES]
    if unknown:
        raise BadFile(path, f"{unknown[0]} is no type (F 4 8, I and U 1 2 4 8)", line=lines["TYPE"], field="TYPE")
    double = [name for name in names if name != PADDING and names.count(name) > 1]
    if double:
        raise BadFile(path, f"{double[0]!r} comes twice", line=lines["FIELDS"], field="FIELDS")
    area = 1
    for key in ("WIDTH", "HEIGHT"):
        values = numbers(key, 0)
        if len(values) != 1:
            raise BadFile(path, f"{said[key]!r}; one number is needed", line=lines[key], field=key)
        area *= values[0]
    given = numbers("POINTS", 0) if "POINTS" in said else [area]
    if given != [area]:
        raise BadFile(
            path, f"{said['POINTS']} points, but WIDTH {said['WIDTH']} x HEIGHT {said['HEIGHT']} are {area:,}",
            line=lines["POINTS"], field="POINTS")  # fmt: skip
    types = [np.dtype(TYPES[kind, size]) for kind, size in zip(kinds, sizes, strict=True)]
    return Header(said, names, types, counts, area, start, line)


def _read_ascii(path: Path, content: np.ndarray, header: Header) -> dict[str, np.ndarray]:
    columns = sum(header.counts)
    if header.points * columns > len(content):  # do not ask for the memory of a header that lies
        raise BadFile(path, f"the header says {header.points:,} points of {columns:,} numbers; {len(content):,} bytes "
                      "cannot hold them")  # fmt: skip
    table, at, line = words.read_rows(content, header.start, header.line, header.points, columns, path, "point")
    rest = content[at:]
    if (rest > 32).any():
        raise BadFile(path, f"the header says {header.points:,} points, and more rows follow", line=line)
    fields, column = {}, 0
    for name, kind, count in zip(header.names, header.types, header.counts, strict=True):
        if name != PADDING:
            values = table[:, column : column + count]
            fields[name] = words.as_type(values if count > 1 else values[:, 0], kind, path, name)
        column += count
    return fields


def _read_binary(path: Path, content: np.ndarray, header: Header) -> dict[str, np.ndarray]:
    data = content[header.start :]
    _check_size(path, len(data), header.points * header.row_bytes, header)
    if (data[header.points * header.row_bytes :] != 0).any():  # zeros: PCL writes whole pages of memory
        raise BadFile(
            path, f"the header says {header.points:,} points of {header.row_bytes} bytes, and "
            f"{len(data) - header.points * header.row_bytes:,} bytes more follow")  # fmt: skip
    names: list[str] = []
    formats: list[Any] = []
    offsets: list[int] = []
    at = 0
    for name, kind, count in zip(header.names, header.types, header.counts, strict=True):
        if name != PADDING:
            names.append(name)
            offsets.append(at)
            formats.append((kind, (count,)) if count > 1 else kind)
        at += kind.itemsize * count
    record = np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": header.row_bytes})
    rows = data[: header.points * header.row_bytes].view(record)
    return {name: rows[name] for name in names}


def _read_compressed(path: Path, content: np.ndarray, header: Header) -> dict[str, np.ndarray]:
    data = content[header.start :]
    if len(data) < 8:
        raise BadFile(path, "ends before the two sizes of the compressed data; the file is cut")
    packed, plain = (int(size) for size in data[:8].view("<u4"))
    # PCL leaves padding out of what it compresses, other tools compress whatever the header names.
    padded = plain == header.points * header.row_bytes
    if not padded and plain != header.points * header.used_bytes:
        raise BadFile(
            path, f"the compressed data say {plain:,} bytes; {header.points:,} points of {header.row_bytes} bytes are "
            f"{header.points * header.row_bytes:,}")  # fmt: skip
    _check_size(path, len(data) - 8, packed, header, "compressed data")
    if plain > 300 * max(packed, 1):  # three bytes become at most 264: do not ask for the memory of a header that lies
        raise BadFile(path, f"{packed:,} compressed bytes cannot hold {plain:,}")
    if (data[8 + packed :] != 0).any():
        raise BadFile(path, f"{len(data) - 8 - packed:,} bytes follow the compressed data")
    unpacked = np.empty(plain, np.uint8)
    status, written = lzf.decompress(data[8 : 8 + packed], unpacked)
    if status != lzf.FINE:
        raise BadFile(path, f"{_LZF_SAYS[status]} (at byte {written:,} of {plain:,})")
    if written != plain:
        raise BadFile(path, f"the compressed data hold {written:,} bytes of {plain:,}")
    fields, at = {}, 0
    for name, kind, count in zip(header.names, header.types, header.counts, strict=True):
        size = header.points * kind.itemsize * count
        if name != PADDING:
            values = unpacked[at : at + size].view(kind)
            fields[name] = values.reshape(-1, count) if count > 1 else values
        at += size if padded or name != PADDING else 0
    return fields


def _check_size(path: Path, there: int, needed: int, header: Header, what: str = "data") -> None:
    if there < needed:
        raise BadFile(
            path, f"the header says {header.points:,} points, {needed:,} bytes of {what}; the file has {there:,}: "
            "it is cut, or the header is wrong")  # fmt: skip
