"""Official weights load, a change of classes is told, and everything else is refused in one sentence."""

from __future__ import annotations

import collections
import hashlib
import os
import pickle
import zipfile

import numpy as np
import pytest
import torch

from workloads.contract import UserError
from workloads.yolox.network import build
from workloads.yolox.weights import load_checkpoint, load_safetensors, save_pth, save_safetensors

CLASS_LAYERS = [f"head.cls_preds.{level}.{part}" for level in range(3) for part in ("weight", "bias")]


@pytest.fixture(scope="module")
def source():
    torch.manual_seed(1)
    return build("yolox-nano", 3)


@pytest.fixture
def model():
    torch.manual_seed(2)
    return build("yolox-nano", 3)


def equal(first, second, but=()):
    known = second.state_dict()
    return all(torch.equal(values, known[name]) for name, values in first.state_dict().items()
               if name not in but and not name.endswith("num_batches_tracked"))  # fmt: skip


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda weights: {"model": weights, "start_epoch": 300, "optimizer": {"param_groups": [{"lr": 0.1}]}},
        lambda weights: {"model": weights, "best_ap": np.float64(0.4), "curr_ap": np.float32(0.4)},
        lambda weights: weights,
        lambda weights: {"model": {}, "ema": {"model": weights, "updates": 7}},
        lambda weights: {"state_dict": {f"module.{name}": values for name, values in weights.items()}},
        lambda weights: collections.OrderedDict((n, v) for n, v in weights.items() if "num_batches" not in n),
        lambda weights: {n: v.reshape(1) if "num_batches" in n else v for n, v in weights.items()},
    ],
    ids=["official", "official trainer", "bare", "average", "several devices", "without counters", "other counters"],
)  # fmt: skip
def test_weights_load_from_every_usual_layout(tmp_path, source, model, wrap):
    path = tmp_path / "weights.pth"
    torch.save(wrap(source.state_dict()), path)
    assert load_checkpoint(path, sha256(path), model) == []
    assert equal(model, source)


def test_average_is_taken_where_a_checkpoint_has_both(tmp_path, source, model):
    path = tmp_path / "weights.pth"
    torch.save({"model": build("yolox-nano", 3).state_dict(), "ema": source.state_dict()}, path)
    load_checkpoint(path, None, model)
    assert equal(model, source)


def test_what_is_saved_loads_again(tmp_path, source, model):
    path = save_safetensors(source, tmp_path / "weights.safetensors")
    assert load_safetensors(path, sha256(path).upper(), model) == []
    assert equal(model, source)
    path = save_pth(model, tmp_path / "weights.pth", start_epoch=3)
    content = torch.load(path, weights_only=True)
    assert sorted(content) == ["model", "start_epoch"]
    assert load_checkpoint(path, sha256(path), build("yolox-nano", 3)) == []
    assert sorted(os.listdir(tmp_path)) == ["weights.pth", "weights.safetensors"]


def test_other_number_of_classes_starts_these_layers_anew_and_says_so(tmp_path, source):
    path = save_pth(source, tmp_path / "weights.pth")
    model = build("yolox-nano", 8)
    before = model.head.cls_preds[0].weight.clone()
    anew = load_checkpoint(path, sha256(path), model)
    assert sorted(anew) == sorted(CLASS_LAYERS)
    assert equal(source, model, but=anew)
    assert model.head.cls_preds[0].weight.shape == (8, 64, 1, 1)
    assert not torch.equal(model.head.cls_preds[0].weight, before)
    torch.testing.assert_close(model.head.cls_preds[2].bias.sigmoid(), torch.full((8,), 0.01))


def test_a_seed_starts_these_layers_alike_in_every_process(tmp_path, source):
    """From fine to coarse; the order of a set of their names is another one in each process."""
    path, model = save_pth(source, tmp_path / "weights.pth"), build("yolox-nano", 8)
    torch.manual_seed(3)
    load_checkpoint(path, None, model)
    torch.manual_seed(3)
    for layer in model.head.cls_preds:
        assert torch.equal(layer.weight, torch.nn.Conv2d(64, 8, 1).weight)


def test_wrong_hash_is_refused_with_both_before_anything_is_parsed(tmp_path, model):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"not even a checkpoint")
    with pytest.raises(UserError) as refused:
        load_checkpoint(path, "0" * 64, model)
    assert sha256(path) in str(refused.value)
    assert "0" * 64 in str(refused.value)
    with pytest.raises(UserError, match="64 hexadecimal digits"):
        load_checkpoint(path, "abc", model)


