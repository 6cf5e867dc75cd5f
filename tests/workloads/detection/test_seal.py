"""The seal shows every break."""

from __future__ import annotations

from workloads.detection import seal

BOX = ("Car", 10, 10, 60, 60)


def broken(judged, learnt: str = "v1") -> list[str]:
    return seal.broken(judged.manifest, judged.dataset / "test", judged.run, {"dataset_version": learnt})


def test_frames_as_prepare_wrote_them_are_intact(judge):
    assert broken(judge([[BOX], []], [[], []], kitti=True)) == []


def test_changed_picture_added_file_and_leaked_frame_break_the_seal(judge):
    judged = judge([[BOX], [], [], []], [[]] * 4)
    images = judged.dataset / "test" / "images"
    judged.manifest["files"]["train/images/000777.png"] = judged.manifest["files"]["test/images/000003.png"]
    (images / "000002.png").write_bytes((images / "000001.png").read_bytes())
    (images / "extra.png").write_bytes(b"")
    assert broken(judged) == [
        "test/images/000002.png is not as prepare wrote it",
        "test/images/extra.png is not in the manifest",
        "1 test frames are pictures that training saw (first: test/images/000003.png is train/images/000777.png)",
    ]


def test_missing_files_are_counted(judge):
    judged = judge([[BOX], [], []], [[]] * 3)
    for name in ("000001.png", "000002.png"):
        (judged.dataset / "test" / "images" / name).unlink()
    assert broken(judged) == ["2 files (first: test/images/000001.png) are not as prepare wrote them"]


def test_model_of_another_data_set_version_breaks_the_seal(judge):
    assert broken(judge([[BOX]], [[]]), learnt="v0") == [
        "the model was trained on data set version v0, the test frames are v1's"
    ]


def test_manifest_without_test_files_proves_nothing(judge):
    judged = judge([[BOX]], [[]])
    judged.manifest = {"files": {}}
    assert broken(judged)[0] == "the manifest names no file of the test split"
