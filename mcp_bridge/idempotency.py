"""Effects happen once: the answer to an (agent, key) is kept in the ledger and given again."""

from __future__ import annotations

import contextvars
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from mlops.errors import Conflict, RequestRefused, Unavailable
from mlops.identity import digest
from mlops.ledger import Item, idempotency_item

LEASE_S = 10.0
"""A call that neither answers nor renews its claim for this long counts as killed."""
KEEP_S = 30 * 86400


class Store(Protocol):
    """What is needed of mlops.ledger.Ledger."""

    def get_item(self, item_id: str) -> Item | None: ...

    def put_item(
        self, item_id: str, value: dict[str, Any], expected_version: int = 0, *, keep_s: int | None = None
    ) -> Item: ...

    def delete_item(self, item_id: str) -> None: ...


def once(
    store: Store,
    agent: str,
    key: str,
    tool: str,
    arguments: dict[str, Any],
    act: Callable[[], dict[str, Any]],
    *,
    lease_s: float = LEASE_S,
    wait_s: float = 600.0,
) -> dict[str, Any]:
    """The answer of `act`, run at most once for a key while its first run lives.

    A second call with the same key waits for the first's answer. Failures are not kept. A run that was killed is
    run again: what `act` does must be create-or-adopt.

    Raises:
        RequestRefused: the key was used with another tool or other arguments.
        Unavailable: the first call did not end within `wait_s` seconds.
    """
    item_id = idempotency_item(agent, key)
    asked = digest([tool, arguments])
    deadline = time.monotonic() + wait_s
    pause = 0.05
    while True:
        claim, known = _claim(store, item_id, tool, asked, lease_s)
        if claim:
            return _run(store, claim, act, lease_s)
        if known and known["asked"] != asked:
            raise RequestRefused(
                f"idempotency_key {key!r} was used for {known['tool']} with other arguments. "
                "Give every new intention a new key."
            )
        if known and known["state"] == "done":
            return known["answer"]
        if time.monotonic() > deadline:
            raise Unavailable(f"The first {tool} with idempotency_key {key!r} still runs after {wait_s:.0f} s.")
        time.sleep(pause)
        pause = min(1.0, pause * 1.5)


def _claim(
    store: Store, item_id: str, tool: str, asked: str, lease_s: float
) -> tuple[Item | None, dict[str, Any] | None]:
    """(our claim, None) where the work is ours to do; else (None, what stands there)."""
    found = store.get_item(item_id)
    if found and (found.value["asked"] != asked or found.value["state"] == "done" or _alive(found)):
        return None, found.value
    value = {"tool": tool, "asked": asked, "state": "running", "owner": uuid.uuid4().hex, "lease_s": lease_s}
    try:
        return store.put_item(item_id, value, found.version if found else 0, keep_s=KEEP_S), None
    except Conflict:
        return None, None


def _alive(claim: Item) -> bool:
    return time.time() < claim.updated_at + claim.value["lease_s"]


def _run(store: Store, claim: Item, act: Callable[[], dict[str, Any]], lease_s: float) -> dict[str, Any]:
    with _renewed(store, claim, lease_s) as newest:
        try:
            answer = act()
        except BaseException:
            newest.release()
            raise
        newest.finish(answer)
    return answer


class _Claim:
    """Our claim in its newest version: the renewing thread and the working one both write it."""

    def __init__(self, store: Store, item: Item):
        self._store, self._item, self._lock = store, item, threading.Lock()
        self._open = True

    def renew(self) -> None:
        with self._lock:
            if self._open:
                self._write(self._item.value)

    def finish(self, answer: dict[str, Any]) -> None:
        with self._lock:
            self._open = False
            self._write({**self._item.value, "state": "done", "answer": answer})

    def release(self) -> None:
        with self._lock:
            self._open = False
            # Failures are not kept: the next call with this key tries anew, at once.
            self._store.delete_item(self._item.id)

    def _write(self, value: dict[str, Any]) -> None:
        try:
            self._item = self._store.put_item(self._item.id, value, self._item.version, keep_s=KEEP_S)
        except Conflict:
            # We were so slow that another call took over; its answer, not ours, stands.
            self._open = False


@contextmanager
def _renewed(store: Store, claim: Item, lease_s: float) -> Iterator[_Claim]:
    newest, stop = _Claim(store, claim), threading.Event()

    def renew() -> None:
        while not stop.wait(lease_s / 3):
            try:
                newest.renew()
            except Unavailable:
                continue

    # In our context: the claim is renewed by whoever made it.
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(renew,), name=f"lease {claim.id}", daemon=True)
    thread.start()
    try:
        yield newest
    finally:
        stop.set()
        thread.join()
