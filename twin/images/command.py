"""`python -m twin images`: lock, build, measure, and try."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import ModuleType

from twin import engine
from twin.engine import Engine, EngineMissing
from twin.images import build, locks
from twin.images.catalogue import IMAGES, REGISTRY, USUAL, VERSION, Image
from twin.layout import PROJECT

_JOBS = {"training", "processing", "inference"}
Contract = tuple[str, Callable[[], str]]


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(IMAGES)}; left out: {', '.join(USUAL)}"
    )
    parser.add_argument("--base", help="in place of python:3.11-slim, e.g. a CUDA runtime with Python 3.11")
    parser.add_argument("--registry", default=REGISTRY, help="in the images' names; the twin looks for its own")
    parser.add_argument("--tag", default=VERSION)
    parser.add_argument("--lock", action="store_true", help="only write docker/*/*.lock anew")
    parser.add_argument("--try", action="store_true", dest="only_try", help="build nothing, only run the contracts")


def run(chosen: argparse.Namespace) -> int:
    """The exit status. Raises EngineMissing, BuildFailed, Unlockable."""
    unknown = [name for name in chosen.names if name not in IMAGES]
    if unknown:
        print(f"No image {', '.join(unknown)}; there are {', '.join(IMAGES)}.", file=sys.stderr)
        return 2
    images = [IMAGES[name] for name in chosen.names or (IMAGES if chosen.lock else USUAL)]
    if chosen.lock:
        for image in images:
            print(f"{locks.write(image).relative_to(PROJECT)}  {len(locks.pinned(image.lock))} packages")
        return 0
    if not chosen.only_try:
        _build(images, chosen)
    try:
        runner = engine.find()
    except EngineMissing as missing:
        print(f"{missing} The images were not tried.")
        return 0
    return _try(runner, [image.name for image in images])


def _build(images: Sequence[Image], chosen: argparse.Namespace) -> None:
    builder = engine.find(to="build")
    print(f"Building with {builder.name}; what it says goes to build/images/.", flush=True)
    for image in images:
        address = image.address(chosen.registry, chosen.tag)
        seconds = build.build(builder, image, list(dict.fromkeys([address, image.address()])), chosen.base)
        print(f"{image.name:14} {builder.size(address) / 1e6:7.0f} MB  {seconds:4.0f} s  {address}", flush=True)


def _try(runner: Engine, names: Sequence[str]) -> int:
    """Run each contract whose images are there; say which could not be tried, and why."""
    from twin.images import contracts  # moto takes seconds to load

    failed = 0
    for what, contract in _contracts(contracts, runner, names):
        try:
            said = contract()
        except (contracts.Broken, EngineMissing) as broken:
            said, failed = f"BROKEN: {broken}", failed + 1
        print(f"{what:14} {said}", flush=True)
    return 1 if failed else 0


def _contracts(contracts: ModuleType, runner: Engine, names: Sequence[str]) -> Iterator[Contract]:
    for name in names:
        yield name, partial(contracts.confined, runner, name)
    if _JOBS & set(names):
        missing = sorted(name for name in _JOBS if not runner.has(IMAGES[name].address()))
        if missing:
            yield "jobs", lambda: f"not tried: no image of {', '.join(missing)}"
        else:
            yield "jobs", lambda: contracts.on_a_twin(runner, contracts.run_of_jobs)
    if "mcp" in names:
        yield "mcp", lambda: contracts.on_a_twin(runner, lambda url: contracts.bridge(runner, url))
    if "airflow" in names:
        yield "airflow", lambda: contracts.orchestration(runner)
