"""KITTI from the command line: evaluate results, convert labels to COCO and back, inspect a frame."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from workloads.command_line import leave
from workloads.contract import UserError

_MOST_TYPES = 8
"""Of a note; a folder of something else would fill the screen."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 done, 2 bad input (one line on stderr)."""
    chosen = _parser().parse_args(arguments)
    try:
        return {"evaluate": _evaluate, "convert": _convert, "restore": _restore, "inspect": _inspect}[chosen.command](
            chosen
        )
    except UserError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        raise  # of our own output, not of a file
    except OSError as wrong:  # files that are read say so themselves: this is --out
        print(f"error: {wrong.filename}: cannot be written: {wrong.strerror}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workloads.kitti", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    judge = commands.add_parser("evaluate", help="KITTI's AP of result files: 2D, AOS, BEV and 3D, R11 and R40")
    judge.add_argument("--labels", type=Path, required=True, help="folder of NNNNNN.txt with 15 columns")
    judge.add_argument("--results", type=Path, required=True, help="folder of NNNNNN.txt with 16 columns")
    judge.add_argument("--frames", type=Path, help="a list of frames, one a line; default: those with a result file")
    convert = commands.add_parser("convert", help="labels to COCO JSON: OUT/annotations.json")
    convert.add_argument("--root", type=Path, required=True, help="holds training/{image_2,label_2} or these folders")
    convert.add_argument("--out", type=Path, required=True, help="folder to write to")
    convert.add_argument("--classes", type=_words, help="in order; default Car,Pedestrian,Cyclist")
    convert.add_argument("--similar", choices=("ignore", "merge", "drop"), default="ignore",
                         help="Van for Car, Person_sitting for Pedestrian (default: regions to ignore)")  # fmt: skip
    convert.add_argument("--dont-care", choices=("ignore", "drop"), default="ignore", help="what DontCare rows become")
    convert.add_argument("--masking", type=_words, default=(), help="faces,plates: masked images to OUT/images")
    convert.add_argument("--max-bad-share", type=float, default=0.05, help="share of bad frames that may be skipped")
    restore = commands.add_parser("restore", help="label files from such a JSON, without loss: OUT/label_2")
    restore.add_argument("--coco", type=Path, required=True, help="annotations.json, or a folder that holds some")
    restore.add_argument("--out", type=Path, required=True, help="folder to write to")
    inspect = commands.add_parser("inspect", help="one frame's points, objects, corners and calibration")
    inspect.add_argument("--root", type=Path, required=True, help="holds training/ or its folders")
    inspect.add_argument("--frame", required=True, help="such as 000008")
    for command in (judge, convert, restore, inspect):
        command.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _evaluate(chosen: argparse.Namespace) -> int:
    from workloads.kitti.evaluation import as_document, evaluate_folders, read_frames

    frames = None if chosen.frames is None else read_frames(chosen.frames, chosen.labels)
    judged = evaluate_folders(chosen.labels, chosen.results, frames)
    if judged.unjudged:
        print(f"note: {len(judged.unjudged)} labelled frames have no result file and were not judged "
              f"(first: {judged.unjudged[0]})", file=sys.stderr)  # fmt: skip
    if judged.unknown:
        types = [f"{word} ({count:,})" for word, count in judged.unknown.items()]
        print(f"note: results of types that KITTI does not know count for nothing: {', '.join(types[:_MOST_TYPES])}"
              f"{', …' if len(types) > _MOST_TYPES else ''}", file=sys.stderr)  # fmt: skip
    document = as_document(judged.scores)
    if chosen.json:
        print(json.dumps(document, indent=2))
        return 0
    print(f"{'class':<12}{'metric':<8}{'difficulty':<12}{'R11':>9}{'R40':>9}")
    for name, metrics in document.items():
        for metric, levels in metrics.items():
            if levels is None:
                lacks_alpha = metric == "aos" and metrics["bbox"] is not None
                print(f"{name:<12}{metric:<8}not computed: {_why_not(judged.found[name], lacks_alpha)}")
            for level, ap in (levels or {}).items():
                print(f"{name:<12}{metric:<8}{level:<12}{ap['R11']:>9.4f}{ap['R40']:>9.4f}")
    return 0


def _why_not(results: int, lacks_alpha: bool) -> str:
    if not results:
        return "no result is of this class"
    return "it needs an alpha in every result" if lacks_alpha else "no detection has the fields it needs"


def _convert(chosen: argparse.Namespace) -> int:
    from workloads.kitti.conversion import convert
    from workloads.kitti.policy import DEFAULT_CLASSES, ClassPolicy

    classes = DEFAULT_CLASSES if chosen.classes is None else chosen.classes
    policy = ClassPolicy(classes, chosen.similar, chosen.dont_care)
    converted, bad = convert(chosen.root, chosen.out, policy, chosen.masking, chosen.max_bad_share,
                             asked=chosen.classes is not None)  # fmt: skip
    report = converted.class_policy
    summary = {
        "file": str(chosen.out / "annotations.json"), "images": converted.images,
        "annotations": converted.annotations, "left_out": converted.left_out,
        "class_policy": report, "bad_frames": bad.as_list(),
    }  # fmt: skip
    if chosen.json:
        print(json.dumps(summary, indent=2))
        return 0
    print(f"{summary['file']}: {summary['images']} images, {summary['annotations']} annotations, "
          f"{summary['left_out']} rows left out (kept for the way back)")  # fmt: skip
    for word, facts in report["types"].items():
        as_ = f" as {facts['as']}" if facts["as"] and facts["as"] != word else ""
        print(f"  {word:<16}{facts['boxes']:>8}  {facts['meaning']}{as_}")
    return 0


def _restore(chosen: argparse.Namespace) -> int:
    from workloads.kitti.restoring import restore

    files = restore(chosen.coco, chosen.out)
    folder = chosen.out / "label_2"
    print(json.dumps({"folder": str(folder), "files": files}) if chosen.json else f"{folder}: {files} files")
    return 0


def _inspect(chosen: argparse.Namespace) -> int:
    from workloads.kitti.inspection import as_text, inspect

    facts = inspect(chosen.root, chosen.frame)
    print(json.dumps(facts, indent=2) if chosen.json else as_text(facts))
    return 0


if __name__ == "__main__":
    leave(main)
