import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.augmentation.affine import AffineRanges, draw_matrix, placed, random_affine, warp_boxes, warp_into
from workloads.augmentation.frame import Frame, clip


def frame_of(size, boxes=(), classes=None):
    boxes = np.float32(boxes).reshape(-1, 4)
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    return Frame(image, boxes, np.zeros(len(boxes), np.int64) if classes is None else np.int64(classes))


def test_ranges_of_nothing_only_move_the_middle_to_the_middle():
    matrix = draw_matrix(AffineRanges(), (100, 200), (50, 60), np.random.default_rng(0))
    np.testing.assert_allclose(matrix, [[1, 0, 30 - 100], [0, 1, 25 - 50]])


def test_quarter_turn_turns_a_box_by_hand():
    """Rotation by 90 degrees counter-clockwise in image axes: (x, y) -> (y, 100 - x) in a 100 x 100 picture."""
    matrix = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 100.0]])
    np.testing.assert_allclose(warp_boxes([[10, 20, 30, 60]], matrix), [[20, 70, 60, 90]])


@given(seed=st.integers(0, 2**32), x=st.floats(0, 200), y=st.floats(0, 100))
def test_every_point_of_a_box_stays_in_its_box(seed, x, y):
    rng = np.random.default_rng(seed)
    matrix = draw_matrix(AffineRanges(10, 2, 0.1, (0.1, 2)), (100, 200), (64, 96), rng)
    ((left, top, right, bottom),) = warp_boxes([[0, 0, 200, 100]], matrix)
    moved = matrix @ [x, y, 1]
    assert left - 1e-3 <= moved[0] <= right + 1e-3
    assert top - 1e-3 <= moved[1] <= bottom + 1e-3


def test_placed_scales_and_shifts_before_the_matrix():
    matrix = placed(np.array([[2.0, 0, 5], [0, 3, 7]]), (0.5, 0.25), (10, 20))
    np.testing.assert_allclose(matrix @ [4, 8, 1], [2 * (0.5 * 4 + 10) + 5, 3 * (0.25 * 8 + 20) + 7])


def test_warp_by_whole_pixels_copies_and_leaves_the_rest():
    image = frame_of((4, 5)).image
    out = np.full((8, 9, 3), 7, np.uint8)
    warp_into(out, image, np.array([[1.0, 0, 2], [0, 1, 3]]))
    # OpenCV leaves pixels that would mix with the outside: the last row and column of the source.
    np.testing.assert_array_equal(out[3:6, 2:6], image[:3, :4])
    out[3:7, 2:7] = 7
    assert (out == 7).all()


def test_warp_follows_the_boxes():
    """A white rectangle on black: after the warp its bright pixels lie in its warped box, and fill most of it."""
    image = np.zeros((120, 160, 3), np.uint8)
    image[30:70, 40:100] = 255
    matrix = draw_matrix(AffineRanges(0, 0, 0.1, (0.6, 0.6)), (120, 160), (96, 128), np.random.default_rng(3))
    out = np.zeros((96, 128, 3), np.uint8)
    warp_into(out, image, matrix)
    rows, columns = np.nonzero(out[..., 0] > 127)
    seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(warp_boxes([[40, 30, 100, 70]], matrix)[0], seen, atol=0.8)


def test_boxes_are_clipped_and_slivers_dropped():
    """10 x 10 picture: one box is cut, one is left with one pixel and goes, one lies outside and goes."""
    boxes, classes = clip(np.float32([[-5, 2, 5, 20], [9, 0, 30, 9], [20, 20, 30, 30]]), np.int64([0, 1, 2]), (10, 10))
    np.testing.assert_array_equal(boxes, [[0, 2, 5, 10]])
    np.testing.assert_array_equal(classes, [0])


@pytest.mark.parametrize("size", [(32, 64), (64, 32)], ids=["wide", "tall"])
def test_random_affine_keeps_boxes_inside_a_picture_of_the_size_asked_for(size):
    frame = frame_of((40, 50), [[0, 0, 50, 40], [10, 10, 20, 20]], [1, 0])
    moved = random_affine(frame, AffineRanges(10, 2, 0.1, (0.5, 1.5)), size, np.random.default_rng(1))
    assert moved.image.shape == (*size, 3)
    assert (moved.boxes_xyxy >= 0).all()
    assert (moved.boxes_xyxy[:, 2:] <= [size[1], size[0]]).all()
