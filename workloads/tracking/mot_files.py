"""MOTChallenge text: `frame,id,left,top,width,height,score[,class,visibility]` or `[,x,y,z]`; frames from 1.

Source: MOTChallenge, devkit and instructions (motchallenge.net).
"""

from __future__ import annotations

from pathlib import Path

from workloads.kitti.mistakes import BadFile
from workloads.tracking.rows import NO_ID, Rows, RowsBuilder
from workloads.tracking.text_row import TextRow, lines_of

FIRST_FRAME = 1
_BOX = ("frame", "id", "left", "top", "width", "height", "score")
_NAMES = {7: _BOX, 8: (*_BOX, "class"), 9: (*_BOX, "class", "visibility"), 10: (*_BOX, "x", "y", "z")}
"""By the number of fields. With ten, the last three are a place in the world and there is no class."""


def read(path: Path, content: str, *, detections: bool) -> Rows:
    """Detections (scores 0 to 1, in frame order) or tracks and truth (any order; there `score` says: count it).

    Raises:
        BadFile: file, line and field of the first row that is wrong.
    """
    rows = RowsBuilder(path, FIRST_FRAME)
    for number, line in lines_of(content):
        words = [word.strip() for word in line.strip().rstrip(",").split(",")]
        if len(words) not in _NAMES:
            raise BadFile(path, f"{len(words)} fields given; a MOTChallenge row has 7 to 10 (frame, id, left, top, "
                          "width, height, score, ...)", line=number)  # fmt: skip
        row = TextRow(path, number, words, _NAMES[len(words)])
        kind = row.whole(7) if row.names[7:8] == ("class",) else -1
        rows.add(
            frame=row.whole(0, least=0), track=NO_ID if detections else row.identity(1),
            box=row.box_xyxy(2, sizes=True), score=row.score(6) if detections else row.number(6),
            name=str(kind) if kind >= 0 else "", line=number,
        )  # fmt: skip
    return rows.build(in_order=detections)


def text(tracks: Rows) -> str:
    """Ten fields a row; the class is lost, as the format has no place for it in results."""
    lines = []
    for frame, track, (left, top, right, bottom), score in zip(
        tracks.frames.tolist(), tracks.ids.tolist(), tracks.boxes_xyxy.tolist(), tracks.scores.tolist(), strict=True
    ):
        place = f"{left:.3f},{top:.3f},{right - left:.3f},{bottom - top:.3f}"
        lines.append(f"{frame},{track},{place},{score:.6g},-1,-1,-1\n")
    return "".join(lines)
