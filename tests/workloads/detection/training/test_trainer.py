"""Whole trainings of rectangles: they repeat, they go on after an interruption, and they refuse what cannot work."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from workloads.contract import UserError, write_json
from workloads.detection.training.interrupt import EXIT_CODE, Interrupt, Interrupted

ROOT = Path(__file__).parents[4]


def weights_of(job):
    (path,) = job.model.glob("*.pth")
    return torch.load(path, weights_only=True)["model"]


def assert_same_bits(first, second):
    assert first.keys() == second.keys()
    assert all(torch.equal(values, second[name]) for name, values in first.items())


def test_product_answers_alike_in_all_its_forms_and_says_how_it_came_about(trained):
    job, log = trained
    assert sorted(path.name for path in job.model.iterdir()) == [
        "features.json", "hyperparameters.json", "signature.json", "training_curves.png", "training_log.json",
        "yolox_nano_rectangles.onnx", "yolox_nano_rectangles.pth", "yolox_nano_rectangles.safetensors",
    ]  # fmt: skip
    signature = json.loads((job.model / "signature.json").read_text())
    session = onnxruntime.InferenceSession(job.model / signature["files"]["onnx"])
    (answer,) = session.run(None, {"images": np.zeros((2, 3, 64, 64), np.float32)})
    assert list(answer.shape[1:]) == signature["outputs"][0]["shape"][1:] == [8 * 8 + 4 * 4 + 2 * 2, 7]
    assert log["parity"]["rows"] == 2
    assert log == json.loads((job.model / "training_log.json").read_text())
    assert all(len(values) == len(log["curve"]["x"]) == 2 for values in log["curve"]["series"].values())
    assert log["device"] == ("cpu" if not torch.cuda.is_available() else torch.cuda.get_device_name())
    recorded = json.loads((job.model / "hyperparameters.json").read_text())
    assert recorded["effective_learning_rate"] == pytest.approx(0.01 / 64 * 2)
    assert recorded["augmentation"]["mosaic_prob"] == recorded["mosaic_prob"] == 0.5
    assert recorded["mixup_prob"] == 0  # as officially for Nano
    assert [value > 0 for value in log["curve"]["series"]["train:l1_loss"]] == [False, True]  # the last epoch


def test_same_seed_gives_the_same_weights_and_prints_what_sagemaker_reads(trained, make_job, capsys):
    again = make_job(size=(64, 64))
    log = again.train()
    assert_same_bits(weights_of(trained[0]), weights_of(again))
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch=")]
    assert all(re.fullmatch(r"epoch=\d+( (train|validation):\w+=[-+0-9.e]+)+", line) for line in lines)
    assert re.search(r"train:loss=\S+ train:iou_loss=\S+ train:objectness_loss=\S+ train:class_loss=", lines[0])
    assert lines[-1].startswith(f"epoch={log['best_epoch']} validation:map_50={log['metrics']['map_50']:.6g}")


def test_three_wide_frames_another_seed_and_a_batch_of_32_work_too(trained, make_job):
    other = make_job(frames=3, size=(32, 96), batch_size=32, epochs=1, seed=6, mixup_prob=1)
    notes = other.train()["notes"]
    assert notes[0].startswith("mixup_prob 1 is kept; the official recipe of yolox-nano has none")
    assert notes[1].startswith("batch_size 32 became 3: there are 3 training frames")
    assert not all(torch.equal(values, weights_of(other)[name]) for name, values in weights_of(trained[0]).items())


@pytest.mark.parametrize("looks", [0, 2], ids=["mid-epoch", "between-epochs"])
def test_interrupted_training_goes_on_to_the_same_weights(trained, make_job, monkeypatch, looks):
    """SIGTERM when the training looks for it the n-th time: once at each of two steps, once while judging."""
    whole, expected = trained
    broken = make_job("broken")
    count = iter(range(1000))

    class AskedAtLast(Interrupt):
        @property
        def asked(self):
            if next(count) == looks:
                os.kill(os.getpid(), signal.SIGTERM)
            return self.__dict__["asked"]

        @asked.setter
        def asked(self, value):
            self.__dict__["asked"] = value

    with monkeypatch.context() as patched:
        patched.setattr("workloads.detection.train.Interrupt", AskedAtLast)
        with pytest.raises(Interrupted) as left:
            broken.train()
    assert left.value.code == EXIT_CODE == 143
    assert not broken.model.exists()
    log = broken.train()
    assert_same_bits(weights_of(whole), weights_of(broken))
    assert log["curve"] == expected["curve"]


def test_damaged_checkpoint_costs_an_epoch_and_no_more(trained, make_job):
    whole, _ = trained
    job = make_job()
    shutil.copytree(whole.checkpoints, job.checkpoints)
    newest, before = sorted(job.checkpoints.glob("*.pt"), reverse=True)
    newest.write_bytes(newest.read_bytes()[:-1000])
    job.train()
    assert_same_bits(weights_of(job), weights_of(whole))
    assert before.exists()


def test_sigterm_ends_the_job_with_143_its_state_saved_and_no_failure_message(make_job):
    """A real job of two processes on two cores, or of one on a GPU; a real signal, in the midst of many epochs."""
    job = make_job(frames=8, batch_size=8, epochs=300, evaluate_every=1000)
    job.write_run()
    process = subprocess.Popen([sys.executable, "-m", "workloads", "train"], cwd=ROOT, text=True,
                               env=os.environ | {"SAGEMAKER_BASE_DIR": str(job.base), "OMP_NUM_THREADS": "2"},
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().startswith("epoch=1 ")
    process.terminate()
    _, errors = process.communicate(timeout=120)
    assert process.returncode == EXIT_CODE, errors
    assert errors.count("Interrupted; the state is saved") == 1
    processes = torch.cuda.device_count() or 2
    assert f'"world_size": "{processes}"' in errors
    assert list(job.checkpoints.glob("*.pt"))
    assert not (job.base / "output" / "failure").exists()


def test_early_stopping_counts_epochs_without_gain(make_job):
    """With a learning rate of nearly nothing, mAP stays 0: the first evaluation is the best, and the last useful."""
    job = make_job(epochs=20, early_stopping_patience=1, learning_rate=1e-9)
    log = job.train()
    assert (log["stopped_early"], log["epochs"], log["best_epoch"]) == (True, 2, 1)


def test_diverging_training_is_refused_with_the_remedy(make_job):
    with pytest.raises(UserError, match=r"learning_rate: with 1e\+30 \(per 64 images; .*training diverged.*lower it"):
        make_job(learning_rate=1e30, warmup_epochs=0).train()


def test_data_without_a_labelled_box_is_refused(make_job):
    job = make_job()
    path = job.folder("train") / "annotations.json"
    write_json(path, json.loads(path.read_text()) | {"annotations": []})
    with pytest.raises(UserError, match="train: none of its 4 frames has a labelled box"):
        job.train()


def test_fine_tuning_starts_from_the_checked_file(trained, make_job):
    import hashlib

    source, _ = trained
    (weights,) = source.model.glob("*.pth")
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    tuned = make_job("tuned", epochs=1, learning_rate=1e-9, weights_uri=f"s3://bucket/w/{weights.name}",
                     weights_sha256=digest)  # fmt: skip
    tuned.folder("weights").mkdir(parents=True)
    (tuned.folder("weights") / weights.name).write_bytes(weights.read_bytes())
    tuned.train()
    name = "backbone.backbone.stem.conv.conv.weight"
    torch.testing.assert_close(weights_of(tuned)[name], weights_of(source)[name], atol=1e-6, rtol=0)
    tuned.hyperparameters["weights_sha256"] = "0" * 64
    with pytest.raises(UserError, match=r"has the SHA-256 .*, but weights_sha256 is 000"):
        tuned.train()
    (tuned.folder("weights") / weights.name).unlink()
    with pytest.raises(UserError, match=r"weights_uri: there is no s3://bucket/w/"):
        tuned.train()
