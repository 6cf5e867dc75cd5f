"""KITTI's tracking text: `frame id` and the object columns (17, or 18 with a score); frames from 0.

Detections may also come as `frame class left top right bottom score`.
Source: KITTI tracking devkit, readme.txt.
"""

from __future__ import annotations

from pathlib import Path

from workloads.kitti.mistakes import BadFile
from workloads.kitti.row import NUMBERS
from workloads.tracking.rows import NO_ID, Rows, RowsBuilder
from workloads.tracking.text_row import TextRow, lines_of

FIRST_FRAME = 0
TRUTH_NAMES = ("frame", "id", "type", *NUMBERS[:-1])
TRACK_NAMES = (*TRUTH_NAMES, "score")
DETECTION_NAMES = ("frame", "type", "left", "top", "right", "bottom", "score")
_NAMES = {len(names): names for names in (TRUTH_NAMES, TRACK_NAMES, DETECTION_NAMES)}


def read(path: Path, content: str, *, detections: bool) -> Rows:
    """Detections (7 or 18 columns, in frame order) or tracks and truth (17 or 18 columns, any order).

    Raises:
        BadFile: file, line and field of the first row that is wrong.
    """
    allowed = (7, 18) if detections else (17, 18)
    rows = RowsBuilder(path, FIRST_FRAME)
    for number, line in lines_of(content):
        words = line.split()
        if len(words) not in allowed:
            what = "detection row has 7 (frame class left top right bottom score) or 18" if detections else \
                "tracking row has 17, or 18 with a score"  # fmt: skip
            raise BadFile(path, f"{len(words)} fields given; a KITTI {what}", line=number)
        row = TextRow(path, number, words, _NAMES[len(words)])
        frame = row.whole(0, least=0)
        last = len(words) - 1
        kind = words[1] if len(words) == 7 else words[2]
        ignored = kind.lower() == "dontcare"
        if detections and ignored:
            continue
        if len(words) == 7:
            rows.add(frame=frame, name=kind, box=row.box_xyxy(2, sizes=False), score=row.score(last), line=number)
            continue
        score = 1.0 if len(words) == 17 else row.score(last) if detections else row.number(last)
        track = NO_ID if detections else row.whole(1) if ignored else row.identity(1)
        rows.add(
            frame=frame, track=track, name=kind, box=row.box_xyxy(6, sizes=False), score=score, line=number,
            truncated=row.cut(3), occluded=row.cut(4),
        )  # fmt: skip
    return rows.build(in_order=detections)


def text(tracks: Rows) -> str:
    """18 columns a row; what is not known holds KITTI's own placeholders."""
    lines = []
    for frame, track, kind, box, score in zip(
        tracks.frames.tolist(), tracks.ids.tolist(), tracks.classes.tolist(), tracks.boxes_xyxy.tolist(),
        tracks.scores.tolist(), strict=True,
    ):  # fmt: skip
        place = " ".join(f"{value:.3f}" for value in box)
        name = "_".join(tracks.names[kind].split()) or "Misc"
        lines.append(f"{frame} {track} {name} -1 -1 -10 {place} -1 -1 -1 -1000 -1000 -1000 -10 {score:.6g}\n")
    return "".join(lines)
