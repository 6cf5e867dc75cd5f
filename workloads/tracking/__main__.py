"""`python -m workloads.tracking run --detections FILE --out FILE`, `... evaluate --truth FILE --tracks FILE`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from workloads.command_line import leave
from workloads.contract import UserError
from workloads.tracking import command


def main(arguments: Sequence[str] | None = None) -> int:
    """0 done, 2 bad input (one line on stderr)."""
    parser = argparse.ArgumentParser(prog="python -m workloads.tracking", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command.add_run(commands.add_parser("run", help="follow the objects of a sequence (ByteTrack)"))
    command.add_evaluate(commands.add_parser("evaluate", help="HOTA, CLEAR and IDF1 of tracks"))
    chosen = parser.parse_args(arguments)
    try:
        print({"run": command.run, "evaluate": command.judge}[chosen.command](chosen))
    except UserError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    leave(main)
