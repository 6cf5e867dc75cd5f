"""Is everything there that is named? Ledger, registry, endpoints and history, held against the buckets."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops import endpoints, history
from mlops.aws import is_missing, translated
from mlops.history_chain import CHAIN, Tree, verify
from mlops.identity import Phase
from mlops.keys import split_uri
from mlops.objects import read_json, sha256_of
from mlops.record import RunRecord
from mlops.recovery.bucket import missing

if TYPE_CHECKING:
    from mlops.services import Services

_THREADS = 16
_EVERY = 10_000


@dataclass(frozen=True)
class Reference:
    """An address that somebody names, and what its content must hash to where that is known."""

    named_by: str
    address: str
    sha256: str = ""


@dataclass(frozen=True)
class Finding:
    reference: Reference
    problem: str

    def __str__(self) -> str:
        return f"{self.problem}: {self.reference.address} (named by {self.reference.named_by})"


@dataclass(frozen=True)
class Checked:
    """What was looked at, by who names it, and what is not as named."""

    looked_at: Counter[str]
    hashed: int
    findings: tuple[Finding, ...]
    chain: tuple[str, ...]
    """What `python -m mlops.history verify` says."""

    def __str__(self) -> str:
        names = ", ".join(f"{count} of {kind}" for kind, count in sorted(self.looked_at.items()))
        lines = [f"{sum(self.looked_at.values())} addresses ({names}), {self.hashed} by their hash"]
        lines += [str(each) for each in self.findings]
        lines += [f"training_history: {each}" for each in self.chain] or ["training_history: the chain holds"]
        return "\n".join(lines)

    @property
    def fine(self) -> bool:
        return not self.findings and not self.chain


def check(services: Services) -> Checked:
    """Look at every address once, by its hash where one is known. Reads whole objects: minutes for large data."""
    tree, anchor = history.stored(services) if services.settings.github_repository else (None, None)
    named = itertools.chain(_references(services), _of_history(tree) if tree else ())
    references = _distinct(named)
    ours = set(services.settings.data_buckets) | {services.settings.bucket}
    references = [each for each in references if split_uri(each.address)[0] in ours]
    with ThreadPoolExecutor(_THREADS) as pool:
        problems = list(pool.map(lambda each: _look(services, each), references))
    return Checked(
        looked_at=Counter(each.named_by.partition(" ")[0] for each in references),
        hashed=sum(bool(each.sha256) for each in references),
        findings=tuple(Finding(each, text) for each, text in zip(references, problems, strict=True) if text),
        chain=tuple(verify(tree, anchor)) if tree else (),
    )


def _distinct(references: Iterable[Reference]) -> list[Reference]:
    """One an address; the one that knows the hash wins."""
    found: dict[str, Reference] = {}
    for each in references:
        if each.address not in found or (each.sha256 and not found[each.address].sha256):
            found[each.address] = each
    return list(found.values())


def _look(services: Services, reference: Reference) -> str:
    if missing(services.cloud, [reference.address]):
        return "missing"
    if reference.sha256 and sha256_of(services.cloud, reference.address) != reference.sha256:
        return "changed"
    return ""


def _references(services: Services) -> Iterator[Reference]:
    records = services.ledger.list_runs(limit=_EVERY)
    for record in records:
        yield from _of_run(services, record)
    for item in services.ledger.list_items("version"):
        model = item.id.partition("#")[2]
        for version, facts in item.value["versions"].items():
            if facts.get("package_arn") and facts.get("sha256"):
                yield from _of_package(services, f"registry {model} {version}", facts)
    for endpoint in endpoints.list_all(services.ledger):
        for side in (endpoint.serving, endpoint.previous, endpoint.challenger):
            if side:
                yield Reference(f"endpoint {endpoint.endpoint}", side.model_uri)


def _of_run(services: Services, record: RunRecord) -> Iterator[Reference]:
    for phase, state in record.phases.items():
        for address in _addresses(state.handle):
            yield Reference(f"run {record.run_key} {phase.value}", address)
    prepared = record.phases[Phase.PREPARE].handle
    manifest = read_json(services.cloud, prepared["manifest_uri"]) if prepared.get("manifest_uri") else None
    for name, entry in (manifest or {}).get("files", {}).items():
        yield Reference(f"dataset {prepared['dataset']}", f"{prepared['prefix']}{name}", entry.get("sha256", ""))


def _of_package(services: Services, named_by: str, facts: dict[str, str]) -> Iterator[Reference]:
    """A version that was forgotten on purpose has no package any more, and needs no archive."""
    with translated(f"describe {facts['package_arn']}"):
        try:
            package = services.cloud.sagemaker.describe_model_package(ModelPackageName=facts["package_arn"])
        except Exception as error:
            if is_missing(error):
                return
            raise
    for container in package["InferenceSpecification"]["Containers"]:
        yield Reference(named_by, container["ModelDataUrl"], facts["sha256"])


def _addresses(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value.startswith("s3://"):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _addresses(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _addresses(inner)


def _of_history(tree: Tree) -> Iterator[Reference]:
    for path in tree.paths():
        content = tree.read(path) if path.endswith(".json") and path != CHAIN else None
        if content is not None:
            record = RunRecord.model_validate(json.loads(content)["record"])
            for address in _addresses([state.handle for state in record.phases.values()]):
                yield Reference(f"history {record.run_key}", address)
