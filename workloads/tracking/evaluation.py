"""Tracks judged against truth: HOTA, CLEAR and IDF1 of each sequence, and of all together.

The numbers and their names are TrackEval's; MOTP is the mean IoU of matches there, so higher is better.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

from workloads.kitti.mistakes import BadFile
from workloads.tracking import clear, hota, identity, rules
from workloads.tracking.formats import Format, recognise, rows_of
from workloads.tracking.pairs import Pairs
from workloads.tracking.rows import Rows
from workloads.tracking.text_row import text_of

COMBINED = "COMBINED_SEQ"
Metrics = dict[str, float]


class Rules(StrEnum):
    """Whose rules say which boxes count."""

    MOT = "mot"
    MOT20 = "mot20"
    KITTI = "kitti"
    PLAIN = "plain"


_JUDGES = {
    Rules.MOT: (Format.MOT,),
    Rules.MOT20: (Format.MOT,),
    Rules.KITTI: (Format.KITTI,),
    Rules.PLAIN: tuple(Format),
}
"""The formats that hold what a rule looks at."""


def metrics_of(sequences: list[Pairs]) -> Metrics:
    """All metrics of one class over one or more sequences."""
    parts: dict[str, float] = {}
    parts |= hota.combined([hota.hota(one) for one in sequences]).as_dict()
    parts |= clear.combined(clear.clear(one) for one in sequences).as_dict()
    parts |= identity.combined(identity.identity(one) for one in sequences).as_dict()
    counts = {"Dets": "track_boxes", "GT_Dets": "truth_boxes", "IDs": "track_ids", "GT_IDs": "truth_ids"}
    return parts | {name: sum(getattr(one, what) for one in sequences) for name, what in counts.items()}


def pairs_of(truth: Rows, tracks: Rows, chosen: Rules) -> dict[str, Pairs]:
    """class -> pairs, of one sequence."""
    if chosen is Rules.KITTI:
        return {name: rules.kitti(truth, tracks, name) for name in rules.KITTI_NEIGHBOURS}
    if chosen is Rules.PLAIN:
        names = sorted({name.lower() for name in truth.names} | {name.lower() for name in tracks.names})
        return {name or "object": rules.plain(truth, tracks, name) for name in names}
    distractors = rules.MOT20_DISTRACTORS if chosen is Rules.MOT20 else rules.MOT_DISTRACTORS
    return {"pedestrian": rules.mot(truth, tracks, distractors)}


def evaluate(truth: Path, tracks: Path, chosen: Rules | None = None) -> dict[str, Any]:
    """Judge one file against one, or a folder of SEQUENCE.txt against another.

    Returns:
        {"rules", "similarity", "results": {sequence: {class: metrics}, "COMBINED_SEQ": …}}, as shares from 0 to 1.

    Raises:
        BadFile: a file is missing or wrong, or a truth has no tracks file.
    """
    files = _files(truth, tracks)
    by_class: dict[str, dict[str, Pairs]] = {}
    for name, (truth_file, tracks_file) in files.items():
        truth_text, tracks_text = text_of(truth_file), text_of(tracks_file)
        form, tracks_form = recognise(truth_text, truth_file), recognise(tracks_text, tracks_file)
        form = form or tracks_form
        if tracks_form not in (None, form):
            raise BadFile(tracks_file, f"is written in the {tracks_form} format, its truth in {form}; use one for both")
        if form is None:
            raise BadFile(truth_file, "holds no row, and its tracks hold none: there is nothing to judge")
        chosen = chosen or {Format.MOT: Rules.MOT, Format.KITTI: Rules.KITTI, Format.COCO: Rules.PLAIN}[form]
        if form not in _JUDGES[chosen]:
            raise BadFile(truth_file, f"is written in the {form} format; the {chosen} rules judge "
                          f"{' or '.join(_JUDGES[chosen])}")  # fmt: skip
        known = rows_of(truth_text, truth_file, form, detections=False)
        followed = rows_of(tracks_text, tracks_file, form, detections=False)
        for kind, pairs in pairs_of(known, followed, chosen).items():
            by_class.setdefault(kind, {})[name] = pairs
    results = {name: {kind: metrics_of([parts[name]]) for kind, parts in by_class.items() if name in parts}
               for name in files}  # fmt: skip
    results[COMBINED] = {kind: metrics_of(list(parts.values())) for kind, parts in by_class.items()}
    return {"rules": str(chosen), "similarity": rules.SIMILARITY, "results": results}


def _files(truth: Path, tracks: Path) -> dict[str, tuple[Path, Path]]:
    """sequence -> its two files."""
    for path in (truth, tracks):
        if not path.exists():
            raise BadFile(path, "there is no such file or folder")
    if truth.is_dir() != tracks.is_dir():
        raise BadFile(tracks, "give two files, or two folders with a file of each sequence")
    if not truth.is_dir():
        return {truth.stem: (truth, tracks)}
    tracks = tracks / "data" if (tracks / "data").is_dir() else tracks
    names = sorted(path.name for path in truth.iterdir() if path.suffix in (".txt", ".json"))
    if not names:
        raise BadFile(truth, "holds no truth (SEQUENCE.txt)")
    for name in names:
        if not (tracks / name).is_file():
            raise BadFile(tracks / name, "there are no tracks of this sequence; an empty file says: none found")
    return {Path(name).stem: (truth / name, tracks / name) for name in names}
