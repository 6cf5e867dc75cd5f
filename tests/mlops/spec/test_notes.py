"""What a run is told before it starts."""

import pytest

from mlops.spec import parse_issue
from mlops.spec.notes import notes

DETECTOR = "model_type: supervised_learning\nalgorithm: yolox\nvariant: {variant}\ndataset: {dataset}\n{extra}"
EPOCHS = "hyperparameters: {epochs: 300}"


def said(variant="m", dataset="{name: kitti}", extra=EPOCHS):
    return notes(parse_issue(DETECTOR.format(variant=variant, dataset=dataset, extra=extra)))


def test_the_frames_of_kitti_that_have_no_labels_are_explained():
    first = said(dataset="{name: kitti, train_size: 7481, val_size: 7518}")[0]
    assert "no public labels" in first
    assert "3,712 and 3,769" in first


def test_the_effective_learning_rate_is_told():
    """By hand: 0.01 for 64 images is 0.005 for 32."""
    (rate,) = said(extra="hyperparameters: {epochs: 300, lr: 0.01, batch_size: 32}")
    assert "0.01 with 32 images is a rate of 0.005" in rate


@pytest.mark.parametrize(("variant", "told"), [("nano", True), ("tiny", True), ("s", False)])
def test_mixup_is_kept_and_told_where_the_variant_usually_goes_without(variant, told):
    found = said(variant, extra="hyperparameters: {epochs: 300, mixup_prob: 1.0}")
    assert any("without MixUp; your 1 is kept" in note for note in found) is told


def test_a_short_training_is_told_how_long_it_goes_without_mosaic():
    assert said(extra="hyperparameters: {epochs: 20}")[-1].startswith("With 20 epochs in all, the last 10 go")


def test_a_table_has_nothing_to_be_told():
    assert notes(parse_issue("model_type: supervised_learning\nalgorithm: xgboost\ndataset: {name: wine}")) == []


def test_a_variant_that_changes_nothing_is_told():
    table = "model_type: supervised_learning\nalgorithm: xgboost\nvariant: dart\ndataset: {name: wine}"
    assert notes(parse_issue(table)) == ["xgboost comes in one variant only; dart changes nothing."]
