"""`python -m mlops.lambdas package`: one zip a handler, below build/lambda."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from mlops.lambdas.package import FOLDER, handlers, package


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m mlops.lambdas", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("package", help="write the zips")
    build.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    chosen = parser.parse_args(arguments)
    for handler in handlers():
        path = package(handler, chosen.folder)
        print(f"{path} {path.stat().st_size} bytes, sha256 {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
