"""One entry for every container: `python -m workloads {prepare|train|validate|package|drift|points|serve}`.

The algorithm in `run.json` decides whose `prepare`, `train`, `validate`, `package` and `drift` runs.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from mlops.telemetry import lines
from workloads import contract

PHASES = {
    "prepare": contract.Kind.PROCESSING,
    "train": contract.Kind.TRAINING,
    "validate": contract.Kind.PROCESSING,
    "package": contract.Kind.PROCESSING,
    "drift": contract.Kind.PROCESSING,
}
"""Each is a module of the package that the catalogue of algorithms names, e.g. `workloads.tabular.prepare`."""
OTHERS = {
    "points": ("workloads.pointcloud.job", contract.Kind.PROCESSING),
    "serve": ("workloads.serving.server", None),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 done, 1 our defect, 2 the requester's mistake (or a wrong command line)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if len(words) != 1 or words[0] not in PHASES | OTHERS:
        print(f"usage: python -m workloads {{{'|'.join([*PHASES, *OTHERS])}}}", file=sys.stderr)
        return 2
    (name,) = words
    kind = PHASES[name] if name in PHASES else OTHERS[name][1]
    limit_threads()

    def command() -> int | None:
        # Only what this command needs is ever imported.
        module = f"workloads.{workload(kind)}.{name}" if name in PHASES else OTHERS[name][0]
        return importlib.import_module(module).main()

    if kind is None:
        return command() or 0
    return contract.run_job(command, phase=name, kind=kind)


def workload(kind: contract.Kind | None) -> str:
    """The package that does the phases of the algorithm in `run.json`; raises UserError where none can."""
    from mlops.spec.algorithms import ALGORITHMS

    paths = contract.Paths.here()
    run = contract.Run.read(paths.channel("run") if kind is contract.Kind.TRAINING else paths.input("run"))
    known = ALGORITHMS.get(run.algorithm)
    if known is None or known.workload is None:
        raise contract.UserError(f"algorithm: {run.algorithm or 'none'!r} has no workload; see docs/run-spec.md")
    return known.workload


def limit_threads() -> None:
    """As many threads as we may use cores, unless the environment says otherwise.

    Before numpy is imported: OpenBLAS and OpenMP read this once, and see the host's cores, not the container's.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, str(min(cores, 16)))


if __name__ == "__main__":
    lines.configure("WARNING", contract.facts)
    sys.exit(main())
