"""What may be chosen about the twin: limits, delays, images, and how jobs are run."""

from __future__ import annotations

import os
import shutil
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal

PROJECT = Path(__file__).resolve().parents[2]
"""Working directory of jobs and servers in process mode."""


def read_images(path: Path) -> dict[str, list[str]]:
    """Image name (last path part, no tag) -> argv, from a TOML file with one table `images`."""
    table = tomllib.loads(path.read_text())["images"]
    return {name: [part.replace("{python}", sys.executable) for part in argv] for name, argv in table.items()}


def _default_images() -> dict[str, list[str]]:
    chosen = os.environ.get("TWIN_IMAGES")
    return read_images(Path(chosen) if chosen else Path(__file__).with_name("images.toml"))


@dataclass(frozen=True)
class Options:
    """One field per choice; `TWIN_` plus the upper-case name sets the simple ones, e.g. `TWIN_STOP_GRACE_S=2`."""

    account: str = "123456789012"
    region: str = "us-east-1"
    jobs: Literal["process", "container"] = "process"
    """`container` runs the images themselves, with `container_engine`."""
    container_engine: str = "podman" if shutil.which("podman") else "docker"
    images: Mapping[str, list[str]] = field(default_factory=_default_images)
    project: Path = PROJECT
    boot_s: float = 0.1
    """How long an instance takes to start, for jobs and endpoints."""
    stop_grace_s: float = 5.0
    """Between SIGTERM and SIGKILL; AWS gives 120 seconds."""
    ping_timeout_s: float = 120.0
    """How long a server may take until `/ping` answers 200, where its variant does not say."""
    invoke_timeout_s: float = 60.0
    capacity: int = max(4, 2 * (os.cpu_count() or 2))
    """Jobs that run at the same time; more wait in `Starting`, as for an instance."""
    quota_training: int = 40
    """Instances of one type in use by training jobs; beyond it: ResourceLimitExceeded."""
    quota_processing: int = 40
    quota_endpoints: int = 40
    snapshot_s: float = 0.5
    """How long a change of a service that is not written through may stay in memory only."""
    capture_flush_s: float = 3.0
    replication_s: float = 1.0
    """How long a written object takes to the bucket that replication copies it to; on AWS mostly seconds."""
    check_responses: bool = False
    """Hold our own answers against the service model, too; a mismatch answers 500. For tests."""
    airflow_url: str = field(default_factory=lambda: os.environ.get("AIRFLOW_API_URL", "http://127.0.0.1:8080"))
    """The Airflow that MWAA's InvokeRestApi reaches."""
    airflow_user: str = field(default_factory=lambda: os.environ.get("AIRFLOW_USER", "admin"))
    airflow_password: str = field(default_factory=lambda: os.environ.get("AIRFLOW_PASSWORD", ""))
    keep_work: bool = False
    """Keep the `/opt/ml` trees of finished jobs."""
    inherit: tuple[str, ...] = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "TWIN_PART_OF")
    """Variables of the twin's own environment that jobs and servers see; nothing else leaks into them."""

    @classmethod
    def from_environment(cls, **chosen: object) -> Options:
        """Defaults, overridden by `TWIN_*` variables, overridden by `chosen`."""
        values: dict[str, object] = {}
        for each in fields(cls):
            text = os.environ.get(f"TWIN_{each.name.upper()}")
            if text is not None and each.type in _SIMPLE:
                values[each.name] = _SIMPLE[each.type](text)
        return cls(**{**values, **chosen})  # type: ignore[arg-type]

    def arn(self, kind: str, name: str, service: str = "sagemaker") -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{kind}/{name}"


def _truth(text: str) -> bool:
    return text.strip().lower() in {"1", "true", "yes", "on"}


_SIMPLE: dict[object, Callable[[str], object]] = {
    "str": str, "int": int, "float": float, "bool": _truth, "Literal['process', 'container']": str,
    'Literal["process", "container"]': str,
}  # fmt: skip
