"""Names of a run's trace and of spans that several processes must agree on, derived from the run key alone.

A process that starts anew, or knows nothing but the run key, joins the same trace. The whole id is a hash: the time
that X-Ray's own ids begin with is known to one process only, and X-Ray asks for none in ids of W3C's form.
Source: AWS X-Ray developer guide, "Segment documents", on `trace_id`.
"""

from __future__ import annotations

import hashlib


def trace_id(run_key: str) -> int:
    """128 bits, never 0."""
    return _number(f"trace/{run_key}", 16)


def span_id(run_key: str, *names: str) -> int:
    """64 bits, never 0; without names the run's own span, the root of its trace."""
    return _number("/".join(("span", run_key, *names)), 8)


def traceparent(run_key: str, *names: str) -> str:
    """W3C's header value for work below that span."""
    return f"00-{trace_id(run_key):032x}-{span_id(run_key, *names):016x}-01"


def xray(trace: int) -> str:
    """X-Ray's spelling: `1-` and 8 digits, `-` and 24 digits, all hexadecimal."""
    digits = f"{trace:032x}"
    return f"1-{digits[:8]}-{digits[8:]}"


def _number(text: str, size: int) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:size], "big") or 1
