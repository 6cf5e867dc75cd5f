"""Hints that GitHub's webhook has left in a queue: something changed, look now."""

from __future__ import annotations

import asyncio
import logging
import time

log = logging.getLogger(__name__)

_LONG_POLL_S = 20
"""The longest that SQS waits in one call."""


async def hint(queue_url: str, patience_s: float) -> bool:
    """Wait for a hint, `patience_s` at most; all that lie there are taken away. True where there was one.

    Without a queue, or with one that does not answer, it is a pause: the next look finds whatever was hinted at.
    """
    deadline = time.monotonic() + patience_s
    if queue_url and patience_s > 0:
        try:
            if await _received(queue_url, deadline):
                return True
        except Exception as away:
            # Nothing is lost but the haste.
            log.warning("No hints from %s: %s", queue_url, away)
    await asyncio.sleep(max(0.0, deadline - time.monotonic()))
    return False


async def _received(queue_url: str, deadline: float) -> bool:
    from airflow.providers.amazon.aws.hooks.sqs import SqsHook

    async with await SqsHook(aws_conn_id="aws_default").get_async_conn() as sqs:
        while (left := deadline - time.monotonic()) > 0:
            wait = min(_LONG_POLL_S, max(1, int(left)))
            reply = await sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=wait)
            if messages := reply.get("Messages"):
                entries = [
                    {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                    for number, message in enumerate(messages)
                ]
                await sqs.delete_message_batch(QueueUrl=queue_url, Entries=entries)
                return True
    return False
