"""`run`: a file of detections becomes a file of tracks, and a film where images are given."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from workloads.command_line import take_negative_numbers
from workloads.contract import UserError
from workloads.tracking.evaluation import COMBINED, Rules, evaluate
from workloads.tracking.formats import Format, read, suffixes, text
from workloads.tracking.sequence import follow
from workloads.tracking.settings import PRESETS, Settings

_NUMBERS = [field.name for field in fields(Settings) if field.name not in ("class_aware", "max_aspect")]
PRESET_OF_FORMAT = {Format.MOT: "demo", Format.KITTI: "road", Format.COCO: "road"}
"""MOTChallenge follows people; the others hold cars, which the demo's limit of width / height would drop."""


def add_run(parser: argparse.ArgumentParser) -> None:
    """The options of `run`."""
    take_negative_numbers(parser)
    parser.add_argument("--detections", type=Path, required=True, help="MOTChallenge or KITTI text, or a JSON list")
    parser.add_argument("--out", type=Path, required=True, help="the tracks, in the same format")
    parser.add_argument("--format", type=Format, choices=list(Format), help="default: seen from the file")
    parser.add_argument("--out-format", type=Format, choices=list(Format), help="default: that of the detections")
    parser.add_argument("--boxes", choices=("smoothed", "detected"), default="smoothed",
                        help="boxes of the filter, or of the matched detections")  # fmt: skip
    parser.add_argument("--preset", choices=sorted(PRESETS), help="default: demo for mot, road for kitti and coco")
    for name in _NUMBERS:
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, help=f"default: {getattr(Settings(), name):g}")
    parser.add_argument("--max-aspect", help="widest width / height given out, or none")
    parser.add_argument("--any-class", action="store_true", help="match objects whatever their class")
    parser.add_argument("--images", type=Path, help="folder of the frames, for --video")
    parser.add_argument("--video", type=Path, help="an MP4 of the frames with their tracks; ends in .mp4")
    parser.add_argument("--video-fps", type=float, default=10.0, help="frames per second of the film")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(chosen: argparse.Namespace) -> str:
    """Track, write, and say what was done."""
    if (chosen.images is None) != (chosen.video is None):
        raise UserError("--images and --video go together: a film needs both")
    if chosen.video is not None:
        _check_suffix("--video", chosen.video, (".mp4",), "a film is an MP4")
    if not 0 < chosen.video_fps <= 1000:
        raise UserError(f"--video-fps: {chosen.video_fps:g} given; choose above 0 to 1,000")
    found, form = read(chosen.detections, chosen.format, detections=True)
    out_form = chosen.out_format or form
    _check_suffix("--out", chosen.out, suffixes(out_form), f"the tracks are written as {out_form} (--out-format)")
    settings = _settings(chosen, form)
    started = time.perf_counter()
    followed = follow(found, settings)
    seconds = time.perf_counter() - started
    tracks = followed.with_detected_boxes(found) if chosen.boxes == "detected" else followed.tracks
    _write(chosen.out, text(tracks, out_form))
    report: dict[str, Any] = {
        "detections": len(found), "frames": followed.frames, "tracks": len(set(tracks.ids.tolist())),
        "rows": len(tracks), "without_area": followed.without_area, "withheld": followed.withheld,
        "format": form, "out_format": out_form, "out": str(chosen.out), "seconds": round(seconds, 4),
        "settings": asdict(settings), "notes": [],
    }  # fmt: skip
    if not len(found):
        report["notes"].append(f"{chosen.detections} holds no detection; the result is empty")
    if followed.without_area:
        report["notes"].append(f"{followed.without_area} detections without an area were passed over")
    if followed.withheld:
        report["notes"].append(f"{followed.withheld} boxes were followed but not given out: they are smaller than "
                               f"{settings.min_box_area:g} px^2 or wider than {settings.max_aspect} times their height "
                               "(--min-box-area, --max-aspect)")  # fmt: skip
    if chosen.video is not None:
        from workloads.tracking.video import image_files, write_film_of_files

        files = image_files(chosen.images, tracks.first_frame)
        film = write_film_of_files(files, tracks, chosen.video, chosen.video_fps)
        report |= {"video": str(film.path), "video_frames": film.frames, "images_skipped": film.skipped}
        if film.skipped:
            report["notes"].append(f"{len(film.skipped)} images were skipped (first: {film.skipped[0]})")
    if chosen.json:
        return json.dumps(report, indent=2)
    lines = [f"{report['tracks']} tracks in {report['rows']} boxes, of {report['detections']} detections in "
             f"{report['frames']} frames: {chosen.out}"]  # fmt: skip
    lines += [f"film of {report['video_frames']} frames: {chosen.video}"] if chosen.video else []
    return "\n".join(lines + [f"note: {note}" for note in report["notes"]])


