"""PLY: named elements of named properties; the points are those of `vertex`, all others are walked over.

Source: G. Turk, "The PLY Polygon File Format" (1994), with the sized type names that later tools write.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numba import njit

from workloads.kitti.mistakes import BadFile
from workloads.pointcloud import words
from workloads.pointcloud.cloud import PointCloud, from_fields

FORMATS = {"ascii": "=", "binary_little_endian": "<", "binary_big_endian": ">"}
TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4",
    "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "float32": "f4", "float64": "f8", "int64": "i8", "uint64": "u8", "bool": "u1",
}  # fmt: skip
LONGEST_HEADER = 1 << 20


@dataclass
class Property:
    name: str
    type: str
    """As `TYPES` says it, without byte order."""
    count_type: str | None = None
    """Of a list: the type of its length, which stands before it."""


@dataclass
class Element:
    name: str
    count: int
    properties: list[Property] = field(default_factory=list)

    @property
    def has_list(self) -> bool:
        return any(one.count_type for one in self.properties)


@dataclass(frozen=True)
class Header:
    format: str
    elements: list[Element]
    said: list[str]
    """The lines of format and elements, as they are written."""
    start: int
    line: int
    """Number of the line after the header."""


def read_ply(path: Path, content: np.ndarray) -> PointCloud:
    """A cloud out of the uint8 bytes of a PLY file.

    Raises:
        BadFile: the header is wrong or lies about the data, or there is no point.
    """
    header = read_header(path, content)
    vertex = next((one for one in header.elements if one.name == "vertex"), None)
    if vertex is None:
        raise BadFile(path, "has no element vertex; it is no point cloud")
    if not vertex.count:
        raise BadFile(path, "holds no point (element vertex 0)")
    if not vertex.properties:
        raise BadFile(path, "element vertex has no property; it is no point cloud")
    if vertex.has_list:
        raise BadFile(path, "a vertex has a list of numbers; only single numbers are read", field="vertex")
    reader = _read_ascii if header.format == "ascii" else _read_binary
    fields = reader(path, content, header)
    columns = {one.name: np.dtype(one.type).name for one in vertex.properties}
    return from_fields(fields, path, format=f"ply {header.format}", columns=columns, header=header.said)


def read_header(path: Path, content: np.ndarray) -> Header:
    """Raises BadFile: a line that is none of a PLY header, or its end is not there."""
    head = content[:LONGEST_HEADER].tobytes()
    elements: list[Element] = []
    said: list[str] = []
    form, at, line = "", words.begin_of(head), 0
    while True:
        if at >= len(head):
            raise BadFile(path, "the header ends without end_header; the file is cut, or no PLY", line=line or 1)
        end = head.find(b"\n", at)
        end = len(head) if end < 0 else end
        text = head[at:end].decode("ascii", "replace").strip()
        at, line = end + 1, line + 1
        parts = text.split()
        if line == 1:
            if text != "ply":
                raise BadFile(path, f"starts with {text[:20]!r}; a PLY starts with 'ply'", line=1)
        elif not parts or parts[0] in ("comment", "obj_info"):
            continue
        elif parts == ["end_header"]:
            break
        elif parts[0] == "format" and len(parts) == 3 and parts[1] in FORMATS and not form:
            form = parts[1]
            said.append(text)
        elif parts[0] == "element" and len(parts) == 3 and words.is_count(parts[2]):
            if any(one.name == parts[1] for one in elements):
                raise BadFile(path, f"element {parts[1]} comes twice", line=line)
            elements.append(Element(parts[1], int(parts[2])))
            said.append(text)
        elif parts[0] == "property" and elements:
            elements[-1].properties.append(_property(parts, elements[-1], path, line))
        else:
            raise BadFile(path, f"{text[:40]!r} is no line of a PLY header", line=line)
    if not form:
        raise BadFile(path, f"the header has no format ({', '.join(FORMATS)})")
    return Header(form, elements, said, at, line + 1)


def _property(parts: list[str], element: Element, path: Path, line: int) -> Property:
    types = [TYPES.get(word) for word in parts[1:-1] if word != "list"]
    is_list = parts[1:2] == ["list"]
    if len(parts) != (5 if is_list else 3) or None in types:
        known = ", ".join(sorted(TYPES))
        raise BadFile(path, f"{' '.join(parts)[:60]!r} is no property; the types are {known}", line=line)
    if any(one.name == parts[-1] for one in element.properties):
        raise BadFile(path, f"property {parts[-1]} comes twice", line=line)
    if is_list and types[0] in ("f4", "f8"):
        raise BadFile(path, "the length of a list is no whole number", line=line)
    return Property(parts[-1], str(types[-1]), str(types[0]) if is_list else None)


def _read_ascii(path: Path, content: np.ndarray, header: Header) -> dict[str, np.ndarray]:
    at, line = header.start, header.line
    fields: dict[str, np.ndarray] = {}
    for element in header.elements:
        if element.count * max(1, len(element.properties)) > len(content):
            raise BadFile(path, f"element {element.name}: {len(content):,} bytes cannot hold {element.count:,} rows")
        if element.name == "vertex":
            table, at, line = words.read_rows(
                content, at, line, element.count, len(element.properties), path, "vertex")  # fmt: skip
            for column, one in enumerate(element.properties):
                fields[one.name] = words.as_type(table[:, column], np.dtype(one.type), path, one.name)
            continue
        passed, at = _pass_lines(content, at, element.count)
        if passed < element.count:
            raise BadFile(path, f"the header says {element.count:,} {element.name} rows and {passed:,} are there; "
                          "the file is cut, or the header is wrong")  # fmt: skip
        line += passed
    if (content[at:] > 32).any():
        raise BadFile(path, "more rows follow than the header says")
    return fields


def _read_binary(path: Path, content: np.ndarray, header: Header) -> dict[str, np.ndarray]:
    order, at = FORMATS[header.format], header.start
    fields: dict[str, np.ndarray] = {}
    for element in header.elements:
        if element.has_list:
            layout = np.array([
                (np.dtype(one.count_type).itemsize if one.count_type else 0, np.dtype(one.type).itemsize)
                for one in element.properties
            ])  # fmt: skip
            passed, at = _pass_lists(content, at, element.count, layout, order == ">")
            if passed < element.count:
                raise BadFile(
                    path, f"the file ends in row {passed + 1:,} of {element.count:,} of element {element.name}; "
                    "it is cut, or the header is wrong")  # fmt: skip
            continue
        record = np.dtype([(one.name, order + one.type) for one in element.properties])
        needed = record.itemsize * element.count
        if len(content) - at < needed:
            raise BadFile(
                path, f"element {element.name}: the header says {element.count:,} rows, {needed:,} bytes; "
                f"{max(0, len(content) - at):,} are there: the file is cut, or the header is wrong")  # fmt: skip
        if element.name == "vertex":
            rows = content[at : at + needed].view(record)
            fields = {name: rows[name].astype(rows[name].dtype.newbyteorder("=")) for name in record.names or ()}
        at += needed
    if at < len(content):
        raise BadFile(path, f"{len(content) - at:,} bytes follow what the header describes")
    return fields


@njit(cache=True, nogil=True)
def _pass_lines(content: np.ndarray, at: int, rows: int) -> tuple[int, int]:
    """Pass over lines that are not blank: how many there were, at most `rows`, and the byte after them."""
    passed = 0
    while passed < rows and at < len(content):
        filled = False
        while at < len(content) and content[at] != 10:
            filled |= content[at] > 32
            at += 1
        at += 1
        passed += filled
    return passed, at


@njit(cache=True, nogil=True)
def _pass_lists(content: np.ndarray, at: int, rows: int, layout: np.ndarray, big: bool) -> tuple[int, int]:
    """Pass over rows with lists. `layout`: (properties, 2) bytes of the length before a list (0: none) and of an item.

    Returns:
        How many whole rows there are, and the byte after them.
    """
    for row in range(rows):
        place = at
        for one in range(len(layout)):
            length = np.int64(1)
            if layout[one, 0]:
                if place + layout[one, 0] > len(content):
                    return row, at
                length = np.int64(0)
                for byte in range(layout[one, 0]):
                    shift = layout[one, 0] - 1 - byte if big else byte
                    length |= np.int64(content[place + byte]) << (8 * shift)
                place += layout[one, 0]
                if length < 0 or length > len(content):
                    return row, at
            place += length * layout[one, 1]
            if place > len(content):
                return row, at
        at = place
    return rows, at
