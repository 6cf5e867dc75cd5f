"""Which frames train, validate and judge: by lists, or by seeded shares that keep rare classes and copies together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workloads.contract import UserError
from workloads.detection.raw import Listed
from workloads.kitti.layout import OFFICIAL_TEST, OFFICIAL_TRAINING

SPLITS = ("train", "validation", "test")
HOLD_OUT = 0.1
"""Of the frames to learn from, the part that stops and tunes instead."""
JUDGED = 0.2
STANDARD = {"train": (1 - JUDGED) * (1 - HOLD_OUT), "validation": (1 - JUDGED) * HOLD_OUT, "test": JUDGED}
"""80/20 (specification 6.4, step 2): a fifth judges, and of the rest a tenth stops and tunes."""
SPEC_DEFAULT = {"train": 0.7, "validation": 0.15, "test": 0.15}
"""What the run specification fills in where an issue says nothing."""
DEFAULT_SEED = 0


@dataclass(frozen=True)
class Plan:
    """How the frames are to be divided. `wanted` counts frames, or is None where `listed` decides."""

    wanted: dict[str, int] | None
    listed: Listed | None
    seed: int
    notes: list[str] = field(default_factory=list)
    """What a person should know, in full sentences."""


def plan(splits: Mapping[str, Any], available: int, listed: Listed | None) -> Plan:
    """Decide between lists, shares and counts.

    Raises:
        UserError: more frames are wanted than there are, or a split would stay empty.
    """
    given = {name: float(splits[name]) for name in SPLITS if splits.get(name)}
    seed = int(splits.get("seed") or DEFAULT_SEED)
    notes = []
    official = _names_kittis_sizes(given)
    if official:
        notes.append(_about_official_sizes(given, listed))
    if listed is not None:
        if not given or official or given == SPEC_DEFAULT or _are_list_sizes(given, listed):
            return Plan(None, listed, seed, notes)
        notes.append(f"{' and '.join(listed.sources)} are there, but dataset.splits asks for its own division; leave "
                     "dataset.splits out to use the lists.")  # fmt: skip
    shares = dict(STANDARD) if official or not given else given
    return Plan(_wanted(shares, available), None, seed, notes)


def _names_kittis_sizes(given: Mapping[str, float]) -> bool:
    return given.get("train") == OFFICIAL_TRAINING or OFFICIAL_TEST in (given.get("validation"), given.get("test"))


def _about_official_sizes(given: Mapping[str, float], listed: Listed | None) -> str:
    asked = ", ".join(f"{name} {int(value):,}" for name, value in given.items())
    instead = (f"the lists {' and '.join(listed.sources)} divide the labelled frames" if listed is not None else
               "the labelled frames are divided 80/20 by the seed")  # fmt: skip
    return (f"dataset.splits names {asked}: {OFFICIAL_TRAINING:,} and {OFFICIAL_TEST:,} are the sizes of KITTI's "
            f"training and test sets, and the {OFFICIAL_TEST:,} test frames have no public labels, so that nothing can "
            f"be judged on them. Instead, {instead}.")  # fmt: skip


def _are_list_sizes(given: Mapping[str, float], listed: Listed) -> bool:
    judged = [given[name] for name in ("validation", "test") if name in given]
    return given.get("train") == len(listed.learn) and all(count == len(listed.judge) for count in judged)


def _wanted(given: Mapping[str, float], available: int) -> dict[str, int]:
    """Frames per split, each at least one.

    Shares are of all frames. Counts may leave frames over; where `test` is open, the rest judges, and where nothing
    is left, `validation` frames judge and a tenth of `train` takes their place.
    """
    if available < len(SPLITS):
        raise UserError(f"dataset: {available} usable frames; at least {len(SPLITS)} are needed, one a split")
    counts = {name: int(value) if value >= 1 else round(value * available) for name, value in given.items()}
    total = sum(counts.values())
    if total > available and all(value < 1 for value in given.values()) and sum(given.values()) <= 1 + 1e-6:
        counts["train"] = counts.get("train", 0) - (total - available)  # rounding made one frame too many
    elif total > available:
        spelt = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        raise UserError(f"dataset.splits: {total:,} frames wanted ({spelt}), {available:,} usable ones are there; "
                        "lower the counts or use shares such as 0.7, 0.15, 0.15")  # fmt: skip
    rest = available - sum(counts.values())
    if "test" not in counts and "validation" in counts and rest == 0:
        counts["test"] = counts["validation"]
        counts["validation"] = max(1, round(counts["train"] * HOLD_OUT))
        counts["train"] -= counts["validation"]
    elif all(value < 1 for value in given.values()) and abs(sum(given.values()) - 1) < 1e-6 and len(given) == 3:
        counts["train"] += rest
    else:
        lacking = [name for name in reversed(SPLITS) if name not in counts]
        for place, name in enumerate(lacking):
            counts[name] = rest // (len(lacking) - place)
            rest -= counts[name]
    for name in ("test", "validation"):  # few frames: rounding must not empty a split
        if counts[name] < 1 and counts["train"] > 1:
            counts[name], counts["train"] = 1, counts["train"] - 1
    if min(counts.values()) < 1:
        spelt = ", ".join(f"{name} {counts[name]}" for name in SPLITS)
        raise UserError(f"dataset.splits: {available:,} usable frames give {spelt}; each split needs at least one. "
                        "Bring more frames or change the splits")  # fmt: skip
    return {name: counts[name] for name in SPLITS}


def divide(decided: Plan, frames: Sequence[str], copies: np.ndarray, presence: np.ndarray
           ) -> tuple[dict[str, np.ndarray], dict[str, int]]:  # fmt: skip
    """Places in `frames` of each split, ascending, and how many were left out, by reason.

    Args:
        frames: usable frames, in order of their names.
        copies: (n,) int; frames with the same number are copies of one picture and stay on one side. Numbered by
            first appearance, so that the seed alone decides who goes where.
        presence: (n, classes) int; boxes of each class.
    """
    if decided.listed is None:
        assert decided.wanted is not None
        chosen = stratified(decided.wanted, copies, presence, decided.seed)
        if empty := [name for name, part in chosen.items() if not len(part)]:
            raise UserError(f"dataset: {len(frames)} frames show only {len(np.unique(copies))} different pictures, too "
                            f"few for the split {empty[0]}: copies stay together. Bring other frames")  # fmt: skip
        used = sum(map(len, chosen.values()))
        return chosen, _without_zeros({"beyond_split_counts": len(frames) - used})
    learn, judge = set(decided.listed.learn), set(decided.listed.judge)
    judged = np.array([name in judge for name in frames])
    learnt = np.array([name in learn for name in frames])
    twins = learnt & np.isin(copies, copies[judged])  # the judged side keeps it: no copy of a test frame is learnt from
    learnt &= ~twins
    places = np.flatnonzero(learnt)
    if len(places) < 2 or not judged.any():
        raise UserError(f"{' and '.join(decided.listed.sources)}: {len(places)} usable frames to learn from and "
                        f"{int(judged.sum())} to be judged on; at least 2 and 1 are needed")  # fmt: skip
    held = max(1, round(len(places) * HOLD_OUT))
    parts = stratified({"train": len(places) - held, "validation": held}, copies[places], presence[places],
                       decided.seed)  # fmt: skip
    if not len(parts["train"]) or not len(parts["validation"]):
        raise UserError(f"{decided.listed.sources[0]}: all its frames are copies of one picture; bring others")
    chosen = {name: places[part] for name, part in parts.items()} | {"test": np.flatnonzero(judged)}
    unlisted = len(frames) - int(judged.sum()) - int(learnt.sum()) - int(twins.sum())
    return chosen, _without_zeros({"in_no_list": unlisted, "copies_of_test_frames": int(twins.sum())})


def _without_zeros(counts: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}


def stratified(wanted: Mapping[str, int], copies: np.ndarray, presence: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Places of each split; each class is shared out like the frames, the rarest first.

    Source: Sechidis, Tsoumakas, Vlahavas, "On the Stratification of Multi-Label Data", ECML PKDD 2011.
    """
    names = list(wanted)
    _, group = np.unique(copies, return_inverse=True)
    size = np.bincount(group)
    held = np.zeros((len(size), presence.shape[1]), np.int64)
    np.add.at(held, group, (presence > 0).astype(np.int64))
    room = np.array([wanted[name] for name in names], float)
    share = room / len(copies)
    desire = share[:, None] * held.sum(axis=0)[None, :]
    side, filled = np.full(len(size), -1), np.zeros(len(names), bool)
    order = np.random.default_rng(seed).permutation(len(size))
    left = held.sum(axis=0)
    while True:
        waiting = order[side[order] < 0]
        if not len(waiting):
            break
        present = np.flatnonzero(left > 0)
        if len(present):
            rarest = present[np.argmin(left[present])]
            candidates = waiting[held[waiting, rarest] > 0]
            wish = desire[:, rarest]
        else:
            candidates, wish = waiting, room
        for one in candidates:
            # A split that has nothing yet takes copies that are more than its room.
            fits = (room >= size[one]) | (~filled & (room > 0))
            if fits.any():
                side[one] = int(max(np.flatnonzero(fits), key=lambda at: (wish[at], room[at], -at)))
            else:  # more frames than wanted, or copies that no room is left for
                side[one] = int(np.argmax(room)) if room.max() > 0 else len(names)
            if side[one] < len(names):
                filled[side[one]] = True
                room[side[one]] -= size[one]
                desire[side[one]] -= held[one]
            left = left - held[one]
    return {name: np.flatnonzero(side[group] == place) for place, name in enumerate(names)}