def test_checkpoint_of_another_variant_is_refused_by_both_names(tmp_path, model):
    path = save_pth(build("yolox-tiny", 80), tmp_path / "weights.pth")
    before = {name: values.clone() for name, values in model.state_dict().items()}
    with pytest.raises(UserError, match=r"weights\.pth: holds the weights of yolox-tiny, but yolox-nano is asked for"):
        load_checkpoint(path, None, model)
    assert all(torch.equal(values, before[name]) for name, values in model.state_dict().items())


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda weights: weights.pop("head.stems.0.conv.weight"), "1 of .* layers are missing, e.g. head.stems.0.conv"),
        (lambda weights: weights.update(extra=torch.zeros(1)), "1 of .* layers are unknown, e.g. extra"),
        (lambda weights: weights.update({"head.reg_preds.0.bias": torch.zeros(7)}), "1 of .* have another shape"),
        (lambda weights: weights["head.reg_preds.0.bias"].fill_(torch.nan), "head.reg_preds.0.bias holds NaN"),
        (
            lambda weights: weights.update({"head.reg_preds.0.bias": torch.zeros(4, dtype=torch.complex64)}),
            "head.reg_preds.0.bias holds complex numbers",
        ),
        (lambda weights: weights.update({"head.reg_preds.0.bias": torch.zeros(4).bool()}), "bias holds bool; "),
        (
            lambda weights: weights.update({"head.reg_preds.0.bias": torch.zeros(4).to(torch.float8_e4m3fn)}),
            "bias holds float8_e4m3fn; YOLOX has",
        ),
        (
            lambda weights: weights.update({"head.reg_preds.0.bias": torch.zeros(4, device="meta")}),
            "bias holds a shape and no numbers",
        ),
        (lambda weights: weights.update(epoch=3), r"holds 'epoch' \(int\) among its weights"),
    ],
    ids=["missing", "unknown", "shape", "NaN", "complex", "bits", "8 bits", "no numbers", "among weights"],
)  # fmt: skip
def test_unfitting_weights_are_refused_by_layer(tmp_path, source, model, spoil, message):
    weights = {name: values.clone() for name, values in source.state_dict().items()}
    spoil(weights)
    torch.save({"model": weights}, tmp_path / "weights.pth")
    with pytest.raises(UserError, match=message):
        load_checkpoint(tmp_path / "weights.pth", None, model)


class Bomb:
    def __reduce__(self):
        return os.system, ("touch exploded",)


def write_bomb(path):
    torch.save({"model": Bomb()}, path)


def write_old_pickle(path):
    path.write_bytes(pickle.dumps({"model": Bomb()}))


def write_compressed(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weights/data.pkl", b"\0" * 1_000_000)


def write_cut(path, keep=0.6):
    save_pth(build("yolox-nano", 3), path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])


def write_cut_safetensors(path):
    save_safetensors(build("yolox-nano", 3), path)
    path.write_bytes(path.read_bytes()[:100_000])


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (write_bomb, r"wants to run (posix|nt)\.system, but a checkpoint must hold nothing but weights"),
        (write_old_pickle, "is no checkpoint"),
        (write_compressed, "is a compressed archive"),
        (write_cut, "is damaged, cut short or no checkpoint"),
        (write_cut_safetensors, "is no safetensors file, or cut short"),
        (lambda path: path.write_bytes(b""), "is no checkpoint"),
        (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1"), "is no checkpoint"),
        (lambda path: torch.save([1, 2], path), "holds no weights, but list"),
        (lambda path: torch.save({"epoch": 1}, path), r'holds no weights, but a mapping of \["epoch"\]'),
        (lambda path: path.mkdir(), "cannot be read"),
        (lambda path: None, "cannot be read"),
    ],
    ids=["bomb", "old bomb", "compressed", "cut", "cut safetensors", "empty", "text", "list", "no weights", "folder",
         "absent"],
)  # fmt: skip
def test_file_that_is_no_checkpoint_is_refused_in_one_sentence(tmp_path, monkeypatch, model, write, message):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "weights.pth"
    write(path)
    with pytest.raises(UserError, match=message) as refused:
        load_checkpoint(path, None, model)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "exploded").exists()
