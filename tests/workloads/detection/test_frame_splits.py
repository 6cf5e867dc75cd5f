"""Who trains, validates and judges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.contract import UserError
from workloads.detection.frame_splits import SPLITS, divide, plan, stratified
from workloads.detection.raw import Listed

LISTED = Listed(tuple("abcdefghijkl"), tuple("mnop"), ("ImageSets/train.txt", "ImageSets/val.txt"))
FRAMES = list("abcdefghijklmnop")


def divided(decided, frames=FRAMES, copies=None, presence=None):
    copies = np.arange(len(frames)) if copies is None else np.array(copies)
    presence = np.ones((len(frames), 1), int) if presence is None else np.array(presence)
    return divide(decided, frames, copies, presence)


@pytest.mark.parametrize(
    ("splits", "available", "wanted"),
    [
        ({}, 100, (72, 8, 20)),
        ({"train": 0.7, "validation": 0.15, "test": 0.15}, 100, (70, 15, 15)),
        ({"train": 0.7, "validation": 0.15, "test": 0.15}, 6, (4, 1, 1)),
        ({"train": 0.8, "test": 0.2}, 10, (7, 1, 2)),
        ({"train": 10, "validation": 5}, 20, (10, 5, 5)),
        ({"train": 3712, "validation": 3769}, 7481, (3341, 371, 3769)),
        ({"train": 7481, "validation": 7518}, 100, (72, 8, 20)),
        ({"train": 2, "validation": 1, "test": 1}, 10, (2, 1, 1)),
    ],
)
def test_shares_and_counts_become_frames(splits, available, wanted):
    assert plan(splits, available, None).wanted == dict(zip(SPLITS, wanted, strict=True))


@pytest.mark.parametrize(
    ("splits", "available", "words"),
    [
        ({"train": 90, "validation": 20}, 100, "110 frames wanted .train 90, validation 20., 100 usable"),
        ({}, 2, "2 usable frames; at least 3"),
        ({"train": 1, "validation": 1, "test": 3}, 4, "5 frames wanted"),
    ],
)
def test_impossible_wish_is_refused_with_numbers(splits, available, words):
    with pytest.raises(UserError, match=words):
        plan(splits, available, None)


def test_kittis_own_sizes_are_explained_once_and_the_lists_used():
    decided = plan({"train": 7481, "validation": 7518}, 16, LISTED)
    assert decided.listed is LISTED
    (note,) = decided.notes
    assert "no public labels" in note
    assert "the lists ImageSets/train.txt and ImageSets/val.txt divide the labelled frames" in note


@pytest.mark.parametrize(
    "splits", [{}, {"train": 0.7, "validation": 0.15, "test": 0.15}, {"train": 12, "validation": 4}]
)
def test_lists_win_where_the_issue_asks_for_nothing_else(splits):
    chosen, left = divided(plan(splits, 16, LISTED))
    assert chosen["test"].tolist() == [12, 13, 14, 15]
    assert (len(chosen["train"]), len(chosen["validation"]), left) == (11, 1, {})


def test_shares_that_were_asked_for_win_over_lists_and_it_is_said():
    decided = plan({"train": 0.5, "validation": 0.25, "test": 0.25}, 16, LISTED)
    assert decided.wanted == {"train": 8, "validation": 4, "test": 4}
    assert "leave dataset.splits out to use the lists" in decided.notes[0]


def test_copy_of_a_judged_frame_is_not_learnt_from():
    """Frame a shows the picture of frame m, which the lists judge."""
    copies = [12, *range(1, 16)]
    chosen, left = divided(plan({}, 16, LISTED), copies=copies)
    assert left == {"copies_of_test_frames": 1}
    assert 0 not in np.concatenate(list(chosen.values()))


def test_frames_in_no_list_are_left_out_and_counted():
    chosen, left = divided(plan({}, 18, LISTED), [*FRAMES, "y", "z"])
    assert (left, sum(map(len, chosen.values()))) == ({"in_no_list": 2}, 16)


def test_rare_class_reaches_every_split_it_can():
    """3 of 30 frames hold the second class: 0.8 of them train, but each split gets one before any gets two."""
    presence = [[1, int(place in (4, 11, 29))] for place in range(30)]
    chosen, _ = divided(plan({"train": 0.34, "validation": 0.33, "test": 0.33}, 30, None), [str(n) for n in range(30)],
                        presence=presence)  # fmt: skip
    assert sorted(int(np.array(presence)[part, 1].sum()) for part in chosen.values()) == [1, 1, 1]


def test_only_frame_of_a_class_is_learnt_from():
    presence = [[1, int(place == 4)] for place in range(10)]
    for seed in range(5):
        chosen, _ = divided(plan({"train": 0.7, "validation": 0.1, "test": 0.2, "seed": seed}, 10, None),
                            [str(n) for n in range(10)], presence=presence)  # fmt: skip
        assert 4 in chosen["train"]


@given(st.lists(st.integers(0, 12), min_size=6, max_size=60), st.integers(0, 5))
def test_copies_stay_together_nothing_is_lost_and_the_seed_decides(groups, seed):
    numbers: dict[int, int] = {}
    copies = np.array([numbers.setdefault(one, len(numbers)) for one in groups])
    presence = np.random.default_rng(seed).integers(0, 2, (len(copies), 3))
    wanted = {"train": len(copies) - 2, "validation": 1, "test": 1}
    chosen = stratified(wanted, copies, presence, seed)
    sides = np.full(len(copies), -1)
    for place, part in enumerate(chosen.values()):
        assert (sides[part] == -1).all()
        sides[part] = place
    for one in np.unique(copies):
        assert len(set(sides[copies == one].tolist())) == 1
    again = stratified(wanted, copies, presence, seed)
    assert all((again[name] == part).all() for name, part in chosen.items())


@given(st.integers(3, 80), st.integers(0, 3))
def test_counts_are_exact_where_no_pictures_repeat(available, seed):
    decided = plan({"train": 0.6, "validation": 0.2, "test": 0.2, "seed": seed}, available, None)
    presence = np.random.default_rng(seed).integers(0, 2, (available, 4))
    chosen, left = divided(decided, [f"{n:03}" for n in range(available)], presence=presence)
    assert ({name: len(part) for name, part in chosen.items()}, left) == (decided.wanted, {})


def test_copies_of_one_picture_cannot_be_divided():
    with pytest.raises(UserError, match="4 frames show only 1 different pictures"):
        divided(plan({}, 4, None), list("abcd"), copies=[0, 0, 0, 0])
