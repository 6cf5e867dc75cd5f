"""`python -m workloads.detection {evaluate|latency}`: judge COCO detections, or time a detector."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from workloads.command_line import leave
from workloads.contract import UserError
from workloads.detection import latency_command
from workloads.detection.coco_metrics import evaluate_files


def main(arguments: Sequence[str] | None = None) -> int:
    """0 done, 2 bad input (one line on stderr)."""
    parser = argparse.ArgumentParser(prog="python -m workloads.detection", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    judge = commands.add_parser("evaluate", help="COCO's twelve box metrics")
    judge.add_argument("--truth", type=Path, required=True, help="COCO JSON with images, annotations, categories")
    judge.add_argument("--detections", type=Path, required=True, help="COCO JSON list of detections")
    judge.add_argument("--json", action="store_true", help="print JSON")
    latency_command.add_to(commands)
    chosen = parser.parse_args(arguments)
    try:
        return latency_command.run(chosen) if chosen.command == "latency" else _evaluate(chosen)
    except UserError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        return 2


def _evaluate(chosen: argparse.Namespace) -> int:
    metrics = evaluate_files(chosen.truth, chosen.detections)
    text = [f"{name:<10}{'-' if value is None else f'{value:.4f}'}" for name, value in metrics.items()]
    print(json.dumps(metrics, indent=2) if chosen.json else "\n".join(text))
    return 0


if __name__ == "__main__":
    leave(main)
