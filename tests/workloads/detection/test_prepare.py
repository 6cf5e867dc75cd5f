"""`prepare` on small trees: what is written, what is refused, what is skipped and counted."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest

from workloads.contract import Run, UserError, read_json
from workloads.detection.prepare import prepare
from workloads.images.codec import decode, size_of
from workloads.kitti.restoring import restore
from workloads.tabular.reading import sha256

FIXTURE = Path(__file__).parents[4] / "shared" / "data" / "kitti_object"


@pytest.fixture
def make(tmp_path):
    """Prepare a raw folder: (manifest, data set folder)."""

    def run_it(raw: Path, splits=None, classes=(), out: str = "out", variant: str = "yolox-s", **preprocessing):
        spec = {"algorithm": "yolox", "variant": variant, "preprocessing": preprocessing,
                "dataset": {"name": "roads", "classes": list(classes), "splits": splits or {}}}  # fmt: skip
        run = Run(run_key="gh-1-2-abc", model_id="roads", version="1.0.0", dataset_version="v1", spec=spec)
        return prepare(run, raw, tmp_path / out / "dataset", tmp_path / out / "report"), tmp_path / out / "dataset"

    return run_it


def test_layout_of_the_specification_is_written_and_every_file_is_in_the_manifest(make, kitti_tree):
    tree = kitti_tree().frames(10)
    manifest, dataset = make(tree.root, input_size=[64, 96])
    assert manifest["rows"] == {"train": 7, "validation": 1, "test": 2}
    written = {str(path.relative_to(dataset)) for path in dataset.rglob("*") if path.is_file()}
    assert set(manifest["files"]) == written
    for name, entry in manifest["files"].items():
        assert (sha256(dataset / name), (dataset / name).stat().st_size) == (entry["sha256"], entry["bytes"])
    for split, count in manifest["rows"].items():
        document = read_json(dataset / split, "annotations.json")
        assert len(document["images"]) == count
        for image in document["images"]:
            path = dataset / split / "images" / image["file_name"]
            assert path.read_bytes() == (tree.training / "image_2" / image["file_name"]).read_bytes()
            assert image["sha256"] == sha256(path)
    recipe = read_json(dataset, "features.json")
    thumbnail = base64.b64decode(recipe["columns"][0].pop("example"))
    assert size_of(thumbnail)[1] == 160
    assert recipe == {
        "task": "object_detection", "target": None, "classes": ["Car", "Pedestrian"], "input_size": [64, 96],
        "columns": [{"name": "image", "kind": "image"}], "source": "kitti",
    }  # fmt: skip
    judged = [image["file_name"][:6] for image in read_json(dataset / "test", "annotations.json")["images"]]
    assert sorted(path.stem for path in (dataset / "test" / "label_2").iterdir()) == judged
    assert sorted(path.stem for path in (dataset / "test" / "calib").iterdir()) == judged


def test_ids_are_unique_over_all_splits_and_the_labels_come_back(make, kitti_tree, tmp_path, kitti_rows):
    tree = kitti_tree().frames(6, [kitti_rows["car"], kitti_rows["van"], kitti_rows["dont_care"]])
    _, dataset = make(tree.root)
    documents = [read_json(dataset / split, "annotations.json") for split in ("train", "validation", "test")]
    for part in ("images", "annotations"):
        ids = [one["id"] for document in documents for one in document[part]]
        assert len(ids) == len(set(ids))
    assert restore(dataset, tmp_path) == 6
    for path in (tree.training / "label_2").iterdir():
        assert (tmp_path / "label_2" / path.name).read_bytes() == path.read_bytes()


def test_same_data_and_seed_give_the_same_files_and_a_second_run_leaves_nothing_behind(make, kitti_tree):
    tree = kitti_tree().frames(8)
    first, dataset = make(tree.root, {"train": 0.5, "validation": 0.25, "test": 0.25, "seed": 1})
    again, _ = make(tree.root, {"train": 0.5, "validation": 0.25, "test": 0.25, "seed": 1}, out="again")
    assert again == first
    other, _ = make(tree.root, {"train": 0.5, "validation": 0.25, "test": 0.25, "seed": 2})
    assert other["row_hashes_sha256"] != first["row_hashes_sha256"]
    there = {str(path.relative_to(dataset)) for path in dataset.rglob("*") if path.is_file()}
    assert there == set(other["files"])


def test_lists_decide_and_kittis_sizes_are_explained(make, kitti_tree):
    tree = kitti_tree().frames(8).lists([f"{n:06}" for n in range(5)], ["000005", "000006"])
    manifest, dataset = make(tree.root, {"train": 7481, "validation": 7518})
    assert manifest["rows"] == {"train": 4, "validation": 1, "test": 2}
    assert manifest["dropped"] == {"in_no_list": 1}
    assert "no public labels" in manifest["notes"][0]
    assert manifest["notes"][0] in (dataset / "quality_report.md").read_text()
    assert read_json(dataset, "metadata.json")["splits"]["lists"] == ["ImageSets/train.txt", "ImageSets/val.txt"]


@pytest.mark.parametrize(
    ("train", "val", "words"),
    [
        (["000000", "000001"], ["000002", "000009"], r"val\.txt, line 2: frame 000009 has no label and no image"),
        (["000000", "000001"], ["000002", "000001"], r"val\.txt, line 2: frame 000001 is in train\.txt, line 2"),
        (["000000", "000001"], [f"{n:06}" for n in range(2, 7520)], "7,518 frames, as many as KITTI's test set"),
        (
            ["000000", "000001"],
            [f"{n:06}" for n in range(7518)],
            "is in train.txt, line 1, too; .*7,518 frames, as many",
        ),
    ],
)
def test_wrong_lists_are_refused_with_file_and_line(make, kitti_tree, train, val, words):
    tree = kitti_tree().frames(4).lists(train, val)
    with pytest.raises(UserError, match=words) as refused:
        make(tree.root)
    assert str(refused.value).startswith("ImageSets/val.txt, line")


BROKEN = {
    "label with 14 fields": ({"rows": ["Car 0 0 0 1 1 9 9 1 1 1 1 1 9"]}, "label_2/000003.txt, line 1: 14 fields"),
    "negative box": ({"rows": ["Car 0 0 0 9 1 1 9 1 1 1 1 1 9 0"]}, "line 1, field 7 (right): 1 given; a negative box"),
    "box beside the image": ({"rows": ["Car 0 0 0 90 1 99 9 1 1 1 1 1 9 0"]}, "outside the image (40 x 20 pixels)"),
    "calibration without R0_rect": ({"calibration": "P2: " + "1 " * 12 + "\nTr_velo_to_cam: " + "1 " * 12},
                                    "calib/000003.txt: lacks R0_rect"),
    "truncated scan": ({"points": bytes(20)}, "velodyne/000003.bin: 20 bytes are no multiple of 16"),
    "empty scan": ({"points": b""}, "velodyne/000003.bin: holds no point"),
    "NaN points": ({"points": np.full((2, 4), np.nan)}, "2 points hold NaN or infinity (first: point 0)"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "words"), BROKEN.values(), ids=BROKEN)
def test_single_bad_frame_is_skipped_counted_and_named(make, kitti_tree, change, words):
    tree = kitti_tree().frames(6).frame("000003", **change)
    manifest, dataset = make(tree.root)
    assert manifest["dropped"] == {"bad_frames": 1}
    assert sum(manifest["rows"].values()) == 5
    (bad,) = read_json(dataset, "metadata.json")["bad_frames"]
    assert bad["frame"] == "000003"
    assert words in bad["reason"]
    assert str(tree.root) not in bad["reason"]
    assert "000003" in (dataset / "quality_report.md").read_text()


@pytest.mark.parametrize("content", [b"no image", b"", None], ids=["text", "empty", "cut"])
def test_image_that_is_none_is_skipped(make, kitti_tree, content):
    tree = kitti_tree().frames(6)
    path = tree.image("000002")
    path.write_bytes(path.read_bytes()[:300] if content is None else content)
    _, dataset = make(tree.root)
    (bad,) = read_json(dataset, "metadata.json")["bad_frames"]
    assert "training/image_2/000002.png: " in bad["reason"]


def test_too_many_bad_frames_stop_the_job_and_the_first_are_listed(make, kitti_tree, kitti_rows):
    tree = kitti_tree().frames(10)
    for name in ("000001", "000004"):
        tree.label(name).write_text("Car 1 2")
    with pytest.raises(UserError, match=r"2 of 10 frames are bad.*0\.05 allows: training/label_2/000001\.txt, line 1"):
        make(tree.root)
    manifest, _ = make(tree.root, max_bad_share=0.2)
    assert manifest["dropped"] == {"bad_frames": 2}


def test_all_bad_labels_are_counted(make, kitti_tree):
    tree = kitti_tree().frames(11)
    for number in range(11):
        tree.label(f"{number:06d}").write_text("Car 1 2")
    with pytest.raises(UserError, match=r"^dataset: 11 of 11 frames are bad"):
        make(tree.root)


def test_images_are_read_until_too_many_are_bad(make, kitti_tree):
    tree = kitti_tree().frames(11)
    for number in range(11):
        tree.image(f"{number:06d}").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"^dataset: at least 2 of 11 frames are bad, .* \(stopped there\)"):
        make(tree.root)


def test_label_without_image_and_image_without_label_are_bad_frames(make, kitti_tree):
    tree = kitti_tree().frames(8)
    tree.image("000001").unlink()
    tree.label("000002").unlink()
    _, dataset = make(tree.root, max_bad_share=0.5)
    reasons = [one["reason"] for one in read_json(dataset, "metadata.json")["bad_frames"]]
    assert reasons == ["training/image_2/000001.png: there is no image of frame 000001",
                       "training/label_2/000002.txt: there is no label file of frame 000002"]  # fmt: skip


def test_class_nobody_labelled_is_refused_with_those_that_exist(make, kitti_tree):
    tree = kitti_tree().frames(4)
    with pytest.raises(UserError, match=r"dataset\.classes: Bus has no box in the data; there are Car \(4\), Pedestr"):
        make(tree.root, classes=["Car", "Bus"])


def test_copies_of_one_picture_never_straddle_splits(make, kitti_tree):
    tree = kitti_tree()
    for number in range(12):
        tree.frame(f"{number:06}", shade=number // 2)
    manifest, dataset = make(tree.root)
    sides = {}
    for split in manifest["rows"]:
        for image in read_json(dataset / split, "annotations.json")["images"]:
            sides.setdefault(image["sha256"], set()).add(split)
    assert (len(sides), {len(one) for one in sides.values()}) == (6, {1})
    assert any("6 frames are exact copies" in note for note in manifest["notes"])


def test_metadata_carry_origin_statistics_and_the_synthetic_mark(make, kitti_tree, kitti_rows):
    tree = kitti_tree().frames(6, [kitti_rows["car"], kitti_rows["cyclist"]])
    given = {"synthetic": True, "licence": "CC0-1.0", "source": "rendered"}
    (tree.root / "metadata.json").write_text(json.dumps(given))
    _, dataset = make(tree.root)
    metadata = read_json(dataset, "metadata.json")
    assert (metadata["synthetic"], metadata["licence"], metadata["source"]) == (True, "CC0-1.0", "rendered")
    figures = metadata["statistics"]["all"]
    assert figures["image_sizes"] == {"40x20": 6}
    assert figures["boxes_per_class"] == {"Car": 6, "Cyclist": 6}
    assert figures["box_areas"] == {"small": 12, "medium": 0, "large": 0}
    assert figures["occlusion"] == {"visible": 6, "partly": 0, "largely": 6, "unknown": 0}
    assert figures["box_heights_px"]["from 10"] == 12
    assert "**Synthetic**" in (dataset / "quality_report.md").read_text()


def test_baseline_describes_the_training_frames(make, kitti_tree):
    import pyarrow.parquet as parquet

    manifest, dataset = make(kitti_tree().frames(6).root)
    baseline = read_json(dataset, "baseline.json")
    assert baseline["rows"] == manifest["rows"]["train"]
    assert baseline["columns"]["objects"]["mean"] == 2
    sample = parquet.read_table(dataset / "baseline" / "sample.parquet")
    assert sample.num_rows == manifest["rows"]["train"]
    assert {"file_name", "brightness", "contrast", "sharpness", "objects"} <= set(sample.column_names)


def test_previews_show_frames_of_every_split(make, kitti_tree, kitti_rows):
    tree = kitti_tree().frames(6, [kitti_rows["car"], kitti_rows["dont_care"]])
    _, dataset = make(tree.root)
    names = {path.name.partition("_")[0] for path in (dataset / "previews").iterdir()}
    assert names == {"train", "validation", "test", "contact"}
    sheet = decode((dataset / "previews" / "contact_sheet.jpg").read_bytes())
    assert sheet.shape[1] == 3 * 480


def test_unlabelled_test_frames_are_mentioned_and_not_used(make, kitti_tree):
    tree = kitti_tree().frames(4)
    (tree.root / "testing" / "image_2").mkdir(parents=True)
    (tree.root / "testing" / "image_2" / "000000.png").write_bytes(b"")
    manifest, _ = make(tree.root)
    assert any("1 images below testing/ have no labels" in note for note in manifest["notes"])
    assert sum(manifest["rows"].values()) == 4


def test_images_of_several_sizes_and_kinds_are_taken_as_they_are(make, kitti_tree, kitti_rows):
    tree = kitti_tree().frames(3).frame("000003", size=(30, 50)).frame("000004", suffix=".jpg")
    _, dataset = make(tree.root)
    metadata = read_json(dataset, "metadata.json")
    assert metadata["statistics"]["all"]["image_sizes"] == {"40x20": 4, "50x30": 1}
    assert list(dataset.rglob("images/000004.jpg"))


@pytest.mark.parametrize(("variant", "size"), [("yolox-nano", [416, 416]), ("yolox-m", [640, 640])])
def test_input_size_is_the_variants_own_unless_asked_for(make, kitti_tree, variant, size):
    _, dataset = make(kitti_tree().frames(3).root, variant=variant)
    assert read_json(dataset, "features.json")["input_size"] == size


def test_folder_without_images_says_what_to_bring(make, tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "data.csv").write_text("a,b")
    with pytest.raises(UserError, match=r"no images with labels found \(there is: data\.csv\)"):
        make(tmp_path / "raw")


def test_real_frames_are_prepared(make):
    if not FIXTURE.is_dir():
        pytest.skip("shared/data/kitti_object is not beside the project")
    shares = {"train": 0.7, "validation": 0.15, "test": 0.15}
    manifest, dataset = make(FIXTURE, shares, ["Car", "Pedestrian", "Cyclist"])
    assert (sum(manifest["rows"].values()), manifest["dropped"]) == (11, {})
    types = read_json(dataset, "metadata.json")["class_policy"]["types"]
    assert {word: one["boxes"] for word, one in types.items()} == {
        "DontCare": 26, "Car": 21, "Pedestrian": 10, "Cyclist": 3, "Misc": 1, "Truck": 1
    }  # fmt: skip


def test_masked_images_are_written_anew_and_the_originals_left_behind(make, kitti_tree):
    """Noise holds nothing to find: the pixels only pass through JPEG."""
    manifest, dataset = make(kitti_tree().frames(4, size=(40, 60)).root, masking=["faces", "plates"])
    images = list(dataset.rglob("images/*"))
    assert (len(images), {path.suffix for path in images}) == (4, {".jpg"})
    for split in manifest["rows"]:
        for image in read_json(dataset / split, "annotations.json")["images"]:
            assert decode((dataset / split / "images" / image["file_name"]).read_bytes()).shape == (40, 60, 3)
            assert manifest["files"][f"{split}/images/{image['file_name']}"]["sha256"] == image["sha256"]
    masking = read_json(dataset, "metadata.json")["masking"]
    assert (masking["kinds"], set(masking["regions"])) == (["faces", "plates"], {"faces", "plates"})
    page = (dataset / "quality_report.md").read_text()
    assert "regions masked as faces; the originals are not kept. Measured recall: 3 of 4 marked faces" in page


def test_unknown_masking_is_refused(make, kitti_tree):
    with pytest.raises(UserError, match=r"preprocessing\.masking: hands given; choose faces or plates"):
        make(kitti_tree().frames(4).root, masking=["hands"])


def test_point_clouds_are_made_of_every_frame_and_named_in_the_manifest(make, kitti_tree):
    """Two of three points lie in the range; the default raster has 200 x 200 cells."""
    points = np.array([[10, 0, 0, 0.5], [20, 1, 0, 0.2], [-10, 0, 0, 0.5]])
    manifest, dataset = make(kitti_tree().frames(5, points=points).root, points={"outputs": ["filtered", "bev"]})
    made = sorted(dataset.rglob("points/*.npz"))
    assert len(made) == 5
    assert {str(path.relative_to(dataset)) for path in made} <= set(manifest["files"])
    with np.load(made[0]) as arrays:
        assert (arrays["filtered"].shape, arrays["bev"].shape[1:]) == ((2, 4), (200, 200))
    assert read_json(dataset, "metadata.json")["points"]["test"]["totals"]["points_in_range"] == 2
    assert "## Point clouds" in (dataset / "quality_report.md").read_text()


def test_frame_without_a_scan_is_bad_only_where_point_clouds_are_asked_for(make, kitti_tree):
    points = np.array([[10.0, 0, 0, 0.5]])
    tree = kitti_tree().frames(5, points=points).frame("000005")
    assert make(tree.root)[0]["dropped"] == {}
    manifest, dataset = make(tree.root, points={"outputs": ["bev"]})
    assert manifest["dropped"] == {"bad_frames": 1}
    assert "velodyne/000005.bin: cannot be read" in read_json(dataset, "metadata.json")["bad_frames"][0]["reason"]


def test_settings_of_point_clouds_are_judged_before_any_frame_is_read(make, kitti_tree):
    with pytest.raises(UserError, match=r"preprocessing\.points\.outputs: meshes"):
        make(kitti_tree().frames(4).root, points={"outputs": ["meshes"]})
