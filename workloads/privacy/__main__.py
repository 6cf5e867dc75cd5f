"""`python -m workloads.privacy mask IN OUT --faces --plates` and `... recall --images DIR --truth FILE [--json]`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from workloads.command_line import leave
from workloads.contract import UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """0 done, 2 bad input (one line on stderr)."""
    parser = argparse.ArgumentParser(prog="python -m workloads.privacy", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("mask", help="mask an image for good")
    one.add_argument("image", type=Path, help="PNG or JPEG")
    one.add_argument("out", type=Path, help="the masked image, .png or .jpg")
    one.add_argument("--faces", action="store_true")
    one.add_argument("--plates", action="store_true")
    many = commands.add_parser("recall", help="how many marked objects are found")
    many.add_argument("--images", type=Path, required=True, help="the folder the names in --truth lie in")
    many.add_argument("--truth", type=Path, required=True, help="JSON with faces_xyxy and plates_xyxy")
    many.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args(arguments)
    try:
        return _mask(chosen) if chosen.command == "mask" else _recall(chosen)
    except UserError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        return 2


def _mask(chosen: argparse.Namespace) -> int:
    from workloads.privacy.masking import FINDERS, mask_frame
    from workloads.privacy.recall import read_image, write_image

    kinds = [kind for kind in FINDERS if getattr(chosen, kind)]
    if not kinds:
        raise UserError("nothing to mask: give --faces, --plates or both")
    image, orientation = read_image(chosen.image)
    masked, boxes = mask_frame(image, kinds, orientation)
    write_image(chosen.out, masked, orientation)
    print(json.dumps({kind: found.round(1).tolist() for kind, found in boxes.items()}))
    return 0


def _recall(chosen: argparse.Namespace) -> int:
    from workloads.privacy.recall import measure, read_marks

    document = measure(chosen.images, read_marks(chosen.truth))
    if chosen.json:
        print(json.dumps(document, indent=2))
        return 0
    for kind, numbers in document["kinds"].items():
        print(f"{kind}: {numbers['found']} of {numbers['marked']} marked on {document['images']} images found; "
              f"{100 * numbers['masked_area_share']:.1f} % of the area masked, "
              f"{100 * numbers['masked_area_share_without_marks']:.1f} % of it needlessly; "
              f"{numbers['milliseconds_per_image']:.0f} ms an image "
              f"({numbers['cpu_milliseconds_per_image']:.0f} ms of processor time)")  # fmt: skip
        for missed in numbers["missed"]:
            print(f"  missed: {missed['image']} {missed['box_xyxy']}")
    return 0


if __name__ == "__main__":
    leave(main)
