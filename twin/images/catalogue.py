"""The images: their folders, flavours and names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from twin.environment import ACCOUNT, REGION
from twin.layout import PROJECT

DOCKER = PROJECT / "docker"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
"""Of the twin: images carry its address, so that jobs find them under the name that they ask for."""
VERSION = "1"
SOURCES_LABEL = "mlops.sources"


@dataclass(frozen=True)
class Image:
    """One image. Those that compute have two flavours of one Dockerfile, by their build argument ACCELERATOR."""

    name: str
    """As in its repository, without `mlops-`."""
    folder: str
    accelerator: str = ""

    @property
    def dockerfile(self) -> Path:
        return DOCKER / self.folder / "Dockerfile"

    @property
    def wanted(self) -> Path:
        """What it needs, by name."""
        flavoured = DOCKER / self.folder / f"{self.accelerator}.txt"
        return flavoured if self.accelerator and flavoured.exists() else DOCKER / self.folder / "requirements.txt"

    @property
    def lock(self) -> Path:
        """What it holds: every package with its version and hashes."""
        return DOCKER / self.folder / f"{self.accelerator or 'requirements'}.lock"

    def sources(self) -> str:
        """Digest of the Dockerfile and of all files that it copies: which code an image holds."""
        digest = hashlib.sha256()
        for path in sorted({self.dockerfile, *self._copied()}):
            digest.update(f"{path.relative_to(PROJECT)}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def _copied(self) -> Iterator[Path]:
        for line in self.dockerfile.read_text().splitlines():
            words = line.split()
            if words[:1] != ["COPY"] or words[1].startswith("--"):
                continue
            for word in words[1:-1]:
                path = PROJECT / word.replace("${ACCELERATOR}", self.accelerator)
                below = path.rglob("*") if path.is_dir() else [path]
                yield from (file for file in below if file.is_file() and "__pycache__" not in file.parts)

    def address(self, registry: str = REGISTRY, version: str = VERSION) -> str:
        return f"{registry}/mlops-{self.name}:{version}"


_COMPUTING = ("training", "processing", "inference")
IMAGES = {
    image.name: image
    for image in (
        *(Image(folder, folder, "cpu") for folder in _COMPUTING),
        *(Image(f"{folder}-gpu", folder, "cuda") for folder in _COMPUTING),
        Image("mcp", "mcp"),
        Image("airflow", "airflow"),
    )
}
USUAL = tuple(name for name, image in IMAGES.items() if image.accelerator != "cuda")
"""What `make images` builds; the others need a CUDA base and gigabytes."""
