"""`/traces/{run key or trace id}`: the spans of a trace as a waterfall, drawn anew at each look."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from twin.aws.store import Document
from twin.aws.traces import Traces, last_moment

_HERE = Path(__file__).parent
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; style-src-attr 'unsafe-inline'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


@dataclass
class Row:
    """One span. Offset and width are shares of the whole time, in percent."""

    segment: Document
    depth: int
    offset: float
    width: float
    orphan: bool
    """Its parent has not ended, or never will."""
    facts: list[tuple[str, object]] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return self.segment.get("end_time", self.segment["start_time"]) - self.segment["start_time"]

    @property
    def kind(self) -> str:
        """The part of the system: the service's name without `mlops-`."""
        return str(self.segment.get("service", {}).get("name", "")).removeprefix("mlops-")


def rows(segments: Iterable[Document]) -> list[Row]:
    """Segments as lines of a waterfall: children below their parents, each level by time."""
    known = {each["id"]: each for each in segments}
    if not known:
        return []
    first = min(each["start_time"] for each in known.values())
    whole = max(last_moment(known.values()) - first, 1e-6)
    below: dict[str | None, list[Document]] = {}
    for each in sorted(known.values(), key=lambda one: one["start_time"]):
        above = each.get("parent_id")
        below.setdefault(above if above in known else None, []).append(each)

    def walk(above: str | None, depth: int) -> Iterator[Row]:
        for each in below.get(above, ()):
            orphan = above is None and "parent_id" in each
            row = Row(each, depth, 100 * (each["start_time"] - first) / whole, 0.0, orphan)
            row.width = min(100 - row.offset, max(0.2, 100 * row.seconds / whole))
            told = {**each.get("annotations", {}), **each.get("metadata", {}).get("default", {})}
            row.facts = sorted((name, value) for name, value in told.items() if name != "run_key")
            yield row
            yield from walk(each["id"], depth + 1)

    return list(walk(None, 0))


def create(traces: Traces) -> Starlette:
    """The pages over a twin's traces."""
    templates = Environment(loader=FileSystemLoader(_HERE / "templates"), autoescape=True)

    async def page(request: Request) -> Response:
        name = request.path_params["name"]
        found = [name] if name.startswith("1-") else traces.of_run(name)
        segments = [each for trace in found for each in traces.of(trace)]
        drawn = rows(segments)
        began = min((each["start_time"] for each in segments), default=0.0)
        shown = templates.get_template("trace.html").render(
            name=name, traces=found, rows=drawn,
            began=datetime.fromtimestamp(began, UTC),
            whole=last_moment(segments) - began if segments else 0.0,
            ended=any("parent_id" not in each for each in segments), kinds=sorted({row.kind for row in drawn}),
        )  # fmt: skip
        return HTMLResponse(shown, 200 if drawn else 404, headers=_HEADERS)

    async def style(_: Request) -> Response:
        return Response((_HERE / "templates" / "trace.css").read_text(), media_type="text/css")

    return Starlette(routes=[Route("/traces/style.css", style), Route("/traces/{name}", page)])
