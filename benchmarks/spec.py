"""Reading one issue body: our parser with all its checks against the bare YAML reader everyone uses.

`yaml.safe_load` is a bound, not a peer: it finds no fenced block, knows no schema and names no mistake.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median

import yaml

from benchmarks import interleaved
from benchmarks.outcome import Outcome, Row
from mlops.spec import parse_issue

ISSUE = Path(__file__).parents[1] / "examples" / "issues" / "breast_cancer_xgboost.md"


def measure(tiny: bool = False) -> Outcome:
    body = ISSUE.read_text(encoding="utf-8")
    fenced = body.split("```")[1].removeprefix("yaml")
    contenders = {
        "parse_issue": lambda: parse_issue(body),
        "yaml.safe_load": lambda: yaml.safe_load(fenced),
        "yaml.CSafeLoader": lambda: yaml.load(fenced, Loader=yaml.CSafeLoader),
    }
    seconds = interleaved.rounds(contenders, *((1, 0.0) if tiny else (interleaved.ROUNDS, 0.2)))
    rows = [Row(f"{name}, CPU per issue", median(times) * 1e6, "µs") for name, times in seconds.items()]
    what = "cost, parse_issue over yaml.safe_load"
    ratio = interleaved.ratio(what, seconds["parse_issue"], seconds["yaml.safe_load"], "<= 3")
    note = f"{len(body)} bytes of issue, {len(fenced)} of YAML; a poll reads each changed issue once."
    return Outcome("spec", rows, [ratio], packages=("PyYAML", "pydantic"), notes=[note])
