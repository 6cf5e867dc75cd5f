"""`python -m mlops.workflow render`: write the state machine for Terraform again."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mlops.workflow.definition import definition, rendered

FILE = Path(__file__).resolve().parents[2] / "terraform" / "files" / "mlops-workflow.asl.json"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m mlops.workflow", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    render = commands.add_parser("render", help="write the definition; `-` prints it")
    render.add_argument("file", nargs="?", default=str(FILE))
    chosen = parser.parse_args(arguments)
    text = rendered(definition())
    if chosen.file == "-":
        sys.stdout.write(text)
    else:
        Path(chosen.file).parent.mkdir(parents=True, exist_ok=True)
        Path(chosen.file).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
