"""The same model behind the stacks people take first: `python -m benchmarks.serving_peers STACK FOLDER`.

STACK is raw_asgi, fastapi or fastapi_detector. They call our own models, so that what differs is HTTP and
validation alone. uvicorn runs with uvloop and httptools, one worker, no access log: as fast as it goes.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np

from workloads.serving import replies
from workloads.serving.model import Model

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def raw_asgi(model: Model) -> Callable[[dict[str, Any], Receive, Send], Awaitable[None]]:
    """No framework: read the body, predict, answer."""

    async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        answer = replies.as_json(model.predict_json(body), model.version)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode()),
                   (b"x-model-version", model.version.encode())]  # fmt: skip
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    return application


def fastapi(model: Model) -> Any:
    """The tutorial's way: pydantic in and out, a plain `def`."""
    from fastapi import FastAPI
    from pydantic import BaseModel

    class Request(BaseModel):
        instances: list[list[float]]

    class Prediction(BaseModel):
        label: str
        probabilities: dict[str, float]

    class Reply(BaseModel):
        predictions: list[Prediction]
        model_version: str

    application = FastAPI()

    def invocations(body: Request) -> Reply:
        predictions = [
            Prediction(label=one["label"], probabilities={word: float(p) for word, p in one["probabilities"].items()})
            for one in model.predict(np.asarray(body.instances))
        ]
        return Reply(predictions=predictions, model_version=model.version)

    invocations.__annotations__ = {"body": Request, "return": Reply}  # not text: they are local
    application.post("/invocations")(invocations)
    return application


def fastapi_detector(folder: Path) -> Any:
    from benchmarks import detector_serving  # brings OpenCV

    return detector_serving.fastapi_detector(folder)


def main(name: str, folder: str) -> None:
    import uvicorn

    stacks = {"raw_asgi": raw_asgi, "fastapi": fastapi}
    application = stacks[name](Model(Path(folder), "1")) if name in stacks else fastapi_detector(Path(folder))
    config = uvicorn.Config(application, host="127.0.0.1", port=0, loop="uvloop", http="httptools", lifespan="off",
                            log_level="info", access_log=False)  # fmt: skip
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
