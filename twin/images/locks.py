"""Hashed requirement files, made from the one list of versions: requirements-lock.txt.

`docker/*/*.txt` say by name what an image needs. What CUDA adds beside the list (NVIDIA's libraries, Triton) is as uv
resolves it: `requirements-gpu.txt` pins what we name of it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from twin.images.catalogue import Image
from twin.layout import PROJECT

VERSIONS = PROJECT / "requirements-lock.txt"
GPU_VERSIONS = PROJECT / "requirements-gpu.txt"
_PLATFORM = ("--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28")
_HEAD = "# Written by `python -m twin images --lock` from {wanted} and requirements-lock.txt.\n"


class Unlockable(Exception):
    """uv found no such set of packages; the message is its own."""


def write(image: Image) -> Path:
    """Resolve and write one image's lock anew. Raises Unlockable."""
    argv = [
        sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--generate-hashes",
        *_PLATFORM, "--constraint", str(VERSIONS), str(image.wanted),
    ]  # fmt: skip
    environment = dict(os.environ)
    if image.accelerator == "cuda":
        argv += ["--constraint", str(GPU_VERSIONS)]
        environment.pop("UV_FIND_LINKS", None)  # there lies the CPU's torch
    elif "UV_FIND_LINKS" not in environment:
        argv += ["--torch-backend", "cpu"]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=PROJECT, env=environment, check=False)
    if done.returncode != 0:
        raise Unlockable(f"{image.name}: {done.stderr.strip()}")
    head = _HEAD.format(wanted=image.wanted.relative_to(PROJECT).as_posix())
    image.lock.write_text(head + done.stdout)
    return image.lock


def pinned(lock: Path) -> dict[str, str]:
    """Name -> version, e.g. `torch` -> `2.13.0+cpu`. Raises ValueError for a line without version or hash."""
    found = {}
    for entry in lock.read_text().replace("\\\n", " ").splitlines():
        words = entry.partition("#")[0].split()
        if not words:
            continue
        name, exactly, version = words[0].partition("==")
        if not exactly or "--hash=sha256:" not in entry:
            raise ValueError(f"{lock.name}: {words[0]} has no version or no hash")
        found[name.partition("[")[0].lower()] = version
    return found
