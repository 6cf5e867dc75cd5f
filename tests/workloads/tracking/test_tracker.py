"""ByteTrack's rules, one by one, and the fast one against the readable one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from workloads.contract import UserError
from workloads.tracking.formats import read
from workloads.tracking.reference import ReferenceByteTrack
from workloads.tracking.settings import DEMO, MOT17, ROAD, Settings
from workloads.tracking.tracker import ByteTrack

FIXTURE = Path(__file__).parents[4] / "shared" / "data" / "kitti_tracking_eval"
PERSON = [100.0, 100.0, 140.0, 200.0]
AWAY = [500.0, 100.0, 540.0, 200.0]
NOTHING = (np.empty((0, 4)), np.empty(0))


def ids(tracker: ByteTrack, *found: tuple[list[float], float]) -> list[int]:
    return tracker.update(
        np.array([box for box, _ in found]).reshape(-1, 4), [score for _, score in found]
    ).ids.tolist()


def assert_same(fast: ByteTrack, plain: ReferenceByteTrack, *frame: np.ndarray) -> None:
    ours, theirs = fast.update(*frame), plain.update(*frame)
    assert ours.ids.tolist() == list(theirs)
    assert ours.detections.tolist() == [place for _, place in theirs.values()]
    expected = np.array([box for box, _ in theirs.values()]).reshape(-1, 4)
    np.testing.assert_allclose(ours.boxes_xyxy, expected, atol=1e-9)


@pytest.mark.parametrize("seed", range(24))
def test_identities_equal_those_of_the_readable_reference(scene, seed):
    """Every third scene lies on a grid, where many costs are equal."""
    settings = (DEMO, MOT17, ROAD, Settings(track_buffer=3, class_aware=False, max_aspect=None))[seed % 4]
    fast, plain = ByteTrack(settings), ReferenceByteTrack(settings)
    for frame in scene(seed, grid=20.0 if seed % 3 == 0 else 0.0):
        assert_same(fast, plain, *frame)
    assert fast.alive == len(plain.tracked) + len(plain.lost)


@pytest.mark.parametrize("sequence", ["0002", "0004", "0012"])
def test_identities_on_kitti_equal_those_of_the_readable_reference(sequence):
    if not FIXTURE.is_dir():
        pytest.skip("shared/data/kitti_tracking_eval is not beside the project")
    found, _ = read(FIXTURE / "det" / f"{sequence}.txt", detections=True)
    fast, plain = ByteTrack(ROAD), ReferenceByteTrack(ROAD)
    for frame in range(100):
        here = found.frames == frame
        assert_same(fast, plain, found.boxes_xyxy[here], found.scores[here], found.classes[here])


def test_a_track_is_confirmed_at_once_in_the_first_frame_and_later_on_its_second_hit():
    tracker = ByteTrack()
    assert ids(tracker, (PERSON, 0.9)) == [1]
    assert ids(tracker, (PERSON, 0.9), (AWAY, 0.9)) == [1]
    assert ids(tracker, (PERSON, 0.9), (AWAY, 0.9)) == [1, 2]


def test_a_track_seen_once_is_dropped_and_its_number_never_given_again():
    tracker = ByteTrack()
    tracker.update(*NOTHING)
    assert [ids(tracker, *found) for found in ([(AWAY, 0.9)], [], [(AWAY, 0.9)], [(AWAY, 0.9)])] == [[], [], [], [2]]


@pytest.mark.parametrize(
    ("score", "expected"),
    [(0.6, [1]), (0.59, []), (0.5, []), (0.3, [])],
    ids=["birth threshold", "high, below birth", "the threshold itself", "low"],
)
def test_only_a_score_of_threshold_plus_margin_begins_a_track(score, expected):
    assert ids(ByteTrack(), (PERSON, score)) == expected


@pytest.mark.parametrize(
    ("score", "expected"), [(0.11, [1]), (0.49, [1]), (0.1, []), (0.5, [])],
    ids=["just low", "low", "too low", "the threshold itself is neither high nor low"],
)  # fmt: skip
def test_a_low_score_keeps_a_track_alive(score, expected):
    tracker = ByteTrack()
    ids(tracker, (PERSON, 0.9))
    assert ids(tracker, (PERSON, score)) == expected


def test_a_lost_track_is_not_brought_back_by_a_low_score():
    tracker = ByteTrack()
    assert [ids(tracker, *found) for found in ([(PERSON, 0.9)], [], [(PERSON, 0.4)], [(PERSON, 0.9)])] == [
        [1], [], [], [1]
    ]  # fmt: skip


def test_the_first_match_weighs_overlap_by_score():
    """Overlap 1/3: cost 1 - 0.95/3 = 0.68 is below 0.8, 1 - 0.55/3 = 0.82 is not."""
    beside = [120.0, 100.0, 160.0, 200.0]
    for score, expected in ((0.95, [1]), (0.55, [])):
        tracker = ByteTrack()
        ids(tracker, (PERSON, 0.9))
        assert ids(tracker, (beside, score)) == expected


@pytest.mark.parametrize(("gap", "expected"), [(30, [1]), (31, [])])
def test_a_lost_track_waits_thirty_frames(gap, expected):
    """At 30 frames per second; at 10 the same buffer is 10 frames."""
    tracker, slow = ByteTrack(), ByteTrack(Settings(frame_rate=10.0))
    for one, missed in ((tracker, gap), (slow, gap - 20)):
        ids(one, (PERSON, 0.9))
        one.skip(missed)
        assert ids(one, (PERSON, 0.9)) == expected


def test_skipping_equals_empty_frames_and_takes_no_time():
    tracker = ByteTrack()
    ids(tracker, (PERSON, 0.9))
    tracker.skip(10**9)
    assert (tracker.frame, tracker.alive) == (10**9 + 1, 0)


def test_classes_are_never_mixed_unless_asked_to():
    for settings, expected in ((DEMO, []), (Settings(class_aware=False), [1])):
        tracker = ByteTrack(settings)
        tracker.update(np.array([PERSON]), [0.9], [0])
        seen = tracker.update(np.array([PERSON]), [0.9], [1])
        assert seen.ids.tolist() == expected
        assert seen.classes.tolist() == [1] * len(expected)


@pytest.mark.parametrize(
    ("box", "settings", "expected"),
    [
        ([0, 0, 17, 10], DEMO, []),
        ([0, 0, 16, 10], DEMO, [1]),
        ([0, 0, 40, 10], ROAD, [1]),
        ([0, 0, 2, 5], DEMO, []),
        ([0, 0, 2, 6], DEMO, [1]),
        ([0, 0, 0, 9], ROAD, []),
    ],
    ids=["wide", "1.6 is not wider", "cars are wide", "10 px^2 is too small", "12 px^2", "no area"],
)
def test_shape_decides_what_is_given_out(box, settings, expected):
    assert ids(ByteTrack(settings), (box, 0.9)) == expected


def test_of_a_lost_and_a_newer_track_on_one_place_the_longer_one_stays():
    """Track 1 lives ten frames and is lost; a stranger begins beside it and moves onto its place."""
    tracker = ByteTrack()
    for _ in range(10):
        ids(tracker, (PERSON, 0.9))
    steps = (135.0, 128.0, 121.0, 114.0, 107.0, 103.0, 100.0, 100.0, 100.0)
    seen = [ids(tracker, ([x, 100.0, x + 40, 200.0], 0.61)) for x in steps]
    assert seen[:4] == [[], [2], [2], [2]]
    assert seen[-1] == [1]
    assert tracker.alive == 1


def test_two_that_cross_keep_their_numbers():
    """They pass each other at 8 px a frame, one above the other by half a height."""
    tracker = ByteTrack()
    for step in range(40):
        x = 8.0 * step
        seen = tracker.update(np.array([[x, 0, x + 40, 100], [320 - x, 50, 360 - x, 150]]), [0.9, 0.9])
        assert seen.ids.tolist() == [1, 2]
        assert abs(seen.boxes_xyxy[0, 0] - x) < 8


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        ((np.zeros((1, 4)), [0.5, 0.5]), "1 boxes, 2 scores and 1 classes given"),
        ((np.full((1, 4), np.nan), [0.5]), "not a finite number"),
        ((np.zeros((1, 4)), [np.inf]), "not a finite number"),
    ],
)
def test_a_frame_that_makes_no_sense_is_refused(frame, words):
    with pytest.raises(UserError, match=words):
        ByteTrack().update(*frame)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"match_thresh": 1.0}, "match_thresh: 1 given; choose above 0 and below 1"),
        ({"track_thresh": 1.2}, "track_thresh: 1.2 given; choose from 0 to 1"),
        ({"low_thresh": 0.6}, "low_thresh: 0.6 given; it may not exceed track_thresh = 0.5"),
        ({"frame_rate": float("nan")}, "frame_rate: nan given"),
    ],
)
def test_settings_outside_their_limits_are_refused(given, words):
    with pytest.raises(UserError, match=words):
        Settings(**given)


def test_defaults_are_those_of_bytetrack():
    """ifzhang/ByteTrack, tools/demo_track.py and tools/track.py."""
    assert (DEMO.track_thresh, DEMO.match_thresh, DEMO.track_buffer, DEMO.min_box_area, DEMO.max_aspect) == (
        0.5, 0.8, 30, 10, 1.6
    )  # fmt: skip
    assert (MOT17.track_thresh, MOT17.match_thresh, MOT17.track_buffer, MOT17.min_box_area) == (0.6, 0.9, 30, 100)
    assert ROAD.max_aspect is None
