"""What one client may cost the server, in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bytes and seconds; the defaults are the server's contract."""

    body_bytes: int = 6 * 1024 * 1024
    """SageMaker's limit for one real-time request."""
    header_bytes: int = 16 * 1024
    """Request line and headers together."""
    request_s: float = 30.0
    """From the first byte of a request to its last: a slower client is told 408."""
    idle_s: float = 75.0
    """A connection without a request is closed after this."""
    linger_s: float = 5.0
    """How long a refused client may go on sending before it is cut off (it could not read its answer else)."""
    drain_s: float = 10.0
    """How long requests in flight may take after SIGTERM."""
    connections: int = 1024
    inline_bytes: int = 64 * 1024
    """Bodies above this are predicted in a thread: one large batch must not delay another client's row or a ping."""
