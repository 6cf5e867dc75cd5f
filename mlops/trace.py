"""`python -m mlops.trace RUN_KEY`: the spans of a run as a tree with times, read from X-Ray."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlops.aws import Cloud, translated
from mlops.errors import MlopsError
from mlops.settings import Settings
from mlops.telemetry import ids

_BAR = 32
"""Characters for the whole time of the trace."""


@dataclass
class Span:
    """One segment or subsegment. Times in seconds since 1970; one that still runs ends at its beginning."""

    id: str
    parent: str
    name: str
    service: str
    began: float
    ended: float
    failed: bool
    annotations: Mapping[str, Any] = field(default_factory=dict)
    below: list[Span] = field(default_factory=list)


def spans(documents: Iterable[Mapping[str, Any]], parent: str = "", service: str = "") -> Iterator[Span]:
    """Segments with what is nested in them, in X-Ray's two ways of saying what belongs below what."""
    for document in documents:
        named = str(document.get("service", {}).get("name", "")) or service
        yield Span(
            id=str(document["id"]),
            parent=str(document.get("parent_id", parent)),
            name=str(document["name"]),
            service=named,
            began=float(document["start_time"]),
            ended=float(document.get("end_time", document["start_time"])),
            failed=bool(document.get("fault") or document.get("error")),
            annotations=document.get("annotations", {}),
        )
        yield from spans(document.get("subsegments", ()), str(document["id"]), named)


def trees(found: Iterable[Span]) -> list[Span]:
    """Spans below their parents, each level by time. One whose parent has not ended yet stands at the top."""
    known = {span.id: span for span in found}
    tops: list[Span] = []
    for span in sorted(known.values(), key=lambda span: (span.began, -span.ended)):
        above = known.get(span.parent)
        (above.below if above else tops).append(span)
    return tops


def read(cloud: Cloud, run_key: str) -> list[Span]:
    """The trace of a run as trees; empty where nothing of it is known (yet)."""
    asked = ids.xray(ids.trace_id(run_key))
    documents: list[Mapping[str, Any]] = []
    with translated(f"read trace {asked}"):
        for page in cloud.client("xray").get_paginator("batch_get_traces").paginate(TraceIds=[asked]):
            documents += [json.loads(each["Document"]) for trace in page["Traces"] for each in trace["Segments"]]
    return trees(spans(documents))


def draw(tops: Sequence[Span]) -> list[str]:
    """One line a span: name, where it ran, when it began after the first, how long it took, a bar."""
    lines = [(depth, span) for top in tops for depth, span in _walk(top, 0)]
    if not lines:
        return []
    first = min(span.began for _, span in lines)
    whole = max(max(span.ended for _, span in lines) - first, 1e-9)
    width = max(2 * depth + len(span.name) for depth, span in lines)
    return [_line(depth, span, first, whole, width) for depth, span in lines]


def _walk(span: Span, depth: int) -> Iterator[tuple[int, Span]]:
    yield depth, span
    for below in span.below:
        yield from _walk(below, depth + 1)


def _line(depth: int, span: Span, first: float, whole: float, width: int) -> str:
    start = min(_BAR - 1, int(_BAR * (span.began - first) / whole))
    length = max(1, min(_BAR - start, round(_BAR * (span.ended - span.began) / whole)))
    name = "  " * depth + span.name
    bar = " " * start + ("x" if span.failed else "#") * length
    times = f"{span.began - first:8.2f} {span.ended - span.began:8.2f} s"
    return f"{name:<{width}}  {span.service:<14} {times}  |{bar:<{_BAR}}|"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the trace; 1 where there is none, or X-Ray cannot be asked."""
    parser = argparse.ArgumentParser(prog="python -m mlops.trace", description=__doc__)
    parser.add_argument("run_key", help="e.g. gh-4242-7-0123456789ab; also the id of any Airflow run of ours")
    run_key = parser.parse_args(arguments).run_key
    try:
        tops = read(Cloud.from_settings(Settings.from_environment()), run_key)
    except MlopsError as trouble:
        print(trouble, file=sys.stderr)
        return 1
    if not tops:
        print(f"No span of {run_key} is known; is MLOPS_TRACES_URL set where it ran?", file=sys.stderr)
        return 1
    print(f"{run_key}, trace {ids.xray(ids.trace_id(run_key))}", *draw(tops), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
