"""Two processes over gloo, as two GPUs would be: equal weights, and gradients of one process with the whole batch."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from workloads.detection.training.precision import Precision
from workloads.detection.training.step import Agreement, loss_of
from workloads.detection.training.world import World

ROOT = Path(__file__).parents[4]

PROGRAM = """
import sys, torch
from pathlib import Path
from torch.nn.parallel import DistributedDataParallel
sys.path.insert(0, {tests!r})
from conftest import Job
from test_world import frozen_network, gradients, pictures
from workloads.detection.training import trainer, world

here = world.join()
images, targets = pictures()
mine = slice(2 * here.rank, 2 * here.rank + 2)
found = gradients(DistributedDataParallel(frozen_network()), images[mine], targets[mine], here)

class Keeping(trainer.Trainer):
    def run(self):
        super().run()
        weights = dict(self._bare.named_parameters())
        torch.save({{"gradients": found, "weights": weights}}, {folder!r} + f"/rank-{{here.rank}}.pt")

trainer.Trainer = Keeping
Job(Path({job!r}), {settings!r}).train()
"""


def frozen_network():
    """Batch statistics differ between a part and the whole; frozen, everything else must agree."""
    from workloads.yolox.network import build

    torch.manual_seed(0)
    network = build("yolox-nano", 2).train()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    return network


def pictures():
    """Four pictures with 0 to 3 objects: the parts have different numbers of answering cells."""
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(4, 3, 64, 64, generator=generator) * 255
    targets = torch.zeros(4, 3, 5)
    for image, count in enumerate([3, 2, 0, 1]):
        targets[image, :count, 1:3] = torch.rand(count, 2, generator=generator) * 40 + 10
        targets[image, :count, 3:] = torch.rand(count, 2, generator=generator) * 20 + 8
    return images, targets


def gradients(model, images, targets, world):
    loss_of(model, images, targets, l1=True, precision=Precision(), agreement=Agreement(world)).total.backward()
    return [parameter.grad for parameter in model.parameters()]


@dataclass
class Pair:
    """What two processes made of one job."""

    job: Any
    ranks: list[dict[str, Any]]
    printed: list[str]


@pytest.fixture(scope="module")
def pair(tmp_path_factory, make_lasting_job):
    if torch.cuda.is_available():
        pytest.skip("two processes would share one GPU")
    folder = tmp_path_factory.mktemp("pair")
    job = make_lasting_job(batch_size=4)
    program = PROGRAM.format(tests=str(Path(__file__).parent), folder=str(folder), job=str(job.base),
                             settings=job.hyperparameters)  # fmt: skip
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1",
              "PYTHONPATH": str(ROOT)}  # fmt: skip
    processes = [
        subprocess.Popen([sys.executable, "-c", program], cwd=folder, text=True, stderr=subprocess.PIPE,
                         stdout=subprocess.PIPE, env=os.environ | common | {"RANK": rank, "LOCAL_RANK": rank})
        for rank in "01"
    ]  # fmt: skip
    answers = [process.communicate(timeout=240) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], answers
    ranks = [torch.load(folder / f"rank-{rank}.pt", weights_only=False) for rank in (0, 1)]
    return Pair(job, ranks, [out for out, _ in answers])


def test_two_processes_have_the_gradients_of_one_with_the_whole_batch(pair):
    whole = gradients(frozen_network(), *pictures(), World())
    for mine, other, expected in zip(*(rank["gradients"] for rank in pair.ranks), whole, strict=True):
        assert torch.equal(mine, other)
        torch.testing.assert_close(mine, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()) + 1e-7)


def test_two_processes_train_to_equal_weights_and_one_speaks(pair):
    first, second = (rank["weights"] for rank in pair.ranks)
    assert all(torch.equal(values, second[name]) for name, values in first.items())
    assert (pair.printed[0].count("epoch="), pair.printed[1]) == (3, "")
    log = json.loads((pair.job.model / "training_log.json").read_text())
    assert (log["processes"], log["epochs"]) == (2, 2)
    assert {"map_50", "map_50_95"} <= log["metrics"].keys()