def _check_suffix(option: str, path: Path, allowed: tuple[str, ...], what: str) -> None:
    """A name without an ending is left alone: /dev/stdout is one."""
    if path.suffix and path.suffix.lower() not in allowed:
        raise UserError(f"{option}: {path} given; {what}: choose a name that ends in {' or '.join(allowed)}")


def _settings(chosen: argparse.Namespace, form: Format) -> Settings:
    base = PRESETS[chosen.preset or PRESET_OF_FORMAT[form]]
    given: dict[str, Any] = {name: getattr(chosen, name) for name in _NUMBERS}
    if given["track_buffer"] is not None:
        if not given["track_buffer"].is_integer():
            raise UserError(f"track_buffer: {given['track_buffer']:g} given; a whole number of frames")
        given["track_buffer"] = int(given["track_buffer"])
    settings = base.with_given(**given, class_aware=False if chosen.any_class else None)
    if chosen.max_aspect is None:
        return settings
    if chosen.max_aspect == "none":
        return settings.without_aspect()
    try:
        return settings.with_given(max_aspect=float(chosen.max_aspect))
    except ValueError as wrong:
        raise UserError(f"max_aspect: {chosen.max_aspect!r} given; a number, or none") from wrong


def _write(path: Path, content: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    except OSError as wrong:
        raise UserError(f"{path}: cannot be written: {wrong.strerror}") from wrong
    except UnicodeEncodeError as wrong:  # JSON can spell half a character, text cannot
        half = content[wrong.start : wrong.end]
        raise UserError(f"{path}: cannot be written: a class holds {half!r}, which is no character") from wrong


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    """The options of `evaluate`."""
    parser.add_argument("--truth", type=Path, required=True, help="a file, or a folder of SEQUENCE.txt")
    parser.add_argument("--tracks", type=Path, required=True, help="a file, or a folder with the same names")
    parser.add_argument("--rules", type=Rules, choices=list(Rules), help="default: by the format of the truth")
    parser.add_argument("--json", action="store_true", help="print JSON")


def judge(chosen: argparse.Namespace) -> str:
    """Evaluate, and lay the numbers out."""
    document = evaluate(chosen.truth, chosen.tracks, chosen.rules)
    if chosen.json:
        return json.dumps(document, indent=2)
    shares, counts = ("HOTA", "DetA", "AssA", "MOTA", "MOTP", "IDF1"), ("IDSW", "MT", "PT", "ML", "Frag")
    lines = [f"{'sequence':<16}{'class':<12}" + "".join(f"{name:>8}" for name in (*shares, *counts))]
    results = document["results"]
    for name in results if len(results) > 2 else [COMBINED]:
        for kind, metrics in results[name].items():
            words = [f"{metrics[one] * 100:>8.2f}" for one in shares] + [f"{metrics[one]:>8}" for one in counts]
            lines.append(f"{name:<16}{kind:<12}" + "".join(words))
    return "\n".join([*lines, "per cent, by TrackEval's definitions; MOTP is the mean IoU of matches"])
