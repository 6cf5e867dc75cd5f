"""Podman, docker or buildah: which one is there, and the command lines that we give it."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ANSWER_S = 30.0
_SCRATCH = "/tmp:rw,mode=1777"  # noqa: S108 - of the container
_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}
_LABEL = "twin.part-of"
_LIMITS = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}
_MOST = 16_384  # podman sets its own limit of processes to the kernel's pid_max, 32,768 by default
_SETTINGS = (
    "PATH", "HOME", "TMPDIR", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "CONTAINERS_CONF",
    "CONTAINERS_STORAGE_CONF", "CONTAINERS_REGISTRIES_CONF", "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT",
)  # fmt: skip


class EngineMissing(Exception):
    """No engine that can do what was asked; the message names those that could."""


@dataclass(frozen=True)
class Mount:
    """A folder or file of this machine, as the container sees it."""

    source: Path
    target: str
    writable: bool = False

    def __str__(self) -> str:
        return f"{self.source}:{self.target}:{'rw' if self.writable else 'ro'}"


@dataclass(frozen=True)
class Engine:
    """One engine, by its command."""

    command: str

    @property
    def name(self) -> str:
        return Path(self.command).name

    def run(
        self, image: str, arguments: Sequence[str] = (), *, name: str, variables: Mapping[str, str] | None = None,
        mounts: Iterable[Mount] = (), entrypoint: str = "", as_owner: bool = False, belongs_to: str = "",
    ) -> list[str]:  # fmt: skip
        """The command line of one container: no capabilities, nothing to write to but `/tmp` and writable mounts.

        Args:
            as_owner: run as whoever owns the mounted files, that is us, and not as the user that the image names.
            belongs_to: the system that it goes away with; see `remove_all`.
        """
        argv = [
            self.command, "run", "--rm", "--name", name, "--pull=never", "--network=host", "--read-only",
            "--tmpfs", _SCRATCH, "--shm-size=1g", "--cap-drop=all", "--security-opt", "no-new-privileges", *limits(),
        ]  # fmt: skip
        if belongs_to:
            argv += ["--label", f"{_LABEL}={belongs_to}"]
        if as_owner:
            argv += ["--user", self._owner()]
        for mount in mounts:
            argv += ["-v", str(mount)]
        for variable, value in (variables or {}).items():
            argv += ["-e", f"{variable}={value}"]
        if entrypoint:
            argv += ["--entrypoint", entrypoint]
        return [*argv, image, *arguments]

    def _owner(self) -> str:
        # A rootless podman maps its caller to root; docker's daemon takes numbers as they are.
        return "0" if self.name == "podman" else f"{os.getuid()}:{os.getgid()}"

    def has(self, image: str) -> bool:
        return self._ask("image", "inspect", image).returncode == 0

    def size(self, image: str) -> int:
        """Bytes, unpacked. Raises EngineMissing as `describe`."""
        told = self.describe(image)
        if "Size" in told:
            return int(told["Size"])
        # buildah tells no size when it describes.
        listed = json.loads(self._ask("images", "--json", image).stdout)
        return int(float(listed[0]["size"].split()[0]) * _UNITS[listed[0]["size"].split()[1]])

    def describe(self, image: str) -> dict[str, Any]:
        """What the engine says of an image. Raises EngineMissing where there is none of that name."""
        told = self._ask("inspect", "--type", "image", image)
        if told.returncode != 0:
            raise EngineMissing(f"{self.name} has no image {image}; `make images` builds it.")
        found = json.loads(told.stdout)
        return found[0] if isinstance(found, list) else found

    def label(self, image: str, name: str) -> str:
        """Empty where the image has none of that name. Raises EngineMissing as `describe`."""
        found = self.describe(image)
        labels = found.get("Labels") or found.get("Config", {}).get("Labels") or {}
        if "OCIv1" in found:  # buildah's way
            labels = found["OCIv1"].get("config", {}).get("Labels") or {}
        return str(labels.get(name, ""))

    def health_check(self, image: str) -> list[str]:
        """As its Dockerfile says, e.g. `["CMD", "python", ...]` or `["NONE"]`. Raises EngineMissing as `describe`."""
        found = self.describe(image)
        check = found.get("Healthcheck") or found.get("Config", {}).get("Healthcheck") or {}
        return list(check.get("Test", []))

    def remove(self, name: str) -> None:
        """Also one that runs; none of that name is fine."""
        self._end(name)

    def containers(self, belongs_to: str) -> list[str]:
        """Names of the containers of one system, also of those that ended and were not removed."""
        return self._ask(
            "ps", "-a", "--filter", f"label={_LABEL}={belongs_to}", "--format", "{{.Names}}"
        ).stdout.split()

    def remove_all(self, belongs_to: str) -> None:
        """Every container of one system, whatever killed its client."""
        if left := self.containers(belongs_to):
            self._end(*left)

    def _end(self, *names: str) -> None:
        self._ask("kill", *names)  # podman's `rm -f` would first wait ten seconds for each
        self._ask("rm", "-f", *names)

    def _ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([self.command, *words], capture_output=True, text=True, timeout=_ANSWER_S, check=False)


def limits() -> list[str]:
    """Options for open files and processes: the engines' own defaults, a million, cannot be set where we may not."""
    argv = []
    for name, kind in _LIMITS.items():
        _, hard = resource.getrlimit(kind)
        allowed = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
        argv += ["--ulimit", f"{name}={allowed}:{allowed}"]
    return argv


def settings() -> dict[str, str]:
    """Of this process's environment, what an engine's command needs to find its configuration."""
    return {name: os.environ[name] for name in _SETTINGS if name in os.environ}


def find(*, to: str = "run") -> Engine:
    """The engine named in TWIN_CONTAINER_ENGINE, or the first of podman, docker and buildah that answers.

    Args:
        to: `run` containers, or `build` images, which is all that buildah does.

    Raises:
        EngineMissing: none answers.
    """
    can = ["podman", "docker", "buildah"] if to == "build" else ["podman", "docker"]
    chosen = os.environ.get("TWIN_CONTAINER_ENGINE")
    for command in [chosen] if chosen else can:
        if to == "run" and Path(command).name == "buildah":
            continue
        if shutil.which(command) and _answers(command):
            return Engine(command)
    raise EngineMissing(f"No container engine answers: install {' or '.join(can)}, or start docker's daemon.")


def _answers(command: str) -> bool:
    try:
        asked = subprocess.run([command, "info"], capture_output=True, timeout=_ANSWER_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0
