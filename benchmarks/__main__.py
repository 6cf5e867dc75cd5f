"""`python -m benchmarks` lists, `python -m benchmarks NAME [--json]` runs one."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence

from benchmarks import registry


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", choices=sorted(registry.BENCHMARKS), help="none: list them")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--tiny", action="store_true", help="smallest sizes: proves that it runs, measures nothing")
    chosen = parser.parse_args(arguments)
    if chosen.name is None:
        width = max(map(len, registry.BENCHMARKS)) + 2
        print(json.dumps(registry.BENCHMARKS, indent=2) if chosen.json else
              "\n".join(f"{name:<{width}}{sentence}" for name, sentence in registry.BENCHMARKS.items()))  # fmt: skip
        return 0
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")  # read at the first import of numpy: one core against one core
    outcome = registry.find(chosen.name)(chosen.tiny)
    print(json.dumps(outcome.as_dict(), indent=2) if chosen.json else outcome.text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
