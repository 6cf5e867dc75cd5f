import pytest

from workloads.contract import Run, UserError
from workloads.detection.training.settings import DEFAULTS, fit_to, read_settings


def settings(recipe=None, variant="yolox-nano", **hyperparameters):
    spec = {"algorithm": "yolox", "variant": variant, "hyperparameters": hyperparameters}
    return read_settings(Run(spec=spec), recipe or {})


def test_defaults_are_those_of_the_specification():
    from mlops.spec.algorithms import YOLOX

    assert YOLOX().model_dump(mode="python") == DEFAULTS


def test_rate_is_per_64_images():
    """0.01 / 64 * 32, as officially."""
    assert fit_to(settings(), 1000, 1).rate == pytest.approx(0.005)


def test_official_epochs_stay_and_short_trainings_are_cut():
    full = fit_to(settings(), 1000, 4)
    assert (full.warmup_epochs, full.no_aug_epochs, full.notes, full.steps_per_epoch) == (5, 15, (), 32)
    short = fit_to(settings(epochs=8), 1000, 1)
    assert (short.warmup_epochs, short.no_aug_epochs) == (1, 3)
    assert short.notes == ("warmup_epochs 5 became 1 and no_aug_epochs 15 became 3: together at most half of 8 epochs",)
    tiny = fit_to(settings(epochs=2, warmup_epochs=1, no_aug_epochs=1), 1000, 1)
    assert tiny.notes == ("warmup_epochs 1 became 0: together at most half of 2 epochs",)
    assert [short.composes(epoch) for epoch in range(8)] == [True] * 5 + [False] * 3


@pytest.mark.parametrize(
    ("frames", "devices", "batch", "steps"), [(1000, 3, 30, 34), (10, 1, 10, 1), (10, 4, 8, 2)],
    ids=["devices", "few-frames", "both"],
)  # fmt: skip
def test_batch_that_does_not_fit_is_cut_and_said(frames, devices, batch, steps):
    fitted = fit_to(settings(), frames, devices)
    assert (fitted.batch_size, fitted.steps_per_epoch) == (batch, steps)
    assert fitted.notes[0].startswith(f"batch_size 32 became {batch}: there are {frames} training frames and {devices}")


def test_input_size_is_the_datas_then_the_runs_then_the_variants():
    run = Run(spec={"variant": "yolox-s", "preprocessing": {"input_size": [320, 640]}})
    assert read_settings(run, {"input_size": [96, 320]}).input_size == (96, 320)
    assert read_settings(run, {}).input_size == (320, 640)
    assert settings().input_size == (416, 416)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"momentun": 0.9}, "hyperparameters.momentun: unknown here; there are epochs, batch_size"),
        ({"weights_uri": "s3://b/w.pth"}, "hyperparameters.weights_sha256: is needed with weights_uri"),
        ({"variant": "yolox-q"}, "variant: 'yolox-q' is no YOLOX; choose one of yolox-nano"),
        ({"recipe": {"input_size": [100, 96]}}, "height 100 given; YOLOX needs a positive multiple of 32"),
    ],
    ids=["name", "hash", "variant", "size"],
)
def test_what_cannot_be_is_refused(given, words):
    with pytest.raises(UserError, match=words):
        settings(**given)


def test_fewer_frames_than_devices_are_refused():
    with pytest.raises(UserError, match="3 of batch_size 32 over 3 training frames cannot be shared by 4 devices"):
        fit_to(settings(), 3, 4)


def test_one_value_in_a_level_is_refused():
    smallest = {"input_size": [32, 32]}
    with pytest.raises(UserError, match=r"input_size: \[32, 32\] with one picture a step has one value"):
        fit_to(settings(recipe=smallest, batch_size=1), 100, 1)
    assert fit_to(settings(recipe=smallest, batch_size=2), 100, 1).batch_size == 2
    assert fit_to(settings(recipe={"input_size": [32, 64]}, batch_size=1), 100, 1).batch_size == 1
