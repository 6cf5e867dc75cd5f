"""Readers of .bin, .pcd and .ply: real files, files written here byte by byte, and files that lie."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workloads.kitti.mistakes import BadFile
from workloads.pointcloud import lzf
from workloads.pointcloud.files import read_cloud
from workloads.pointcloud.scan_file import ScanReader

DATA = Path(__file__).parents[4] / "shared" / "data"
FORMATS = DATA / "pointcloud_formats"
POINTS = np.array([[1.5, -2, 3, 0.25], [4, 5e-3, -6, 0.5], [0.1, 0, 7, 1]], np.float32)
PCD = """# .PCD v0.7
VERSION 0.7
FIELDS x y z intensity
SIZE 4 4 4 4
TYPE F F F F
COUNT 1 1 1 1
WIDTH 3
HEIGHT 1
VIEWPOINT 0 0 0 1 0 0 0
POINTS 3
DATA {}
"""
ROWS = "\n".join(" ".join(map(repr, map(float, row))) for row in POINTS) + "\n"
PLY = """ply
format {} 1.0
comment made here
element vertex 3
property float x
property float y
property float z
property float intensity
{}end_header
"""


def literals(plain: bytes) -> bytes:
    """LZF without any reference back."""
    parts = (plain[at : at + 32] for at in range(0, len(plain), 32))
    return b"".join(bytes([len(part) - 1]) + part for part in parts)


def compressed(points: np.ndarray = POINTS) -> bytes:
    plain = points.T.tobytes()
    return struct.pack("<II", len(literals(plain)), len(plain)) + literals(plain)


FILES = {
    "a.bin": POINTS.tobytes(),
    "ascii.pcd": (PCD.format("ascii") + ROWS).encode(),
    "binary.pcd": PCD.format("binary").encode() + POINTS.tobytes(),
    "compressed.pcd": PCD.format("binary_compressed").encode() + compressed(),
    "ascii.ply": (PLY.format("ascii", "") + ROWS).encode(),
    "little.ply": PLY.format("binary_little_endian", "").encode() + POINTS.tobytes(),
    "big.ply": PLY.format("binary_big_endian", "").encode() + POINTS.astype(">f4").tobytes(),
    "faces.ply": PLY.format("binary_little_endian", "element face 2\nproperty list uchar int vertex_indices\n").encode()
    + POINTS.tobytes() + struct.pack("<B3iB4i", 3, 0, 1, 2, 4, 0, 1, 2, 0),
}  # fmt: skip


@pytest.fixture
def write(tmp_path):
    def put(name: str, content: bytes | str) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return put


@pytest.mark.parametrize("name", FILES)
def test_each_format_gives_the_same_points(write, name):
    cloud = read_cloud(write(name, FILES[name]))
    np.testing.assert_array_equal(cloud.points, POINTS)
    assert cloud.points.dtype == np.float32
    assert cloud.intensity == "intensity"


@pytest.mark.parametrize("name", sorted(set(FILES) - {"a.bin"}))
def test_file_cut_anywhere_is_refused(write, name):
    """But for what follows the last number of a text: its line end, and digits nobody can miss."""
    content = FILES[name]
    spare = 4 if name.startswith("ascii") else 0
    for length in range(0, len(content) - spare, 3):
        with pytest.raises(BadFile):
            read_cloud(write(name, content[:length]))


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_file_gives_points_or_one_message(tmp_path_factory, data):
    name = data.draw(st.sampled_from(sorted(FILES)))
    content = bytearray(FILES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(content)
    said = None
    try:
        cloud = read_cloud(path)
    except BadFile as mistake:
        said = str(mistake)
    if said is None:
        assert cloud.points.shape[1] == 4
        assert np.isfinite(cloud.points).all()
    else:
        assert "\n" not in said


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("ascii.pcd", "WIDTH 3", "WIDTH 4", "line 10, field POINTS: 3 points, but WIDTH 4 x HEIGHT 1 are 4"),
        ("ascii.pcd", "SIZE 4 4 4 4", "SIZE 4 4 4", "line 4, field SIZE: 3 entries for 4 FIELDS"),
        ("ascii.pcd", "TYPE F F F F", "TYPE F F F X", "line 5, field TYPE: X 4 is no type"),
        ("ascii.pcd", "FIELDS x y z", "FIELDS x y w", "has no field z"),
        ("ascii.pcd", "FIELDS x y z", "FIELDS x x z", "'x' comes twice"),
        ("ascii.pcd", "WIDTH 3\n", "", "the header lacks WIDTH"),
        ("ascii.pcd", "DATA ascii", "DATA zipped", "line 11, field DATA: 'zipped'"),
        ("ascii.pcd", "1.5 -2.0 3.0", "1.5 -2.0", "line 12: 3 numbers; a point row has 4"),
        ("ascii.pcd", "1.5 -2.0 3.0", "1.5 -2.0 3.0 9", "line 12: 5 numbers"),
        ("ascii.pcd", "1.5 -2.0", "1.5 two", "line 12, field 2: 'two' is no number"),
        ("ascii.pcd", "1.5 -2.0", "1.5 1_0", "'1_0' is no number"),
        ("ascii.pcd", "7.0 1.0\n", "7.0 1.0\n\n1 2 3 4\n", "more rows follow"),
        (
            "ascii.pcd",
            "COUNT 1 1 1 1",
            "COUNT 1 1 1 1000000000",
            "3 points of 1,000,000,003 numbers; .* cannot hold them",
        ),
        ("ascii.pcd", "WIDTH 3", "WIDTH " + "9" * 5000, "line 7, field WIDTH: '9{40}'; whole numbers"),
        ("ascii.pcd", "TYPE F F F F", "TYPE F F F U", "field intensity: 0.25 given; uint32 holds whole numbers from 0"),
        ("ascii.ply", "float intensity", "uchar intensity", "field intensity: 0.25 given; uint8 .* from 0 to 255"),
        ("ascii.ply", "vertex 3", "vertex " + "9" * 5000, "line 4: .* no line of a PLY header"),
        ("ascii.ply", "vertex 3", "vertex 4", "the header says 4 vertex rows and the file ends after 3"),
        ("ascii.ply", "vertex 3", "vertex 2", "more rows follow"),
        ("ascii.ply", "property float x", "property float16 x", "line 5: .* is no property"),
        ("ascii.ply", "property float x", "property list uchar float x", "a vertex has a list"),
        ("ascii.ply", "format ascii 1.0", "format text 1.0", "line 2: .* no line of a PLY header"),
        ("ascii.ply", "element vertex", "element points", "no element vertex"),
        ("ascii.ply", "ply\n", "plx\n", "starts with 'plx'"),
    ],
)
def test_header_or_row_that_lies_is_named_with_its_line(write, name, old, new, words):
    text = FILES[name].decode()
    assert old in text
    with pytest.raises(BadFile, match=words):
        read_cloud(write(name, text.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.bin", b"", "no point"),
        ("a.bin", bytes(17), "17 bytes are no multiple of 16"),
        ("a.bin", np.full((2, 4), np.nan, "<f4").tobytes(), "all 2 points hold NaN"),
        ("a.bin", b"\x89PNG\r\n\x1a\n" + bytes(24), "is a PNG image"),
        ("a.bin", b"ply\nformat ascii" + bytes(16), "is a PLY file"),
        ("a.bin", np.full((1, 4), 1e30, "<f4").tobytes(), "these are no coordinates"),
        ("a.pcd", b"", "is empty"),
        ("a.pcd", b"\x89PNG\r\n\x1a\n", "no line of a PCD header"),
        ("a.pcd", PCD.format("ascii").replace("WIDTH 3", "WIDTH 0").replace("POINTS 3", "POINTS 0"), "holds no point"),
        ("a.pcd", PCD.format("binary").replace("3\n", "900000000000\n"), "the file is cut|it is cut"),
        ("a.pcd", PCD.format("ascii").replace("3\n", "900000000000\n"), "cannot hold them"),
        ("a.pcd", PCD.format("binary").encode() + POINTS.tobytes() + b"\0\0x", "3 bytes more follow"),
        ("a.ply", PLY.format("ascii", "").replace("vertex 3", "vertex 0"), "holds no point"),
        ("a.ply", FILES["little.ply"] + b"x", "1 bytes follow"),
        ("a.ply", b"ply\nformat binary_little_endian 1.0\nelement vertex 3\nend_header\n", "vertex has no property"),
        (
            "a.ply",
            FILES["little.ply"].replace(b"element", b"element a 99999999999999999999\nelement", 1),
            "line 4: .*999",
        ),
        ("a.ply", FILES["faces.ply"][:-1], "ends in row 2 of 2 of element face"),
        ("a.txt", b"1 2 3", "these formats are read"),
    ],
)
def test_bad_file_is_refused_and_says_why(write, name, content, words):
    with pytest.raises(BadFile, match=words):
        read_cloud(write(name, content))


def test_missing_file_and_folder_are_refused(tmp_path):
    (tmp_path / "b.pcd").mkdir()
    for path in (tmp_path / "a.bin", tmp_path / "a.ply", tmp_path / "b.pcd"):
        with pytest.raises(BadFile, match="cannot be read"):
            read_cloud(path)


def test_points_with_nan_are_dropped_and_counted_or_kept(write):
    points = POINTS.copy()
    points[1, 0] = np.nan
    path = write("a.bin", points.tobytes())
    cloud = read_cloud(path)
    np.testing.assert_array_equal(cloud.points, POINTS[[0, 2]])
    assert (cloud.not_finite, cloud.dropped) == (1, 1)
    kept = read_cloud(path, keep_not_finite=True)
    assert (len(kept.points), kept.not_finite, kept.dropped) == (3, 1, 0)


def test_nan_in_another_field_costs_no_point(write):
    """A colour packed into a float is NaN for some colours."""
    text = FILES["ascii.pcd"].decode().replace("intensity", "rgb").replace("0.25\n", "nan\n")
    cloud = read_cloud(write("a.pcd", text))
    assert len(cloud.points) == 3
    assert np.isnan(cloud.fields["rgb"][0])


def test_types_counts_and_padding_of_pcd(write):
    header = PCD.format("binary")
    for key, old, new in (("FIELDS", "x y z intensity", "x _ y z ring label"), ("SIZE", "4 4 4 4", "8 1 8 8 2 4"),
                          ("TYPE", "F F F F", "F U F F U I"), ("COUNT", "1 1 1 1", "1 3 1 1 1 2")):  # fmt: skip
        header = header.replace(f"{key} {old}", f"{key} {new}")
    rows = b"".join(struct.pack("<d3xddH2i", *point[:3], ring, -1, 7) for ring, point in enumerate(POINTS.tolist()))
    cloud = read_cloud(write("a.pcd", header.encode() + rows))
    np.testing.assert_array_equal(cloud.points[:, :3], POINTS[:, :3])
    np.testing.assert_array_equal(cloud.points[:, 3], 0)
    np.testing.assert_array_equal(cloud.fields["ring"], [0, 1, 2])
    np.testing.assert_array_equal(cloud.fields["label"], [[-1, 7]] * 3)
    assert cloud.fields["ring"].dtype == np.uint16


@pytest.mark.parametrize("with_padding", [True, False], ids=["compressed too", "left out, as by PCL"])
def test_padding_may_be_compressed_or_left_out(write, with_padding):
    header = PCD.format("binary_compressed")
    for key, old, new in (("FIELDS", "x y z intensity", "x _ y z intensity"), ("SIZE", "4", "4 2"),
                          ("TYPE", "F", "F U"), ("COUNT", "1", "1 3")):  # fmt: skip
        header = header.replace(f"{key} {old}", f"{key} {new}")
    x, *others = POINTS.T
    plain = x.tobytes() + (b"\xff" * 18 if with_padding else b"") + np.array(others).tobytes()
    content = header.encode() + struct.pack("<II", len(literals(plain)), len(plain)) + literals(plain)
    np.testing.assert_array_equal(read_cloud(write("a.pcd", content)).points, POINTS)


def test_header_may_have_tabs(write):
    text = FILES["ascii.pcd"].replace(b" ", b"\t")
    np.testing.assert_array_equal(read_cloud(write("a.pcd", text)).points, POINTS)


@pytest.mark.parametrize(
    ("given", "ok"), [("255", True), ("256", False), ("-1", False), ("1.5", False), ("nan", False)]
)
def test_text_that_does_not_fit_its_type_is_refused(write, given, ok):
    """Cut to eight bits, an intensity of 256 would be 0."""
    text = PLY.format("ascii", "").replace("float intensity", "uchar intensity") + f"1 2 3 {given}\n" * 3
    if ok:
        assert read_cloud(write("a.ply", text)).points[0].tolist() == [1, 2, 3, 255]
        return
    with pytest.raises(BadFile, match=r"a\.ply, field intensity: .* given; uint8 holds whole numbers from 0 to 255"):
        read_cloud(write("a.ply", text))


def test_largest_number_of_64_bits_is_read(write):
    """No float64 is that number; the next one is outside."""
    text = PLY.format("ascii", "").replace("float intensity", "uint64 t") + "1 2 3 18446744073709551615\n" * 3
    assert read_cloud(write("a.ply", text)).fields["t"].tolist() == [2**64 - 1] * 3


def test_elements_before_and_behind_the_vertices_are_walked_over(write):
    head = FILES["faces.ply"].split(b"element vertex")[0]
    lists = b"element face 1\nproperty list ushort short a\nproperty double b\n"
    vertices = b"element vertex 3\nproperty float x\nproperty float y\nproperty float z\nproperty uchar i\nend_header\n"
    face = struct.pack(">H2hd", 2, 5, 6, 7.0)
    rows = b"".join(struct.pack(">fffB", *point[:3], 9) for point in POINTS.tolist())
    head = head.replace(b"little", b"big")
    cloud = read_cloud(write("a.ply", head + lists + vertices + face + rows))
    np.testing.assert_array_equal(cloud.points[:, :3], POINTS[:, :3])
    assert cloud.points[:, 3].tolist() == [9, 9, 9]


def test_text_of_windows_with_blank_lines_is_read(write):
    for name in ("ascii.pcd", "ascii.ply"):
        content = b"\xef\xbb\xbf" + FILES[name].replace(b"\n0.1", b"\n\n  0.1").replace(b"\n", b"\r\n")
        np.testing.assert_array_equal(read_cloud(write(name, content)).points, POINTS)


HARD_NUMBERS = [1e-40, 123456789.123, 0.1, -0.0, 1e22, 5e-324]


@given(
    numbers=st.lists(st.floats(-1e6, 1e6, width=32) | st.sampled_from(HARD_NUMBERS), min_size=3, max_size=30),
    form=st.sampled_from(["{!r}", "{:.3f}", "{:e}", "{:.17g}", "{:+}"]),
)
@settings(max_examples=60, deadline=None)
def test_numbers_of_a_text_are_what_python_reads(tmp_path_factory, numbers, form):
    """To the last bit, in the double fields of a PLY."""
    header = "ply\nformat ascii 1.0\nelement vertex {}\nproperty float x\nproperty float y\nproperty float z\n"
    words = [form.format(number) for number in numbers]
    path = tmp_path_factory.getbasetemp() / "numbers.ply"
    rows = "".join(f"0 0 0 {word}\n" for word in words)
    path.write_text(header.format(len(words)) + "property double v\nend_header\n" + rows)
    values = read_cloud(path).fields["v"]
    assert [value.hex() for value in values.tolist()] == [float(word).hex() for word in words]


def test_lzf_copies_what_it_is_about_to_write():
    """'a', then 10 bytes from one place back; then a long reference of 7 + 255 + 2 bytes."""
    plain = np.empty(1 + 10 + 264, np.uint8)
    packed = np.frombuffer(bytes([0, 97, 7 << 5, 1, 0, 7 << 5, 255, 0]), np.uint8)
    assert lzf.decompress(packed, plain) == (lzf.FINE, 275)
    assert (plain == 97).all()


@pytest.mark.parametrize(
    ("packed", "status"),
    [([5, 1, 2], lzf.CUT), ([7 << 5], lzf.CUT), ([1 << 5], lzf.CUT), ([1 << 5, 0], lzf.BEFORE_START),
     ([0, 1, 7 << 5, 200, 0], lzf.TOO_LONG), ([31, *range(32)], lzf.TOO_LONG)],
)  # fmt: skip
def test_broken_lzf_is_noticed(packed, status):
    assert lzf.decompress(np.array(packed, np.uint8), np.empty(20, np.uint8))[0] == status


def test_reader_uses_one_buffer_for_all_scans(write):
    reader = ScanReader()
    first, _ = reader.read(write("a.bin", np.tile(POINTS, (10, 1)).tobytes()))
    second, _ = reader.read(write("b.bin", POINTS.tobytes()))
    assert np.shares_memory(first, second)
    np.testing.assert_array_equal(second, POINTS)


def test_parts_of_a_long_scan_are_the_scan(write):
    """40,000 points are two pieces; NaN in the second one, and a point that is none, are found where they are."""
    points = np.random.default_rng(0).uniform(-50, 50, (40_000, 4)).astype(np.float32)
    points[39_999, 1] = np.nan
    reader, path = ScanReader(), write("a.bin", points.tobytes())
    parts = [(part.copy(), wrong) for part, wrong in reader.parts(path)]
    np.testing.assert_array_equal(np.concatenate([part for part, _ in parts]), points)
    np.testing.assert_array_equal(reader.read(path)[0], points)
    assert [wrong for _, wrong in parts] == [0, 1]
    assert reader.read(path)[1] == 1
    points[20_000, 0] = -1e9
    with pytest.raises(BadFile, match=r"point 20000 lies 1e\+09 m away"):
        reader.read(write("b.bin", points.tobytes()))


def test_five_columns_are_read_by_name_or_by_ending(write):
    five = np.column_stack([POINTS, [3, 2, 1]]).astype(np.float32)
    by_ending = read_cloud(write("sweep.pcd.bin", five.tobytes()))
    by_name = read_cloud(write("sweep.bin", five.tobytes()), ("x", "y", "z", "intensity", "ring"))
    for cloud in (by_ending, by_name):
        np.testing.assert_array_equal(cloud.points, POINTS)
        np.testing.assert_array_equal(cloud.fields["ring"], [3, 2, 1])


def real(name: str) -> Path:
    if not (FORMATS / name).is_file():
        pytest.skip("shared/data/pointcloud_formats is not beside the project")
    return FORMATS / name


def test_real_files_hold_what_their_headers_say():
    expected = json.loads(real("expected.json").read_text())
    for name in ("ascii.pcd", "binary.pcd", "binary_compressed.pcd", "ascii_multi_count.pcd", "samp24-utm.pcd"):
        cloud = read_cloud(real(name))
        assert expected[name].items() <= cloud.header.items()
        assert len(cloud.points) == int(expected[name]["POINTS"])
    for name in ("diamond.ply", "diamond_ascii.ply", "diamond_with_bool.ply"):
        cloud = read_cloud(real(name))
        assert cloud.header == expected[name]["header"]
        np.testing.assert_allclose(cloud.points[:, :3].mean(axis=0), 0.5)


def test_real_encodings_of_one_cloud_agree():
    ascii_, binary, packed = (read_cloud(real(f"{name}.pcd")) for name in ("ascii", "binary", "binary_compressed"))
    np.testing.assert_array_equal(binary.points, packed.points)
    np.testing.assert_allclose(ascii_.points, binary.points, atol=1e-5)
    np.testing.assert_allclose(binary.points[:, :3].mean(axis=0), [0.0091, 0.1517, 0.0], atol=5e-5)


@pytest.mark.parametrize("name", ["ascii_empty.pcd", "ascii_invalid_header.pcd"])
def test_real_broken_files_are_refused(name):
    with pytest.raises(BadFile):
        read_cloud(real(name))
