"""One process for each GPU of each host of a SageMaker job; on a CPU, a few processes instead of many threads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from workloads.contract import UserError, log

PORT = 29_417
"""Where the first host of a job waits for the others; hosts of a job reach each other on any port."""
_GRACE_S = 90.0
"""SageMaker kills 120 s after SIGTERM."""


MOST_ON_CPU = 4
LEAST_PICTURES = 4
"""Of a batch in each process on a CPU: fewer give poor batch statistics."""


def wanted(environment: Mapping[str, str], base: Path, batch_size: int) -> list[dict[str, str]]:
    """The variables of each process to start on this host; empty where this one process is enough, or is one of them.

    Hosts come from SM_HOSTS and SM_CURRENT_HOST, else from SageMaker's `resourceconfig.json`; GPUs from SM_NUM_GPUS,
    else from CUDA.

    Args:
        batch_size: pictures of a step, over all processes.
    """
    if "RANK" in environment:
        return []
    hosts, current = _hosts(environment, base)
    gpus = int(environment.get("SM_NUM_GPUS") or _cuda_devices())
    cores = int(environment.get("OMP_NUM_THREADS", "1"))
    alone = len(hosts) == 1
    here = gpus or (on_cpu(cores, batch_size) if alone else 1)
    size = here * len(hosts)
    if size == 1:
        return []
    first = hosts.index(current) * here
    common = {
        "WORLD_SIZE": str(size), "LOCAL_WORLD_SIZE": str(here), "OMP_NUM_THREADS": str(max(1, cores // here)),
        "MASTER_ADDR": "127.0.0.1" if alone else hosts[0],
        "MASTER_PORT": environment.get("MASTER_PORT") or str(_free_port() if alone else PORT),
    }  # fmt: skip
    return [common | {"RANK": str(first + place), "LOCAL_RANK": str(place)} for place in range(here)]


def on_cpu(cores: int, batch_size: int) -> int:
    """How many processes share the cores.

    The threads of one process wait for each other, spinning, some hundred times a step; whatever else the machine does
    holds all of them up. Processes wait once a step, asleep. With two cores and others at work on them, two processes
    of one thread made over six pictures a second where one process of two made less than one.
    """
    return max(1, min(cores, MOST_ON_CPU, batch_size // LEAST_PICTURES))


def _free_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _hosts(environment: Mapping[str, str], base: Path) -> tuple[list[str], str]:
    if environment.get("SM_HOSTS"):
        hosts = json.loads(environment["SM_HOSTS"])
        return hosts, environment.get("SM_CURRENT_HOST", hosts[0])
    config = base / "input" / "config" / "resourceconfig.json"
    if not config.exists():
        return ["localhost"], "localhost"
    document = json.loads(config.read_text(encoding="utf-8"))
    return sorted(document["hosts"]), document["current_host"]


def _cuda_devices() -> int:
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def run_all(command: Sequence[str], variables: Sequence[Mapping[str, str]]) -> int:
    """Run `command` once for each set of variables; the exit code of the first that fails, else 0.

    Where one fails, the others wait for it in vain: they are ended. SIGTERM reaches all of them.
    """
    children = [subprocess.Popen(list(command), env={**os.environ, **one}) for one in variables]
    log("Started one process for each device", devices=len(children), world_size=variables[0]["WORLD_SIZE"])

    def end(number: int, _frame: object = None) -> None:
        for child in children:
            if child.poll() is None:
                child.send_signal(number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        while any(child.poll() is None for child in children):
            failed = [child.returncode for child in children if child.poll()]
            if failed:
                _end_patiently(children)
                return _exit_code(failed[0])
            time.sleep(0.1)
    finally:
        signal.signal(signal.SIGTERM, before)
    return next((_exit_code(child.returncode) for child in children if child.returncode), 0)


def _end_patiently(children: Sequence[subprocess.Popen[bytes]]) -> None:
    """They may be saving: SIGTERM has reached all of them, or one of them has failed."""
    deadline = time.monotonic() + _GRACE_S
    for child in children:
        if child.poll() is None:
            child.terminate()
    for child in children:
        try:
            child.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()


def _exit_code(code: int) -> int:
    """As a shell has it: 128 and the signal."""
    return code if code > 0 else 128 - code


def as_told(error: Exception, failure: Path) -> Exception:
    """What to raise for `error` in one of several processes: the mistake that another has told of, if one has.

    A process that ends breaks the connections of the others; their errors must not hide why it did.
    """
    told = failure.read_text(encoding="utf-8") if failure.exists() else ""
    mistake = told.removeprefix("UserError: ")
    return UserError(mistake) if mistake != told else error


def this_command() -> list[str]:
    """How this process was started: `python -m workloads train`."""
    return [sys.executable, "-m", "workloads", "train"]
