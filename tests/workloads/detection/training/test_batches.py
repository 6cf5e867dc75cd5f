import numpy as np
import pytest

from workloads.augmentation.frame import Frame
from workloads.contract import UserError
from workloads.detection.training.batches import collate, epoch_order, prefetched


def frame_of(boxes, classes):
    return Frame(np.zeros((8, 10, 3), np.uint8), np.float32(boxes).reshape(-1, 4), np.int64(classes))


def test_epoch_has_every_frame_and_fills_its_last_batch():
    order = epoch_order(10, 4, epoch=0, seed=3)
    assert order.shape == (3, 4)
    assert set(order.ravel()) == set(range(10))
    np.testing.assert_array_equal(order.ravel()[10:], order.ravel()[:2])


def test_orders_differ_by_epoch_and_seed_and_repeat():
    orders = [epoch_order(50, 50, epoch, seed)[0].tolist() for epoch, seed in [(0, 0), (1, 0), (0, 1)]]
    assert len({*map(tuple, orders)}) == 3
    assert orders[0] == epoch_order(50, 50, 0, 0)[0].tolist()


def test_devices_share_each_batch():
    order = epoch_order(20, 6, 2, 0)
    parts = [order[:, rank::2] for rank in range(2)]
    assert sorted(np.concatenate(parts, axis=1)[1]) == sorted(order[1])


def test_targets_are_centres_and_sizes_padded_with_zeros():
    batch = collate([frame_of([[0, 0, 4, 6], [2, 2, 4, 4]], [1, -1]), frame_of([], [])])
    assert batch.images.shape == (2, 8, 10, 3)
    np.testing.assert_array_equal(batch.targets[0], [[1, 2, 3, 4, 6], [-1, 3, 3, 2, 2]])
    np.testing.assert_array_equal(batch.targets[1], np.zeros((2, 5)))


def test_batches_come_in_order_whatever_the_threads_do():
    order = np.arange(60).reshape(20, 3)
    batches = prefetched(order, lambda place: frame_of([[0, 0, 2, 2]], [place]), threads=4)
    np.testing.assert_array_equal([batch.targets[:, 0, 0] for batch in batches], order)


def test_picture_that_cannot_be_read_stops_the_batches_with_its_message():
    def make(place):
        if place == 5:
            raise UserError("000005.png: damaged")
        return frame_of([], [])

    with pytest.raises(UserError, match=r"000005\.png: damaged"):
        list(prefetched(np.arange(8).reshape(4, 2), make, threads=2))
