"""`python -m twin.github`: the emulator alone."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from twin.github.app import create
from twin.github.seed import PEOPLE
from twin.listen import PortTaken, run


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m twin.github", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8081, help="0 takes a free one")
    parser.add_argument(
        "--state", type=Path, default=Path(".twin/github"), help="folder of the database and the repositories"
    )
    given = parser.parse_args(arguments)
    tokens = "\n".join(
        f"  {person.login:<12}{person.role.role_name:<10}{person.token}" for person in PEOPLE if person.token
    )
    greeting = (
        f"GitHub emulator on {{url}}  (API {{url}}/api/v3, issues {{url}}/acme/perception/issues)\nTokens:\n{tokens}"
    )
    try:
        run(create(given.state), given.host, given.port, greeting)
    except PortTaken as taken:
        print(taken, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
