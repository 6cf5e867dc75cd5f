"""Which GPU is taken, and which is refused before anything is computed."""

from __future__ import annotations

import pytest
import torch

from workloads import accelerator
from workloads.contract import UserError
from workloads.detection.training.world import World

CUDA_13 = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"]
CUDA_12_6 = ["sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90"]


@pytest.mark.parametrize(
    ("capability", "built_for", "runs"),
    [
        ((7, 0), CUDA_13, False),  # V100
        ((7, 0), CUDA_12_6, True),
        ((7, 5), CUDA_13, True),  # T4
        ((8, 9), CUDA_13, True),  # L4: code for 8.6 runs on it
        ((9, 0), ["sm_90a"], True),
        ((9, 1), ["sm_90a"], False),
        ((10, 3), CUDA_13, True),
        ((12, 0), CUDA_12_6, False),
        ((12, 0), [*CUDA_12_6, "compute_90"], True),
        ((7, 0), ["compute_75"], False),
        ((9, 0), [], False),
        ((9, 0), ["gfx90a"], False),
    ],
)
def test_code_runs_on_its_own_and_later_minor_versions_and_is_translated_for_later_ones(capability, built_for, runs):
    assert accelerator.runs_on(capability, built_for) is runs


@pytest.fixture
def v100(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda number: (7, 0))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: "Tesla V100-SXM2-16GB")
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: CUDA_13)


def test_gpu_that_torch_does_not_know_is_named_with_the_remedy(v100):
    with pytest.raises(UserError, match=r"Tesla V100-SXM2-16GB is sm_70, .* sm_75 .*another instance_type"):
        World(local_rank=1).device()


def test_known_gpu_is_taken_by_its_number(v100, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: CUDA_12_6)
    assert accelerator.device(1) == torch.device("cuda", 1)


def test_without_a_gpu_the_processor_computes():
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert accelerator.device() == torch.device("cpu")
