"""HOTA, CLEAR and IDF1: the published numbers, and small cases by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from workloads.kitti.mistakes import BadFile
from workloads.tracking.evaluation import COMBINED, Rules, evaluate

DATA = Path(__file__).parents[4] / "shared" / "data"


def shared(name: str) -> Path:
    if not (DATA / name).is_dir():
        pytest.skip(f"shared/data/{name} is not beside the project")
    return DATA / name


def mot(folder: Path, name: str, *rows: tuple[float, ...]) -> Path:
    """Rows of frame, id, left; every box is 10 x 10 at the top."""
    path = folder / f"{name}.txt"
    path.write_text("".join(f"{frame},{number},{left},0,10,10,1,-1,-1,-1\n" for frame, number, left in rows))
    return path


def judged(folder: Path, truth: list[tuple[float, ...]], tracks: list[tuple[float, ...]]) -> dict[str, float]:
    document = evaluate(mot(folder, "truth", *truth), mot(folder, "tracks", *tracks))
    return document["results"][COMBINED]["pedestrian"]


def test_kitti_fixture_equals_trackeval_in_every_number():
    folder = shared("kitti_tracking_eval")
    document = evaluate(folder / "label_02", folder / "trackers" / "bytetrack_perturbed")
    expected = json.loads((folder / "expected.json").read_text())["results"]
    assert document["rules"] == "kitti"
    for sequence, classes in expected.items():
        for name, metrics in classes.items():
            ours = document["results"][sequence][name]
            assert {key: ours[key] for key in metrics} == pytest.approx(metrics, abs=1e-6)


def test_mot_fixture_equals_py_motmetrics():
    """Its MOTP is mean 1 - IoU."""
    folder = shared("mot_tud")
    ours = evaluate(folder / "gt.txt", folder / "test.txt")["results"][COMBINED]["pedestrian"]
    theirs = json.loads((folder / "expected.json").read_text())["metrics"]
    names = {
        "IDF1": "idf1", "IDP": "idp", "IDR": "idr", "MOTA": "mota", "CLR_Re": "recall", "CLR_Pr": "precision",
        "IDSW": "num_switches", "MT": "mostly_tracked", "PT": "partially_tracked", "ML": "mostly_lost",
        "CLR_FP": "num_false_positives", "CLR_FN": "num_misses", "Frag": "num_fragmentations",
    }  # fmt: skip
    assert {name: ours[name] for name in names} == pytest.approx({name: theirs[word] for name, word in names.items()})
    assert 1 - ours["MOTP"] == pytest.approx(theirs["motp"])


def test_one_object_whose_number_changes_half_way(tmp_path):
    """Four boxes, all found: one switch, MOTA 3/4; the better number holds half: IDF1 1/2. Each match has an
    association of 2 / (4 + 2 - 2) = 1/2, so HOTA = sqrt(1 * 1/2)."""
    truth = [(frame, 1, 0) for frame in (1, 2, 3, 4)]
    ours = judged(tmp_path, truth, [(1, 1, 0), (2, 1, 0), (3, 2, 0), (4, 2, 0)])
    expected = {
        "MOTA": 0.75,
        "IDSW": 1,
        "IDF1": 0.5,
        "HOTA": math.sqrt(0.5),
        "DetA": 1,
        "AssA": 0.5,
        "MT": 1,
        "Frag": 0,
    }
    assert {name: ours[name] for name in expected} == pytest.approx(expected)


def test_a_gap_is_a_fragment_and_a_miss_but_no_switch(tmp_path):
    """In frame 2 the track is elsewhere: a miss and a false box."""
    truth = [(frame, 1, 0) for frame in (1, 2, 3, 4)]
    ours = judged(tmp_path, truth, [(1, 1, 0), (2, 1, 50), (3, 1, 0), (4, 1, 0)])
    expected = {"CLR_TP": 3, "CLR_FN": 1, "CLR_FP": 1, "IDSW": 0, "Frag": 1, "MOTA": 0.5, "PT": 1, "IDF1": 0.75}
    assert {name: ours[name] for name in expected} == pytest.approx(expected)


def test_hota_averages_over_how_well_boxes_fit(tmp_path):
    """Shifted by 2 of 10 pixels: IoU 8/12 = 0.667, enough for the 13 thresholds up to 0.65 of 19."""
    ours = judged(tmp_path, [(1, 1, 0)], [(1, 5, 2)])
    assert {name: ours[name] for name in ("HOTA", "DetA", "AssA")} == pytest.approx(dict.fromkeys(
        ("HOTA", "DetA", "AssA"), 13 / 19))  # fmt: skip
    assert ours["MOTP"] == pytest.approx(2 / 3)


def test_matches_keep_their_partner_although_another_is_closer(tmp_path):
    """In frame 2 track 2 fits better, and track 1 still fits: no switch."""
    ours = judged(tmp_path, [(1, 1, 0), (2, 1, 0)], [(1, 1, 0), (2, 1, 2), (2, 2, 0)])
    assert (ours["IDSW"], ours["CLR_FP"]) == (0, 1)


@pytest.mark.parametrize(
    ("truth", "tracks", "expected"),
    [
        ([(1, 1, 0)], [], {"MOTA": 0, "CLR_FN": 1, "IDF1": 0, "HOTA": 0, "ML": 1, "LocA": 1}),
        ([], [(1, 1, 0)], {"MOTA": 0, "CLR_FP": 1, "IDF1": 0, "HOTA": 0, "ML": 0, "LocA": 1}),
    ],
    ids=["no tracks", "no truth"],
)
def test_one_empty_side_gives_zeros(tmp_path, truth, tracks, expected):
    ours = judged(tmp_path, truth, tracks)
    assert {name: ours[name] for name in expected} == expected


def test_mot_truth_with_classes_excuses_distractors_and_skips_what_is_marked(tmp_path):
    """Of three true boxes one is a static person (7), one is marked 0: one pedestrian and one false box are left."""
    (tmp_path / "gt.txt").write_text("1,1,0,0,10,10,1,1,1\n1,2,50,0,10,10,1,7,1\n1,3,100,0,10,10,0,1,1\n")
    tracks = mot(tmp_path, "tracks", (1, 1, 0), (1, 2, 50), (1, 3, 100))
    ours = evaluate(tmp_path / "gt.txt", tracks)["results"][COMBINED]["pedestrian"]
    assert [ours[name] for name in ("CLR_TP", "CLR_FP", "CLR_FN", "GT_Dets")] == [1, 1, 0, 1]


KITTI_TRUTH = """\
0 1 Car 0 0 0 0 0 100 100 1 1 1 0 0 0 0
0 2 Van 0 0 0 200 0 300 100 1 1 1 0 0 0 0
0 3 Car 0 3 0 400 0 500 100 1 1 1 0 0 0 0
0 4 Car 1 0 0 600 0 700 100 1 1 1 0 0 0 0
0 -1 DontCare -1 -1 -10 800 0 900 100 -1 -1 -1 -1000 -1000 -1000 -10
"""
KITTI_TRACK = "".join(
    f"{frame} {number} Car -1 -1 -10 0 0 100 100 -1 -1 -1 -1000 -1000 -1000 -10 0.9\n"
    for frame, number in ((0, 1), (1, -1))
)


def test_kitti_excuses_vans_hidden_and_cut_cars_small_boxes_and_dontcare(tmp_path):
    """One car counts; tracks on the others, 25 px high or mostly in DontCare, are no false boxes; the last one is."""
    boxes = ["0 0 100 100", "200 0 300 100", "400 0 500 100", "600 0 700 100", "0 200 100 225", "840 0 950 100",
             "860 0 990 100"]  # fmt: skip
    unused = "-1 -1 -1 -1000 -1000 -1000 -10 0.9"
    (tmp_path / "truth.txt").write_text(KITTI_TRUTH)
    (tmp_path / "tracks.txt").write_text(
        "".join(f"0 {number} Car -1 -1 -10 {box} {unused}\n" for number, box in enumerate(boxes))
    )
    ours = evaluate(tmp_path / "truth.txt", tmp_path / "tracks.txt")["results"][COMBINED]["car"]
    assert [ours[name] for name in ("CLR_TP", "CLR_FP", "CLR_FN", "GT_Dets")] == [1, 1, 0, 1]


def test_numbers_of_sequences_are_summed_not_averaged(tmp_path):
    for name, frames in (("a", 1), ("b", 3)):
        (tmp_path / "truth").mkdir(exist_ok=True)
        (tmp_path / "tracks").mkdir(exist_ok=True)
        mot(tmp_path / "truth", name, *[(frame + 1, 1, 0) for frame in range(frames)])
        mot(tmp_path / "tracks", name, *([(1, 1, 0)] if name == "a" else []))
    results = evaluate(tmp_path / "truth", tmp_path / "tracks")["results"]
    assert [results[name]["pedestrian"]["MOTA"] for name in ("a", "b", COMBINED)] == [1, 0, 0.25]


@pytest.mark.parametrize(
    ("truth", "tracks", "chosen", "words"),
    [
        (
            "1,1,0,0,9,9,1\n",
            "1,1,0,0,9,9,1\n1,1,5,0,9,9,1\n",
            None,
            "b.txt, line 2, field id: 1 stands twice in frame 1",
        ),
        (KITTI_TRUTH, KITTI_TRACK, None, "b.txt, line 2, field 2 (id): -1 given; an identity is a whole number from 0"),
        (KITTI_TRACK, KITTI_TRUTH, None, "a.txt, line 2, field 2 (id): -1 given; an identity is a whole number from 0"),
        ("1,1,0,0,9,9,1\n", "1,-1,0,0,9,9,1\n", None, "b.txt, line 1, field 2 (id): -1 given; an identity is a whole"),
        (
            '[{"frame": 1, "track_id": 1, "bbox": [0, 0, 9, 9]}]',
            '[{"frame": 1, "track_id": -1, "bbox": [0, 0, 9, 9]}]',
            None,
            "b.txt[0], field track_id: -1 given; an identity is a whole number from 0",
        ),
        ("1,1,0,0,9,9,1\n", KITTI_TRUTH, None, "b.txt: is written in the kitti format, its truth in mot"),
        ("1,1,0,0,9,9,1\n", "1,1,0,0,9,9,1\n", Rules.KITTI, "a.txt: is written in the mot format; the kitti rules"),
        ("", "", None, "there is nothing to judge"),
    ],
)
def test_what_cannot_be_judged_is_said(tmp_path, truth, tracks, chosen, words):
    (tmp_path / "a.txt").write_text(truth)
    (tmp_path / "b.txt").write_text(tracks)
    with pytest.raises(BadFile) as bad:
        evaluate(tmp_path / "a.txt", tmp_path / "b.txt", chosen)
    assert words in str(bad.value)


def test_sequence_without_tracks_file_is_named(tmp_path):
    (tmp_path / "truth").mkdir()
    (tmp_path / "tracks").mkdir()
    mot(tmp_path / "truth", "0001", (1, 1, 0))
    with pytest.raises(BadFile, match=r"0001\.txt: there are no tracks of this sequence"):
        evaluate(tmp_path / "truth", tmp_path / "tracks")


def test_random_tracks_never_leave_their_limits(tmp_path):
    """Shares stay in 0 to 1 (MOTA may fall below), and counts add up."""
    random = np.random.default_rng(1)
    for _ in range(20):
        truth, tracks = ({(int(f), int(i)): float(x) for f, i, x in zip(
            random.integers(1, 6, 20), random.integers(1, 5, 20), random.integers(0, 12, 20), strict=True)}
            for _ in range(2))  # fmt: skip
        ours = judged(tmp_path, *([(f, i, x) for (f, i), x in rows.items()] for rows in (truth, tracks)))
        assert all(0 <= ours[name] <= 1 for name in ("HOTA", "DetA", "AssA", "IDF1", "MOTP", "LocA"))
        assert ours["CLR_TP"] + ours["CLR_FN"] == ours["GT_Dets"] == len(truth)
        assert ours["CLR_TP"] + ours["CLR_FP"] == ours["Dets"] == len(tracks)
        assert ours["MT"] + ours["PT"] + ours["ML"] == ours["GT_IDs"]
