"""`python -m workloads.scenes --out DIR [--frames N] [--seed S] [--height H --width W]`: a synthetic data set."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from workloads.command_line import leave
from workloads.contract import UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """0 done, 2 bad input (one line on stderr)."""
    from workloads.scenes.dataset import Settings, write
    from workloads.scenes.light import DAYS

    standard = Settings()
    parser = argparse.ArgumentParser(prog="python -m workloads.scenes", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the folder to fill; it must not hold frames yet")
    parser.add_argument("--frames", type=int, default=standard.frames, help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=standard.seed, help="equal seeds give equal files (%(default)s)")
    parser.add_argument("--height", type=int, default=standard.height, help="of the image, pixels (%(default)s)")
    parser.add_argument("--width", type=int, default=standard.width, help="of the image, pixels (%(default)s)")
    parser.add_argument("--steps", type=int, default=standard.steps, help="shots a beam and turn (%(default)s)")
    parser.add_argument("--light", help=f"one kind of daylight for all: {', '.join(DAYS)}; default: each draws its own")
    chosen = vars(parser.parse_args(arguments))
    folder = chosen.pop("out")
    try:
        print(json.dumps(write(folder, Settings(**chosen)), indent=2))
    except UserError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    leave(main)
