"""The `/opt/ml` tree of a job or server, and how its command and variables look: as a process, or as a container."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twin import engine
from twin.aws.options import Options
from twin.engine import Engine, Mount

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
        # Another twin on this machine may run a job of the same name.
        return cls(options, base, f"{name}-{secrets.token_hex(3)}")

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

        A container that is to `serve` reads its model and writes nowhere; it runs as the user its image names.

        Raises UnknownImage.
        """
        if self.options.jobs == "container":
            return self._container(image, environment, entrypoint, arguments or default, "serve" in default)
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

    @property
    def _engine(self) -> Engine:
        return Engine(self.options.container_engine)

    def _container(
        self, image: str, environment: Mapping[str, str], entrypoint: Sequence[str], arguments: Sequence[str],
        serves: bool,
    ) -> tuple[list[str], dict[str, str]]:  # fmt: skip
        if not self._engine.has(image):
            raise UnknownImage(image)
        if serves:
            for path in (self.base / "model", *(self.base / "model").rglob("*")):
                path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
            mount = Mount(self.base / "model", "/opt/ml/model")
        else:
            mount = Mount(self.base, "/opt/ml", writable=True)
        argv = self._engine.run(
            image, [*entrypoint[1:], *arguments], name=self.name, variables=environment, mounts=[mount],
            entrypoint=entrypoint[0] if entrypoint else "", as_owner=not serves,
            belongs_to=os.environ.get("TWIN_PART_OF", ""),
        )  # fmt: skip
        return argv, engine.settings()

    def end(self) -> None:
        """What a killed client left running; where a process was the command, it has ended with its group."""
        if self.options.jobs == "container":
            self._engine.remove(self.name)

    def remove(self) -> None:
        """The tree, and whatever still uses it."""
        self.end()
        if not self.options.keep_work:
            shutil.rmtree(self.base.parent, ignore_errors=True)


def image_name(image: str) -> str:
    """`123.dkr.ecr.us-east-1.amazonaws.com/mlops-training:1` -> `mlops-training`."""
    return image.rpartition("/")[2].partition("@")[0].partition(":")[0]


def _python(word: str) -> str:
    return sys.executable if word in {"python", "python3"} else word
