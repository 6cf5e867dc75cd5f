"""`quality_report.json` as a page for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workloads.markdown import cell

_FIRST = 20


def markdown(report: Mapping[str, Any]) -> str:
    """Counts first, then what was lost, what the classes mean, and how the frames look."""
    facts, policy = report["statistics"], report["class_policy"]
    synthetic = " **Synthetic**: rendered, not photographed." if report.get("synthetic") else ""
    lines = [f"# Data quality: {report['name']}", ""]
    lines += [
        f"{report['frames_read']:,} labelled frames read, {len(report['bad_frames'])} of them bad, "
        f"{sum(facts['frames'].values()):,} used; classes {', '.join(map(cell, report['classes']))}.{synthetic}",
        "",
        *_table(["split", "frames", *report["classes"], "regions to ignore"], [
            [name, facts["frames"][name], *facts["boxes"][name].values(), facts["splits"][name]["ignore_regions"]]
            for name in facts["frames"]
        ]),
        "",
    ]  # fmt: skip
    lines += [f"- {note}" for note in report["notes"]] + [""]
    if report["dropped"]:
        reasons = [[reason.replace("_", " "), count] for reason, count in report["dropped"].items()]
        lines += [*_table(["frames left out because", "frames"], reasons), ""]
    if report["bad_frames"]:
        lines += ["## Bad frames", ""]
        lines += _table(["frame", "reason"], [[one["frame"], cell(one["reason"], 300)] for one in
                                              report["bad_frames"][:_FIRST]])  # fmt: skip
        more = len(report["bad_frames"]) - _FIRST
        lines += [f"… and {more} more; all are in `quality_report.json`." if more > 0 else "", ""]
    lines += ["## What the types became", ""]
    lines += _table(["type", "boxes", "becomes"], [
        [cell(word), one["boxes"], one["meaning"] + (f" as {cell(one['as'])}" if one["as"] not in (None, word) else "")]
        for word, one in policy["types"].items()
    ])  # fmt: skip
    lines += ["", "## Boxes", ""]
    everything = facts["all"]
    for title, key in (("area (COCO's sizes)", "box_areas"), ("height in pixels", "box_heights_px"),
                       ("occlusion", "occlusion"), ("truncation", "truncation")):  # fmt: skip
        if key in everything:
            values = everything[key]
            lines += [*_table([title, *values], [["boxes", *values.values()]]), ""]
    lines += ["## Images", ""]
    lines += [*_table(["size in pixels", "frames"], list(everything["image_sizes"].items())[:_FIRST]), ""]
    names = list(everything["light"])
    lines += _table(["median of", *(name.replace("_", " ") for name in names)], [
        [split, *(f"{figures['light'][name]['median']:.4g}" for name in names)]
        for split, figures in facts["splits"].items()
    ])  # fmt: skip
    alike = facts["alike"]
    lines += [
        "",
        f"{alike['with_a_near_copy_in_train_or_validation']} of {alike['test_frames']} test frames look nearly like a "
        "frame that was learnt from (64-bit fingerprints that differ in two bits at most). Frames of one drive "
        "resemble each other: lists that keep drives apart judge more strictly than a random division.",
        "",
    ]
    if report.get("masking"):
        lines += ["## Masking", "", *(f"- {line}" for line in report["masking"]["sentences"]), ""]
    if report.get("points"):
        totals = {split: one["totals"] for split, one in report["points"].items()}
        names = list(next(iter(totals.values())))
        lines += ["## Point clouds", ""]
        lines += _table(["split", "scans", *(name.replace("_", " ") for name in names)],
                        [[split, report["points"][split]["scans"], *(counts[name] for name in names)]
                         for split, counts in totals.items()])  # fmt: skip
        lines += [""]
    lines += ["![Frames with their boxes](previews/contact_sheet.jpg)"]
    return "\n".join(lines) + "\n"


def _table(head: Sequence[Any], rows: Sequence[Sequence[Any]]) -> list[str]:
    """The first column is text, the others are numbers."""
    lines = ["| " + " | ".join(map(str, head)) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return lines + ["| " + " | ".join(f"{one:,}" if isinstance(one, int) else str(one) for one in row) + " |"
                    for row in rows]  # fmt: skip
