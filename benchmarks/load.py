"""A closed-loop HTTP load generator: each connection sends its next request when the last was answered.

Its own CPU is small (a bare protocol that counts bytes), so that on two cores it takes little from the server.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import uvloop


@dataclass(frozen=True)
class Load:
    """What one burst of requests saw."""

    requests: int
    seconds: float
    latencies_s: np.ndarray
    """(requests,) from the first byte sent to the last received."""

    def percentile_ms(self, percent: float) -> float:
        return float(np.percentile(self.latencies_s, percent)) * 1e3


class _Client(asyncio.Protocol):
    """Sends `request` again and again until told to stop; any answer but 200 ends the burst."""

    def __init__(self, request: bytes, loop: asyncio.AbstractEventLoop):
        self._request = request
        self.latencies: list[float] = []
        self.ended: asyncio.Future[None] = loop.create_future()
        self.stopping = False
        self._head, self._missing = b"", 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(ConnectionError("the server closed a connection"))

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._missing -= len(data)
        else:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            if not self._head.startswith(b"HTTP/1.1 200"):
                self.ended.set_exception(RuntimeError(f"the server answered {self._head[:300]!r}"))
                return
            length = self._head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]
            self._missing = int(length) - (len(self._head) - end - 4)
            self._head = b""
        if self._missing == 0:
            self.latencies.append(perf_counter() - self._sent)
            if not self.stopping:
                self._send()
            elif not self.ended.done():
                self.ended.set_result(None)

    def _send(self) -> None:
        self._sent = perf_counter()
        self._transport.write(self._request)


def burst(port: int, body: bytes, connections: int, seconds: float, kind: bytes = b"application/json") -> Load:
    """Load 127.0.0.1:`port` with POST /invocations for about `seconds`. Raises RuntimeError for an answer not 200.

    `kind` is the media type of `body`.
    """
    request = (
        b"POST /invocations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: %b\r\n"
        b"Accept: application/json\r\nContent-Length: %d\r\n\r\n%b" % (kind, len(body), body)
    )

    async def run() -> Load:
        loop = asyncio.get_running_loop()
        clients = [_Client(request, loop) for _ in range(connections)]
        begun = perf_counter()
        waiting = iter(clients)
        for _ in clients:
            await loop.create_connection(lambda: next(waiting), "127.0.0.1", port)
        failures = [client.ended for client in clients]
        await asyncio.wait(failures, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        for client in clients:
            client.stopping = True
        await asyncio.wait_for(asyncio.gather(*failures), timeout=10)
        took = perf_counter() - begun
        latencies = np.array([one for client in clients for one in client.latencies])
        return Load(len(latencies), took, latencies)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())
