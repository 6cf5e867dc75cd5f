"""Build one image with whatever engine is there, under this machine's settings of pip."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from twin.engine import Engine, EngineMissing, Mount, limits
from twin.images.catalogue import IMAGES, SOURCES_LABEL, Image
from twin.layout import PROJECT

CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
"""Where pip in a build finds the certificates of this machine, if its settings name any."""
_FOR_BUILDS = {
    "index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "proxy", "timeout",
    "default-timeout", "retries",
}  # fmt: skip


class BuildFailed(Exception):
    """The engine's last words."""


@dataclass(frozen=True)
class PipSettings:
    """What `pip config list` says here, as far as a build needs it. It may hold passwords: it becomes a secret."""

    options: dict[str, str]
    certificates: Path | None = None

    @classmethod
    def here(cls) -> PipSettings:
        listed = subprocess.run(
            [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
        ).stdout
        return cls.read(listed)

    @classmethod
    def read(cls, listed: str) -> PipSettings:
        """From lines such as `global.index-url='https://...'`; the environment (`:env:`) wins, as in pip."""
        found: dict[str, str] = {}
        for line in sorted(listed.splitlines(), key=lambda one: one.startswith(":env:")):
            name, _, value = line.partition("=")
            found[name.rpartition(".")[2]] = shlex.split(value)[0] if value else ""
        named = found.get("cert")
        return cls({k: v for k, v in found.items() if k in _FOR_BUILDS and v}, Path(named) if named else None)

    @property
    def folders(self) -> list[Path]:
        """Folders of wheels and indexes on this machine, which the build must see at the same place."""
        wheels = [Path(word) for word in self._local("find-links")]
        # An index's pages link to files beside it.
        indexes = [Path(word).parent for name in ("index-url", "extra-index-url") for word in self._local(name)]
        return [path for path in dict.fromkeys([*wheels, *indexes]) if path.is_dir()]

    def _local(self, name: str) -> list[str]:
        words = self.options.get(name, "").split()
        return [word.removeprefix("file://") for word in words if word.startswith(("/", "file:///"))]

    def text(self) -> str:
        """As `/etc/pip.conf`."""
        options = {**self.options, **({"cert": CERTIFICATES} if self.certificates else {})}
        return "[global]\n" + "".join(f"{name} = {value}\n" for name, value in options.items())


def command(
    engine: Engine, image: Image, addresses: list[str], settings: PipSettings, secret: Path, base: str | None
) -> list[str]:
    """The engine's command line.

    Args:
        addresses: names with tags that the image gets.
        secret: file with `settings.text()`.
        base: takes the place of the Dockerfile's BASE_IMAGE.

    Raises:
        BuildFailed: pip's settings name folders of this machine, which docker cannot show to a build.
    """
    if engine.name == "docker" and settings.folders:
        raise BuildFailed(
            f"pip reads {settings.folders[0]} here, and docker shows no folder to a build: use podman or buildah."
        )
    argv = [engine.command, "build", "--file", str(image.dockerfile), "--platform", "linux/amd64"]
    if engine.name != "docker":
        # HEALTHCHECK exists in Docker's format only. A mirror on this machine's own address must be reached.
        argv += ["--format", "docker", "--network=host", "--layers", *limits()]
        argv += [word for folder in settings.folders for word in ("-v", str(Mount(folder, str(folder))))]
    argv += ["--secret", f"id=pip,src={secret}"]
    if settings.certificates:
        argv += ["--secret", f"id=certificates,src={settings.certificates}"]
    argv += ["--label", f"{SOURCES_LABEL}={image.sources()}"]
    arguments = {"ACCELERATOR": image.accelerator, "BASE_IMAGE": base or ""}
    if image.accelerator == "cuda" or {"find-links", "index-url"} & set(settings.options):
        arguments["PIP_EXTRA_INDEX_URL"] = settings.options.get("extra-index-url", "") or " "
    for name, value in arguments.items():
        if value:
            argv += ["--build-arg", f"{name}={value.strip()}"]
    for address in addresses:
        argv += ["--tag", address]
    return [*argv, str(PROJECT)]


def build(engine: Engine, image: Image, addresses: list[str], base: str | None = None) -> float:
    """Seconds that it took; what the engine says goes to `build/images/<name>.log`. Raises BuildFailed."""
    settings = PipSettings.here()
    log = PROJECT / "build" / "images" / f"{image.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, log.open("w") as out:
        secret = Path(folder) / "pip.conf"
        secret.touch(mode=0o600)
        secret.write_text(settings.text())
        argv = command(engine, image, addresses, settings, secret, base)
        done = subprocess.run(argv, stdout=out, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise BuildFailed(f"{image.name} was not built; the end of {log}:\n" + log.read_text()[-2000:])
    return time.monotonic() - began


def require(engine: Engine, names: Iterable[str]) -> None:
    """Raises EngineMissing where one of these images is not there, or holds other code than this checkout's."""
    names = tuple(names)
    missing = [name for name in names if not engine.has(IMAGES[name].address())]
    if missing:
        raise EngineMissing(f"{engine.name} has no image of {', '.join(missing)}; `make images` builds them.")
    old = [name for name in names if engine.label(IMAGES[name].address(), SOURCES_LABEL) != IMAGES[name].sources()]
    if old:
        raise EngineMissing(
            f"{engine.name}'s image of {', '.join(old)} holds other code than this folder; `make images` mends it."
        )
