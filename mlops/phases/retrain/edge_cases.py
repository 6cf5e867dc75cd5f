"""Frames that a detector doubts, offered to people: one issue a check, with counts and addresses, never a picture."""

from __future__ import annotations

import re
from typing import Any

import yaml

from mlops import endpoints
from mlops.decisions import once
from mlops.endpoints import EndpointRecord, Serving
from mlops.handles import TrainedModel
from mlops.identity import Phase, model_id, slug
from mlops.keys import uri
from mlops.phases import progress
from mlops.phases.monitor import edge_cases
from mlops.phases.monitor.drift import name_of
from mlops.record import RunRecord
from mlops.services import Services

LABEL = "mlops:edge-cases"
MOST_KNOWN = 1000
"""Fingerprints kept of frames that were offered, the newest: the record must stay small."""
_FILL_IN = "what sha256sum printed"


def offer(services: Services, record: EndpointRecord, check_id: str) -> dict[str, Any] | None:
    """Open the issue about the frames that a collected check has set aside; None where it has none. Safe to repeat."""
    found = (record.drift or {}).get("edge_cases")
    if not found:
        return None
    before = record.edge_cases or {}
    if before.get("check") == check_id:
        return {"action": "issue", "issue": before["issue"], "frames": found["frames"]}
    name = name_of(record.endpoint, check_id)
    chosen = once(services.ledger, name, "edge-cases", lambda: _choose(services))
    if chosen["action"] == "none":
        return chosen
    title = f"Edge cases of {record.endpoint}: {found['frames']} frames to label"
    marker = f"<!-- mlops-edge-cases:{slug(record.endpoint)}:{slug(check_id)} -->"
    number = services.repository.create_issue(title, _body(services, record, check_id, found), [LABEL], marker)
    known = [*before.get("fingerprints", ()), *found["fingerprints"]][-MOST_KNOWN:]
    noted = {"check": check_id, "at": chosen["at"], "until": found["until"], "issue": number, "fingerprints": known}
    endpoints.change(services.ledger, record.endpoint, edge_cases=noted)
    return {"action": "issue", "issue": number, "frames": found["frames"]}


def _choose(services: Services) -> dict[str, Any]:
    if services.policy.monitoring.edge_cases == "none":
        return {"action": "none", "reason": "The policy asks for nothing (monitoring.edge_cases: none)."}
    return {"action": "issue", "at": services.timestamp()}


def _body(services: Services, record: EndpointRecord, check_id: str, found: dict[str, Any]) -> str:
    where = edge_cases.prefix(services, record.endpoint, check_id)
    run = services.ledger.get_run(record.serving.run_key) if record.serving else None
    parts = [summary(record.endpoint, (record.drift or {}).get("version", ""), where, found), labelling(where, run)]
    if run is not None and record.serving is not None:
        parts.append(fine_tuning(services.settings.bucket, run, record.serving))
    return "\n\n".join(parts)


def summary(endpoint: str, version: str, where: str, found: dict[str, Any]) -> str:
    """How many frames, why, and where; no name, no picture, nothing that a caller sent."""
    rows = "\n".join(f"| {one['meaning']} | {one['frames']} |" for one in found["reasons"])
    masked = found.get("masked") or {}
    return (
        f"`{endpoint}` ({version}) was sent {found['frames']} frames that are worth a label: chosen of "
        f"{found['candidates']} that it doubts, alike ones left out, none offered before.\n\n"
        f"| why | frames |\n|---|---|\n{rows}\n\n"
        f"- Look them over: `{where}contact_sheet.jpg`\n"
        f"- Frames: `{where}images/`\n"
        f"- {found['boxes']} boxes to correct, in COCO's format: `{where}annotations.json`\n\n"
        f"Masked before the frames were stored: {masked.get('faces', 0)} places that may be faces, "
        f"{masked.get('plates', 0)} that may be number plates. No finder sees all of them: keep the frames in the "
        "bucket, and attach none to this issue."
    )


def labelling(where: str, run: RunRecord | None) -> str:
    name = ((run.spec.get("dataset") or {}).get("name") if run else None) or "NAME"
    return (
        "### Label them\n\n"
        f"1. `aws s3 cp --recursive {where} edge_cases/`\n"
        "2. Open `annotations.json` and `images/` in a labelling tool that reads COCO. The boxes are the model's own: "
        "remove wrong ones, move loose ones, add what it missed. A score says nothing after that.\n"
        f"3. Put frames and labels among those of `datasets/{name}/raw/`. A few frames alone make a model forget the "
        "rest, so train on all. In KITTI's layout they are label files, which `python -m workloads.kitti restore "
        "--coco edge_cases --out training` writes; in COCO's, entries of the same document."
    )


def fine_tuning(bucket: str, run: RunRecord, serving: Serving) -> str:
    """How to begin from the serving weights. The archive that serves cannot be trained on, and that is said."""
    trained = progress.result(run, Phase.TRAIN, TrainedModel)
    if trained is None:
        return ""
    spec = run.spec
    dataset, name = (spec.get("dataset") or {}).get("name") or spec["name"], model_id(spec["name"])
    # As the training job names its files.
    stem = re.sub(r"[^0-9a-zA-Z]+", "_", f"{spec.get('variant') or spec['algorithm']}_{dataset}").strip("_").lower()
    weights = uri(bucket, f"models/{name}/weights/{stem}_{slug(serving.version)}.pth")
    hyperparameters = {**(spec.get("hyperparameters") or {}), "weights_uri": weights, "weights_sha256": _FILL_IN}
    text = yaml.safe_dump(_filled({**spec, "hyperparameters": hyperparameters}), sort_keys=False, allow_unicode=True)
    return (
        "### Start from the serving model\n\n"
        f"What serves is `{serving.model_uri}`: an ONNX network, which cannot be trained on. The weights lie in the "
        "archive of its training; take them out once, and note their SHA-256:\n\n"
        "```sh\n"
        f"aws s3 cp {trained.model_uri} - | tar -xzO --wildcards '*.pth' > weights.pth\n"
        "sha256sum weights.pth\n"
        f"aws s3 cp weights.pth {weights}\n"
        "```\n\n"
        "Then open a training issue with the settings of the run that serves. Fill in the SHA-256; fewer `epochs` and "
        "a smaller `learning_rate` than from the start are enough.\n\n"
        f"```yaml\n{text}```"
    )


def _filled(value: Any) -> Any:
    """Without what is open: an issue says what it wants, not every default."""
    if not isinstance(value, dict):
        return value
    inner = {name: _filled(one) for name, one in value.items()}
    return {name: one for name, one in inner.items() if one not in (None, {}, [], ())}
