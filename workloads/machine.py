"""The machine a figure was taken on; without its name a latency says nothing."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

from workloads.contract import Paths


def describe(threads: int | None = None) -> dict[str, Any]:
    """Processor, usable cores, load of the last minute, and SageMaker's name for the machine where there is one."""
    facts: dict[str, Any] = {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
    }
    if instance := _instance_type(Paths.here().base):
        facts["instance_type"] = instance
    return facts if threads is None else facts | {"threads": threads}


def sentence(facts: dict[str, Any]) -> str:
    """`Intel(R) Xeon(R) …, 2 cores, load 0.3`."""
    words = [str(facts["processor"]), f"{facts['cores']} cores", f"load {facts['load']}"]
    return ", ".join([*([str(facts["instance_type"])] if "instance_type" in facts else []), *words])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _instance_type(base: Path) -> str:
    """From the files SageMaker mounts into processing and training jobs."""
    try:
        resources = json.loads((base / "config" / "resourceconfig.json").read_text(encoding="utf-8"))
        return str(resources.get("current_instance_type", ""))
    except (OSError, ValueError, AttributeError):
        pass
    try:
        job = json.loads((base / "config" / "processingjobconfig.json").read_text(encoding="utf-8"))
        return str(job["ProcessingResources"]["ClusterConfig"]["InstanceType"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
