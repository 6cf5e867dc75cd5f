"""KS and PSI of many columns: ours over one cached, sorted reference against scipy's and Evidently's."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from benchmarks import interleaved
from benchmarks.outcome import Outcome, Row
from workloads.drift.two_samples import Reference, ks_p_values, ks_statistic, psi

COLUMNS = 22
EVIDENTLY_ROUNDS = 2
"""Each takes seconds; ours and scipy's are measured beside each of them again."""


def measure(tiny: bool = False) -> Outcome:
    count = 500 if tiny else 100_000
    random = np.random.default_rng(0)
    reference = random.normal(size=(COLUMNS, count))
    current = random.normal(0.01, 1.0, size=(COLUMNS, count))
    cached = [Reference(column) for column in reference]

    def our_ks() -> tuple[list[float], np.ndarray]:
        statistics = [ks_statistic(one, np.sort(column)) for one, column in zip(cached, current, strict=True)]
        return statistics, ks_p_values(statistics, [count] * COLUMNS, [count] * COLUMNS)

    def our_psi() -> list[float]:
        return [psi(one, column) for one, column in zip(cached, current, strict=True)]

    def scipys_ks() -> list[Any]:
        from scipy import stats

        return [stats.ks_2samp(a, b, method="asymp") for a, b in zip(reference, current, strict=True)]

    _check_parity(our_ks(), scipys_ks())
    once = (1, 0.0) if tiny else (interleaved.ROUNDS, 0.1)
    seconds = interleaved.rounds({"our KS": our_ks, "scipy KS": scipys_ks}, *once)
    ratios = [interleaved.ratio("our KS against scipy's", seconds["scipy KS"], seconds["our KS"])]
    rows = [Row(f"{name}, CPU", median(times) * 1e3, "ms") for name, times in seconds.items()]
    few = (1 if tiny else EVIDENTLY_ROUNDS, 0.0)
    for test, ours, aim in (("ks", our_ks, ">= 50"), ("psi", our_psi, ">= 300")):
        peer = _evidently(reference, current, test)
        beside = interleaved.rounds({f"our {test}": ours, f"Evidently {test}": peer}, *few)
        rows += [Row(f"{name} beside it, CPU" if "our" in name else f"{name}, CPU", median(times) * 1e3, "ms")
                 for name, times in beside.items()]  # fmt: skip
        what = f"our {test.upper()} against Evidently's"
        ratios.append(interleaved.ratio(what, beside[f"Evidently {test}"], beside[f"our {test}"], aim))
    rows.append(Row("sorting the references once, CPU", interleaved.cpu_seconds(
        lambda: [Reference(column) for column in reference], 0.0) * 1e3, "ms"))  # fmt: skip
    notes = [
        f"{count:,} rows x {COLUMNS} columns each side; statistics equal scipy's to 1e-9, p-values to 5e-8.",
        "Evidently: DriftedColumnsCount alone, without plots. Its PSI bins differ: values are not compared.",
    ]
    return Outcome("drift", rows, ratios, packages=("numpy", "scipy", "evidently"), notes=notes)  # fmt: skip


def _check_parity(ours: tuple[list[float], np.ndarray], theirs: list[Any]) -> None:
    np.testing.assert_allclose(ours[0], [one.statistic for one in theirs], rtol=1e-9)
    np.testing.assert_allclose(ours[1], [one.pvalue for one in theirs], atol=5e-8)


def _evidently(reference: np.ndarray, current: np.ndarray, test: str) -> Callable[[], object]:
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import DriftedColumnsCount

    warnings.filterwarnings("ignore")
    names = [f"x{place}" for place in range(len(reference))]
    definition = DataDefinition(numerical_columns=names)
    before, now = (Dataset.from_pandas(pd.DataFrame(dict(zip(names, columns, strict=True))), data_definition=definition)
                   for columns in (reference, current))  # fmt: skip
    return lambda: Report([DriftedColumnsCount(num_stattest=test)]).run(now, before).dict()
