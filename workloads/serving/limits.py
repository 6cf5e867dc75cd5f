"""What one client may cost the server, in one place."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Limits:
    """Bytes and seconds; the defaults are the server's contract."""

    body_bytes: int = 6 * 1024 * 1024
    """What SageMaker's own client library allows for one real-time request."""
    smaller: str = "Send the rows in several requests."
    """What a client whose body is larger is told to do."""
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
    answer_s: float = 55.0
    """A prediction that takes longer is given up: SageMaker hangs up after 60 s."""

    failures: int = 5
    """So many of a model in a row, and /ping says that the instance should be replaced."""

    def for_images(self) -> Limits:
        """What a detector's clients may cost. None of it is predicted in the event loop."""
        return replace(self, body_bytes=IMAGE_BODY_BYTES, smaller="Send smaller images, or fewer at once.",
                       inline_bytes=IMAGE_BODY_BYTES)  # fmt: skip


IMAGE_BODY_BYTES = 25 * 1024 * 1024
"""The most that InvokeEndpoint takes: a 4K camera's PNG fits."""
IMAGE_PIXELS = 50_000_000
"""Of all images of one request together: a few kilobytes can claim gigabytes of pixels."""
IMAGES = 16
"""In one request; their tensors lie in memory at the same time."""
