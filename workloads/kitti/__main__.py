"""`python -m workloads.kitti evaluate --labels DIR --results DIR [--frames FILE] [--json]`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from workloads.contract import UserError
from workloads.kitti.mistakes import BadFile


def main(arguments: Sequence[str] | None = None) -> int:
    """0 done, 2 bad input (one line on stderr)."""
    parser = argparse.ArgumentParser(prog="python -m workloads.kitti", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    judge = commands.add_parser("evaluate", help="KITTI's AP of result files: 2D, AOS, BEV and 3D, R11 and R40")
    judge.add_argument("--labels", type=Path, required=True, help="folder of NNNNNN.txt with 15 columns")
    judge.add_argument("--results", type=Path, required=True, help="folder of NNNNNN.txt with 16 columns")
    judge.add_argument("--frames", type=Path, help="a list of frames, one a line; default: those with a result file")
    judge.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args(arguments)
    try:
        return _evaluate(chosen)
    except UserError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        return 2


def _evaluate(chosen: argparse.Namespace) -> int:
    from workloads.kitti.evaluation import as_document, evaluate_folders

    frames = None if chosen.frames is None else _listed(chosen.frames)
    scores, unjudged = evaluate_folders(chosen.labels, chosen.results, frames)
    if unjudged:
        print(f"note: {len(unjudged)} labelled frames have no result file and were not judged "
              f"(first: {unjudged[0]})", file=sys.stderr)  # fmt: skip
    document = as_document(scores)
    if chosen.json:
        print(json.dumps(document, indent=2))
        return 0
    print(f"{'class':<12}{'metric':<8}{'difficulty':<12}{'R11':>9}{'R40':>9}")
    for name, metrics in document.items():
        for metric, levels in metrics.items():
            if levels is None:
                print(f"{name:<12}{metric:<8}not computed: no detection has the fields it needs")
            for level, ap in (levels or {}).items():
                print(f"{name:<12}{metric:<8}{level:<12}{ap['R11']:>9.4f}{ap['R40']:>9.4f}")
    return 0


def _listed(path: Path) -> list[str]:
    try:
        frames = path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as wrong:
        raise BadFile(path, "cannot be read as a list of frames") from wrong
    if not frames:
        raise BadFile(path, "names no frame")
    return frames


if __name__ == "__main__":
    sys.exit(main())
