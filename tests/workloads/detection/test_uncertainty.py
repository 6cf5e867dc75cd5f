"""The spread of detections over several looks, by hand."""

import numpy as np
import pytest

from workloads.detection.detections import Detections
from workloads.detection.uncertainty import spread


def found(*rows):
    """Detections of (left, score, class) rows, boxes 10 x 10."""
    table = np.array(rows, np.float32).reshape(-1, 3)
    left = table[:, :1]
    return Detections(
        np.concatenate([left, left * 0, left + 10, left * 0 + 10], axis=1), table[:, 1], table[:, 2].astype(np.int64)
    )


def test_object_seen_alike_has_no_spread():
    one = found((0, 0.9, 0))
    sure = spread(one, [one, one], 0.3)
    assert (sure.score_std.tolist(), sure.box_std_px.tolist(), sure.seen.tolist()) == ([0], [[0, 0, 0, 0]], [1])


def test_spread_is_the_standard_deviation_over_the_looks():
    """Lefts 0 and 2: deviation 1; scores 0.8 and 0.6: deviation 0.1."""
    sure = spread(found((0, 0.8, 0)), [found((0, 0.8, 0)), found((2, 0.6, 0))], 0.3)
    np.testing.assert_allclose(sure.box_std_px, [[1, 0, 1, 0]], atol=1e-6)
    np.testing.assert_allclose(sure.score_std, [0.1], atol=1e-6)


def test_look_without_the_object_counts_as_score_0_and_not_for_the_box():
    sure = spread(found((0, 0.8, 0)), [found((0, 0.8, 0)), found()], 0.3)
    np.testing.assert_allclose(sure.score_std, [0.4], atol=1e-6)
    assert (sure.box_std_px.max(), sure.seen.tolist()) == (0, [0.5])


def test_look_below_the_asked_score_knows_the_box_but_has_not_seen_it():
    sure = spread(found((0, 0.4, 0)), [found((0, 0.4, 0)), found((2, 0.2, 0))], 0.3)
    np.testing.assert_allclose(sure.score_std, [0.1], atol=1e-6)
    assert (sure.seen.tolist(), sure.box_std_px[0, 0]) == ([0.5], pytest.approx(1))


def test_box_of_another_class_or_place_is_another_object():
    one = found((0, 0.8, 0))
    assert spread(one, [one, found((0, 0.8, 1)), found((8, 0.8, 0))], 0.3).seen == pytest.approx([1 / 3])


def test_one_box_shows_one_object():
    """Two objects 2 px apart, a look with one box: the better object takes it."""
    sure = spread(found((0, 0.8, 0), (2, 0.7, 0)), [found((1, 0.8, 0))], 0.3)
    assert sure.seen.tolist() == [1, 0]


def test_agreement_is_weighed_by_score_and_whole_where_nothing_is_found():
    two = found((0, 0.6, 0), (50, 0.2, 0))
    sure = spread(two, [two, found((0, 0.6, 0))], 0.1)
    assert sure.agreement(two.scores) == pytest.approx((0.6 * 1 + 0.2 * 0.5) / 0.8)
    assert spread(found(), [found()], 0.3).agreement(np.zeros(0)) == 1
