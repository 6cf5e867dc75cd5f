"""An object detector behind `/invocations`: images in, boxes out, and an honest word in time where there are none.

Every prediction carries `fallback`. True means: do not rely on this image's boxes, steer by the rule-based
controller. It never means that the road is empty, and boxes of an earlier image are never sent in their place.

| reason | the boxes | what happened |
|---|---|---|
| `too_slow` | none | no answer within `max_latency_ms` (or 55 s); the result is dropped when it comes |
| `stalled` | none | a call of the network has not come back; answered at once, until it does |
| `model_failed` | none | the network raised an error or answered in another shape |
| `no_number`, `no_score` | none | NaN, infinity, or scores that are none |
| `internal` | none | a defect of the server |
| `uncertain` | as found | the looks at the image agree less than `min_agreement` |

The status is 200 and the header `X-Amzn-SageMaker-Custom-Attributes: fallback=REASON` says it, too. Failures in a
row make `/ping` answer 503, so that the platform replaces the instance.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any

import cv2
import orjson

from workloads.serving import media, pictures
from workloads.serving.answers import JSON, Answer, Refusal, bad_request
from workloads.serving.counts import Counts, Outcome
from workloads.serving.gate import Ticket, TooLate
from workloads.serving.hub import ATTRIBUTES, Pending, Request
from workloads.serving.inference import Found
from workloads.serving.limits import IMAGES, Limits
from workloads.serving.model import ModelRefused
from workloads.serving.network import ModelFailed
from workloads.serving.parameters import Parameters, Parser
from workloads.serving.recipe import OpenSession, open_folder
from workloads.serving.sessions import open_session
from workloads.serving.workers import Workers

log = logging.getLogger(__name__)

KINDS = (*pictures.FILES, pictures.TENSOR, pictures.SEVERAL)


class Job:
    """One request under way."""

    __slots__ = ("expected", "found", "future", "kind", "request", "started", "ticket", "timer", "wishes")

    def __init__(self, request: Request, kind: bytes, wishes: Parameters, future: Pending, limit_s: float):
        self.request, self.kind, self.wishes, self.future = request, kind, wishes, future
        self.started = request.started or perf_counter()
        self.ticket = Ticket(monotonic() + limit_s)
        self.found = Found()
        self.expected = 1
        self.timer: asyncio.TimerHandle | None = None

    def passed_s(self) -> float:
        return perf_counter() - self.started


class Detector:
    """A loaded detector; `answer` is all that a request needs.

    Raises ModelRefused where the folder does not hold what its manifest says, or no detector that can run here.
    """

    def __init__(self, folder: Path, version: str = "", limits: Limits | None = None,
                 environment: Mapping[str, str] | None = None, open_session: OpenSession = open_session):  # fmt: skip
        opened = open_folder(folder, version, environment or {}, open_session)
        self.version, self.openapi, self.input_size = opened.version, opened.openapi, opened.input_size
        self._inference, self._settings = opened.inference, opened.settings
        self._limits = limits or Limits()
        self._parser = Parser(opened.defaults, opened.classes, has_dropout=bool(self._inference.dropout),
                              has_members=len(self._inference.members) > 1)  # fmt: skip
        self._limit_s = self._patience_s(opened.defaults)
        self._inference.stall_s = min(self._limits.answer_s, max(1.0, 10 * self._limit_s))
        self.counts = Counts(self._limits.failures)
        self._waiting = 0
        cv2.setNumThreads(1)  # the cores belong to the network, and each worker has an image of its own
        self._workers = Workers(self._settings.workers, "detector")

    def limits(self, given: Limits) -> Limits:
        return given.for_images()

    def warm_up(self) -> None:
        """Ask every network for a grey image, so that the first request is as fast as any. Raises ModelRefused."""
        for network in self._inference.networks:
            for _ in range(2):  # the first call allocates, and TensorRT builds its engine in it
                begun = perf_counter()
                try:
                    network.try_out(Ticket(monotonic() + 600))
                except (ModelFailed, TooLate) as failed:
                    raise ModelRefused(f"the model cannot predict a grey image: {failed}") from failed
            network.gate.typical_s = seconds = perf_counter() - begun
            log.info("A call takes %.1f ms on %s", seconds * 1e3, self._settings.providers[0])
            if seconds > self._limit_s:
                log.warning("That is more than max_latency_ms: every answer will be a fallback")

    # in the event loop's thread

    def answer(self, request: Request) -> Pending | Answer:
        """A promise of the predictions for an image, a tensor or several images. Raises Refusal."""
        kind = media.bare(request.headers.get(b"content-type", pictures.SEVERAL))
        if kind not in KINDS:
            raise pictures.refuse_type(kind)
        media.check_wants_json(request.headers.get(b"accept", b""))
        if not request.body:
            raise bad_request("no_images", "the body is empty", pictures.REMEDY)
        wishes = self._parser.from_header(request.headers.get(ATTRIBUTES, b""))
        if self._waiting >= self._settings.queue:
            self.counts.turned_away()
            message = f"{self._waiting} requests are under way"
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", message, "Try again after Retry-After seconds.",
                          b"Retry-After: 1\r\n", {"fallback": True, "reason": "overloaded"})  # fmt: skip
        loop = asyncio.get_running_loop()
        job = Job(request, kind, wishes, loop.create_future(), self._patience_s(wishes))
        if kind == pictures.SEVERAL:
            job.expected = max(1, min(IMAGES, request.body.count(b'"b64"')))
        if self._inference.is_stalled():
            outcome = self._fallback(job, "stalled", "a call of the model does not come back", failure=True)
            self.counts.given(outcome)
            return outcome.answer
        self._waiting += 1
        job.future.add_done_callback(lambda _: self._leave(job))
        self._set_timer(job)
        self._workers.submit(lambda: self._work(job, loop))
        return job.future

    def check(self) -> None:
        """Raises Refusal (503) once the instance should be replaced."""
        self.counts.check(self._inference.longest_stall_s())

    def metrics(self) -> list[str]:
        gates = [network.gate for network in self._inference.networks]
        try:
            self.check()
            healthy = True
        except Refusal:
            healthy = False
        return self.counts.lines(
            waiting=self._waiting, healthy=healthy, calls=sum(gate.calls for gate in gates),
            rows=sum(gate.rows for gate in gates), seconds=sum(gate.seconds for gate in gates),
        )  # fmt: skip

    def close(self) -> None:
        self._workers.close()

    def _set_timer(self, job: Job) -> None:
        if job.timer:
            job.timer.cancel()
        if not job.future.done():
            left = self._patience_s(job.wishes) - job.passed_s()
            job.timer = asyncio.get_running_loop().call_later(max(0.0, left), self._expire, job)

    def _leave(self, job: Job) -> None:
        self._waiting -= 1
        if job.timer:
            job.timer.cancel()
        job.request.body = b""  # a job that waits for a worker keeps no image

    def _expire(self, job: Job) -> None:
        """Time is up: answer with what there is."""
        if job.future.done():
            return
        job.ticket.give_up()
        detail = f"no answer within {self._patience_s(job.wishes) * 1e3:.0f} ms"
        # Neither a caller's short patience nor a long queue says anything about the model's health.
        failure = job.ticket.began is not None and monotonic() - job.ticket.began >= self._limit_s / 2
        self._finish(job, self._cut_short(job, detail, failure=failure))

    def _patience_s(self, wishes: Parameters) -> float:
        """How long an answer may take, a little less than the limit: it has to be written, too."""
        if wishes.max_latency_ms is None:
            return self._limits.answer_s
        limit_s = wishes.max_latency_ms / 1e3
        return min(limit_s - min(0.002, limit_s / 10), self._limits.answer_s)

    def _finish(self, job: Job, outcome: Outcome) -> None:
        if job.future.done():
            self._drop(job)
        else:
            self.counts.given(outcome)
            job.future.set_result(outcome.answer)

    def _drop(self, job: Job) -> None:
        """Its result comes after its answer; only what the network worked for in vain is worth a count."""
        if job.ticket.began is not None:
            self.counts.came_late()

    # in a worker's thread

    def _work(self, job: Job, loop: asyncio.AbstractEventLoop) -> None:
        if job.ticket.given_up:
            return
        try:
            if self._workers.waiting() and job.ticket.left_s() < self._inference.expected_s():
                raise TooLate  # somebody behind can still be answered in time
            outcome = self._predicted(job, loop)
        except Refusal as refusal:
            outcome = Outcome(refusal.answer())
        except TooLate:
            if job.ticket.given_up:
                self._drop(job)
                return
            outcome = self._cut_short(job, "the queue left no time to ask the model", failure=False)
        except ModelFailed as failed:
            log.error("The model failed: %s", failed)
            outcome = self._fallback(job, failed.reason, str(failed), failure=True)
        except Exception:
            log.exception("A request failed")
            outcome = self._fallback(job, "internal", "the server failed", failure=True)
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(self._finish, job, outcome)

    def _predicted(self, job: Job, loop: asyncio.AbstractEventLoop) -> Outcome:
        job.found.pictures = self._read(job, loop)
        job.expected = len(job.found.pictures)
        self._inference.ask(job.found, job.wishes, job.ticket)
        if job.ticket.given_up:
            raise TooLate
        return self._answered(job, job.found)

    def _read(self, job: Job, loop: asyncio.AbstractEventLoop) -> list[pictures.Picture]:
        body = job.request.body
        if job.kind == pictures.SEVERAL:
            files, changes = pictures.instances(body)
            if changes is not None and changes != {}:
                job.wishes = self._parser.with_changes(job.wishes, changes)
                job.ticket.until = monotonic() + self._patience_s(job.wishes) - job.passed_s()
                loop.call_soon_threadsafe(self._set_timer, job)
        elif job.kind == pictures.TENSOR:
            return pictures.from_tensor(body, self.input_size, job.wishes.image_size)
        else:
            files = [body]
        if job.wishes.image_size:
            raise bad_request("bad_parameter", "image_size: an image file knows its own size",
                              "Give image_size with float32 tensors only.")  # fmt: skip
        return pictures.from_files(files)

    # in either

    def _answered(self, job: Job, found: Found) -> Outcome:
        predictions = self._inference.answers(found, job.wishes)
        shared = {"model": round(found.model_s * 1e3, 3), "postprocess": round(found.postprocess_s * 1e3, 3),
                  "total": round(job.passed_s() * 1e3, 3)}  # fmt: skip
        for prediction, picture in zip(predictions, found.pictures, strict=True):
            prediction["latency_ms"] = {"decode": round(picture.seconds * 1e3, 3)} | shared
        good = [one for one in predictions if not one["fallback"]]
        doubtful = tuple(one["reason"] for one in predictions if one["fallback"])
        answer = self._as_answer(predictions, *doubtful[:1])
        boxes = sum(len(one["detections"]) for one in good)
        return Outcome(answer, works=True, images=len(good), detections=boxes, fallbacks=doubtful,
                       left_out=tuple(found.left_out))  # fmt: skip

    def _cut_short(self, job: Job, detail: str, *, failure: bool) -> Outcome:
        """What the members have found so far, or nothing, and said so."""
        found = job.found
        if looks := dict(found.looks):  # another thread may be writing
            partial = Found(found.pictures, looks, dict(found.left_out), found.model_s, found.postprocess_s)
            return self._answered(job, partial)
        return self._fallback(job, "too_slow", detail, failure=failure)

    def _fallback(self, job: Job, reason: str, detail: str, *, failure: bool) -> Outcome:
        sizes: list[Any] = [picture.image_size for picture in job.found.pictures] or [None] * job.expected
        latency_ms = {"decode": None, "model": None, "postprocess": None, "total": round(job.passed_s() * 1e3, 3)}
        predictions = [
            {"detections": [], "image_size": size, "fallback": True, "reason": reason, "detail": detail,
             "latency_ms": latency_ms}
            for size in sizes
        ]  # fmt: skip
        return Outcome(self._as_answer(predictions, reason), fallbacks=(reason,) * len(sizes), failure=failure)

    def _as_answer(self, predictions: list[dict[str, Any]], reason: str = "") -> Answer:
        document = {"model_version": self.version, "predictions": predictions}
        headers = b"X-Amzn-SageMaker-Custom-Attributes: fallback=%b\r\n" % reason.encode() if reason else b""
        return Answer(200, JSON, orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY), headers)
