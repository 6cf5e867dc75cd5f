"""Work that goes on while something is lost: callers of an endpoint, and somebody who writes to a bucket."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError


class Caller:
    """Asks an endpoint twice a second until it is stopped; counts answers and failures."""

    def __init__(self, runtime: Any, endpoint: str, row: list[float]):
        self._runtime, self._endpoint = runtime, endpoint
        self._body = json.dumps({"instances": [row]})
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._call, daemon=True)
        self.answers = 0
        self.failures: list[str] = []

    def __enter__(self) -> Caller:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _call(self) -> None:
        while not self._over.wait(0.5):
            try:
                self.ask(self._endpoint)
                self.answers += 1
            except (ClientError, BotoCoreError) as failed:
                self.failures.append(str(failed))

    def ask(self, endpoint: str) -> dict[str, Any]:
        """What the endpoint answers to the row."""
        answer = self._runtime.invoke_endpoint(EndpointName=endpoint, ContentType="application/json", Body=self._body)
        return dict(json.loads(answer["Body"].read()))


class Writer:
    """Writes a small object five times a second until it is stopped: what is on its way when the bucket is lost."""

    def __init__(self, s3: Any, bucket: str):
        self._s3, self._bucket = s3, bucket
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self.written: dict[str, float] = {}
        """Key -> when S3 acknowledged it (Unix seconds)."""

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _write(self) -> None:
        while not self._over.wait(0.2):
            key = f"logs/rehearsal/{len(self.written):05d}.json"
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=json.dumps({"at": time.time()}).encode())
            self.written[key] = time.time()
