"""One entry for every container: `python -m workloads {prepare|train|validate|package|drift|serve}`."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from workloads import contract

COMMANDS = {
    "prepare": ("workloads.tabular.prepare", contract.Kind.PROCESSING),
    "train": ("workloads.tabular.train", contract.Kind.TRAINING),
    "validate": ("workloads.tabular.validate", contract.Kind.PROCESSING),
    "package": ("workloads.tabular.package", contract.Kind.PROCESSING),
    "drift": ("workloads.drift", contract.Kind.PROCESSING),
    "serve": ("workloads.serving.server", None),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 done, 1 our defect, 2 the requester's mistake (or a wrong command line)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if len(words) != 1 or words[0] not in COMMANDS:
        print(f"usage: python -m workloads {{{'|'.join(COMMANDS)}}}", file=sys.stderr)
        return 2
    module, kind = COMMANDS[words[0]]
    limit_threads()

    def command() -> int | None:
        return importlib.import_module(module).main()  # only what this command needs is ever imported

    if kind is None:
        return command() or 0
    return contract.run_job(command, phase=words[0], kind=kind)


def limit_threads() -> None:
    """As many threads as we may use cores, unless the environment says otherwise.

    Before numpy is imported: OpenBLAS and OpenMP read this once, and see the host's cores, not the container's.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, str(min(cores, 16)))


if __name__ == "__main__":
    sys.exit(main())
