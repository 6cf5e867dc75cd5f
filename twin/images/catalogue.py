"""The images: their folders, flavours and names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from twin.environment import ACCOUNT, REGION
from twin.layout import PROJECT

DOCKER = PROJECT / "docker"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
"""Of the twin: images carry its address, so that jobs find them under the name that they ask for."""
VERSION = "1"


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
