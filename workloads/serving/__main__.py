"""Ask a served detector by hand: `python -m workloads.serving predict --url URL IMAGE [--draw OUT.png] [--json]`.

URL is the server's, such as http://127.0.0.1:8080, or an address that ends with /invocations.
Exit: 0 answered, 1 a fallback (rely on nothing), 2 refused or not reached.
"""

from __future__ import annotations

import argparse
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workloads.command_line import leave
from workloads.contract import UserError
from workloads.images.codec import decode, encode_jpeg, encode_png
from workloads.images.drawing import colour_of, draw_boxes

_TIMEOUT_S = 60
_WRITERS = {".png": encode_png, ".jpg": encode_jpeg, ".jpeg": encode_jpeg}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m workloads.serving", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    commands = parser.add_subparsers(dest="command", required=True)
    predict = commands.add_parser("predict", help="boxes of one image")
    predict.add_argument("image", type=Path, help="a JPEG or PNG file")
    predict.add_argument("--url", required=True)
    predict.add_argument("--wishes", default="", help="parameters, such as 'score=0.5;uncertainty=tta'")
    predict.add_argument("--draw", type=Path, help="write the image with its boxes here (.png or .jpg)")
    predict.add_argument("--json", action="store_true", help="print the server's own answer")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.draw and chosen.draw.suffix.lower() not in _WRITERS:
            raise UserError(f"--draw {chosen.draw}: its name ends with none of {', '.join(_WRITERS)}")
        content = _read(chosen.image)
        document = ask(chosen.url, content, chosen.wishes)
        prediction = document["predictions"][0]
        print(json.dumps(document, indent=2) if chosen.json else _as_text(document["model_version"], prediction))
        if chosen.draw:
            _draw(chosen.draw, content, prediction["detections"])
    except UserError as mistake:
        print(mistake, file=sys.stderr)
        return 2
    return 1 if prediction["fallback"] else 0


def ask(url: str, content: bytes, wishes: str = "") -> dict[str, Any]:
    """The server's answer to one JPEG or PNG file. Raises UserError where it refuses or is not reached."""
    address = url if url.rstrip("/").endswith("/invocations") else url.rstrip("/") + "/invocations"
    headers = {"Content-Type": "application/x-image", "Accept": "application/json"}
    if wishes:
        # http.client writes Latin-1; the server reads UTF-8, which a class may be named in.
        headers["X-Amzn-SageMaker-Custom-Attributes"] = wishes.encode("utf-8", "replace").decode("latin-1")
    if not address.startswith(("http://", "https://")):
        raise UserError(f"--url: {url!r} is no http:// or https:// address")
    try:
        request = urllib.request.Request(address, content, headers)  # noqa: S310  the scheme was looked at
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as reply:  # noqa: S310
            return dict(json.load(reply))
    except urllib.error.HTTPError as refused:
        raise UserError(_refusal(refused.code, refused.read())) from refused
    except (OSError, ValueError) as unreached:
        raise UserError(f"{address} gives no answer: {getattr(unreached, 'reason', unreached)}") from unreached


def _refusal(status: int, body: bytes) -> str:
    try:
        error = json.loads(body)["error"]
        return f"{status} {error['code']}: {error['message']}. {error['remedy']}"
    except (ValueError, KeyError, TypeError):
        return f"{status}: {body[:200].decode('utf-8', 'replace')}"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as unreadable:
        raise UserError(f"{path}: {unreadable.strerror}") from unreadable


def _as_text(version: str, prediction: dict[str, Any]) -> str:
    """One line a box: class, score, left, top, right, bottom."""
    lines = [f"version {version}, {prediction['latency_ms']['total']:.1f} ms"]
    if prediction["fallback"]:
        lines.append(f"FALLBACK, {prediction['reason']}: {prediction.get('detail', '')}")
    for one in prediction["detections"]:
        box = "".join(f"{side:9.1f}" for side in one["box"])
        doubt = one.get("uncertainty")
        seen = f"   seen {doubt['seen']:.2f}, score +-{doubt['score_std']:.3f}" if doubt else ""
        lines.append(f"{one['class']:<16}{one['score']:.3f}{box}{seen}")
    return "\n".join(lines if len(lines) > 1 else [*lines, "nothing found"])


def _draw(path: Path, content: bytes, detections: list[dict[str, Any]]) -> None:
    boxes = np.array([one["box"] for one in detections], np.float32).reshape(-1, 4)
    words = [f"{one['class']} {one['score']:.2f}" for one in detections]
    drawn = draw_boxes(decode(content), boxes, words, [colour_of(one["class_id"]) for one in detections])
    try:
        path.write_bytes(_WRITERS[path.suffix.lower()](drawn))
    except OSError as unwritable:
        raise UserError(f"--draw {path}: {unwritable.strerror}") from unwritable


if __name__ == "__main__":
    leave(main)
