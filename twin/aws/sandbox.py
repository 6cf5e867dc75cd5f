"""The `/opt/ml` tree of a job or server, and how its command and variables look: as a process, or as a container."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twin.aws.options import Options

_OPT_ML = re.compile(r"(?<![\w./-])/opt/ml\b")


class UnknownImage(Exception):
    """No entry point is known for the image."""


@dataclass(frozen=True)
class Sandbox:
    """`base` is what the command knows as `/opt/ml`."""

    options: Options
    base: Path
    name: str
    """Of the container, in container mode."""

    @classmethod
    def create(cls, options: Options, base: Path, name: str) -> Sandbox:
        """Raises nothing; an older tree of the same name goes."""
        shutil.rmtree(base, ignore_errors=True)
        for folder in ("input/config", "input/data", "model", "output/data", "checkpoints"):
            (base / folder).mkdir(parents=True)
        return cls(options, base, name)

    def local(self, path: str) -> Path:
        """Where `/opt/ml/...` lies on this machine. Raises ValueError for a path outside of it."""
        if path != "/opt/ml" and not path.startswith("/opt/ml/"):
            raise ValueError(f"{path} is not below /opt/ml")
        found = (self.base / path.removeprefix("/opt/ml").lstrip("/")).resolve()
        if not found.is_relative_to(self.base.resolve()):
            raise ValueError(f"{path} leads out of /opt/ml")
        return found

    def write_config(self, path: str, value: Any) -> None:
        target = self.local(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(value))

    def command(
        self, image: str, environment: Mapping[str, str], *, default: Sequence[str] = (),
        entrypoint: Sequence[str] = (), arguments: Sequence[str] = (),
    ) -> tuple[list[str], dict[str, str]]:  # fmt: skip
        """argv and variables. `default` is the container's argument where the request names none (`train`, `serve`).

        Raises UnknownImage.
        """
        if self.options.jobs == "container":
            return self._container(image, environment, entrypoint, arguments or default)
        start = [_python(entrypoint[0]), *entrypoint[1:]] if entrypoint else self._entry_point(image)
        argv = [*start, *arguments]
        inherited = {name: os.environ[name] for name in self.options.inherit if name in os.environ}
        variables = {
            **inherited,
            "PYTHONPATH": str(self.options.project),
            "PYTHONUNBUFFERED": "1",
            "SAGEMAKER_BASE_DIR": str(self.base),
            **environment,
        }
        return [self._moved(part) for part in argv], {name: self._moved(text) for name, text in variables.items()}

    def _entry_point(self, image: str) -> list[str]:
        name = image_name(image)
        if name not in self.options.images:
            raise UnknownImage(name)
        return list(self.options.images[name])

    def _moved(self, text: str) -> str:
        return _OPT_ML.sub(lambda _: str(self.base), text)

    def _container(
        self, image: str, environment: Mapping[str, str], entrypoint: Sequence[str], arguments: Sequence[str]
    ) -> tuple[list[str], dict[str, str]]:
        argv = [
            self.options.container_engine, "run", "--rm", "--init", "--name", self.name, "--network=host",
            "--user", "0", "-v", f"{self.base}:/opt/ml",
        ]  # fmt: skip
        for name, value in environment.items():
            argv += ["-e", f"{name}={value}"]
        if entrypoint:
            argv += ["--entrypoint", entrypoint[0]]
        argv += [image, *entrypoint[1:], *arguments]
        return argv, {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}

    def remove(self) -> None:
        """The tree, and in container mode whatever a killed client left running."""
        if self.options.jobs == "container":
            subprocess.run(
                [self.options.container_engine, "rm", "-f", self.name], capture_output=True, timeout=30, check=False
            )
        if not self.options.keep_work:
            shutil.rmtree(self.base.parent, ignore_errors=True)


def image_name(image: str) -> str:
    """`123.dkr.ecr.us-east-1.amazonaws.com/mlops-training:1` -> `mlops-training`."""
    return image.rpartition("/")[2].partition("@")[0].partition(":")[0]


def _python(word: str) -> str:
    return sys.executable if word in {"python", "python3"} else word
