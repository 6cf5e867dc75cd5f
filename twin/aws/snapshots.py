"""moto's services on disk: each one pickled whole, shortly after it changed, and loaded again at the next start.

S3 objects are written through instead (`object_store`), DynamoDB writes are journalled (`journal`), SageMaker's own
records live in `store`. The pickles are read from the twin's own state folder only, which nobody else may write.
"""

from __future__ import annotations

import io
import logging
import os
import pickle
import threading
import time
import weakref
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from moto import backends
from moto.core.base_backend import BackendDict
from moto.core.model_instances import model_data
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from twin.aws.locks import Locks

log = logging.getLogger(__name__)

State = dict[tuple[str, str], dict[str, Any]]
"""Attributes of a service's backends, by account and region."""

_FRESH: dict[type, Callable[[], Any]] = {type(make()): make for make in (threading.Lock, threading.RLock)}
NOT_MOTOS = {"s3", "moto_api", "instance_metadata"}
_COST_FACTOR = 10
"""A service is not saved again before ten times the time that saving it took: large logs must not eat the machine."""


def _special(value: Any) -> Any:
    """How to pickle what refuses by itself: locks come back fresh, keys and certificates as DER."""
    kind = type(value)
    if kind in _FRESH:
        return _FRESH[kind], ()
    if isinstance(value, defaultdict) and kind is not defaultdict:
        return _defaultdict, (kind, value.default_factory), value.__dict__, None, iter(value.items())
    if isinstance(value, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey)):
        der = value.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return _private_key, (der,)
    if kind is weakref.WeakValueDictionary:
        return weakref.WeakValueDictionary, (), None, None, iter(list(value.items()))
    if isinstance(value, x509.Certificate):
        return _certificate, (value.public_bytes(Encoding.DER),)
    return NotImplemented


def _private_key(der: bytes) -> Any:
    return load_der_private_key(der, None)


def _certificate(der: bytes) -> Any:
    return x509.load_der_x509_certificate(der)


def _defaultdict(kind: type[defaultdict], factory: Callable[[], Any] | None) -> defaultdict:
    made = kind.__new__(kind)
    defaultdict.__init__(made, factory)
    return made


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        return _special(value)


class _ThoroughPickler(cloudpickle.Pickler):
    """Slower; also takes functions without a name, such as the factory of a default dictionary."""

    def reducer_override(self, value: Any) -> Any:
        special = _special(value)
        return super().reducer_override(value) if special is NotImplemented else special


def dump(value: Any) -> bytes:
    """Raises what pickling raises where even the thorough way fails."""
    buffer = io.BytesIO()
    try:
        _Pickler(buffer, protocol=5).dump(value)
    except Exception:
        buffer = io.BytesIO()
        _ThoroughPickler(buffer, protocol=5).dump(value)
    return buffer.getvalue()


class Snapshots:
    def __init__(self, folder: Path, locks: Locks):
        self._folder = folder
        self._locks = locks
        self._not_before: dict[str, float] = {}
        self._waiting: set[str] = set()
        self.extra: dict[str, Callable[[], Any]] = {}
        """By service: a value kept with its snapshot, asked for under the lock; `committed` is called afterwards."""
        self.committed: dict[str, Callable[[], None]] = {}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def load(self) -> dict[str, Any]:
        """Restore every saved service; returns the extra values by service."""
        extras = {}
        for path in sorted(self._folder.glob("*.pickle")):
            service = path.stem
            try:
                saved = pickle.loads(path.read_bytes())  # noqa: S301 - our own file
                for (account, region), attributes in saved["state"].items():
                    _backends(service)[account][region].__dict__.update(attributes)
                extras[service] = saved["extra"]
            except Exception:
                log.exception("The saved state of %s cannot be read; it starts empty", service)
                path.replace(path.with_suffix(".unreadable"))
        return extras

    def save(self, everything: bool = False) -> None:
        """Save the services that changed; those that cost much wait for their turn unless `everything`."""
        self._waiting |= self._locks.take_dirty() - NOT_MOTOS
        moment = time.monotonic()
        for service in list(self._waiting):
            if everything or self._not_before.get(service, 0) <= moment:
                self._waiting.discard(service)
                self._save(service)
        _forget_instances()

    def _save(self, service: str) -> None:
        started = time.monotonic()
        extra: Any = None
        with self._locks.of(service):
            state: State = {
                (account, region): dict(backend.__dict__)
                for each in list(BackendDict._instances)  # type: ignore[misc]
                if each.backend.__module__.split(".")[1] == service
                for account, region, backend in each.iter_backends()
            }
            if not state:
                return
            if service in self.extra:
                extra = self.extra[service]()
            content = self._pickled(service, state, extra)
            path = self._folder / f"{service}.pickle"
            temporary = path.with_suffix(".new")
            temporary.write_bytes(content)
            os.replace(temporary, path)
            if service in self.committed:
                self.committed[service]()
        self._not_before[service] = time.monotonic() + _COST_FACTOR * (time.monotonic() - started)

    def _pickled(self, service: str, state: State, extra: Any) -> bytes:
        try:
            return dump({"state": state, "extra": extra})
        except Exception:
            log.warning("%s holds something that cannot be saved; the rest of it is", service, exc_info=True)
        kept: State = {}
        for place, attributes in state.items():
            kept[place] = {name: value for name, value in attributes.items() if _can_be_saved(value)}
        return dump({"state": kept, "extra": extra})


def _backends(service: str) -> Any:
    """moto has two of Step Functions; the one that runs executions is ours."""
    return stepfunctions_parser_backends if service == "stepfunctions" else backends.get_backend(service)  # type: ignore[call-overload]


def _can_be_saved(value: Any) -> bool:
    try:
        dump(value)
    except Exception:
        return False
    return True


def _forget_instances() -> None:
    """moto remembers every model object for ever, for a page that the twin does not have; a long run would swell."""
    for classes in list(model_data.values()):
        for model in list(classes.values()):
            model.instances_tracked.clear()  # type: ignore[attr-defined]
