"""How many bad frames a job bears."""

from __future__ import annotations

from pathlib import Path

import pytest

from workloads.contract import UserError
from workloads.detection.bad_frames import BadFrames

ROOT = Path("/somewhere/raw")


def test_single_bad_frame_never_stops_a_job_and_is_named_without_the_folder():
    bad = BadFrames(ROOT, 3, max_share=0.0)
    bad.add("000001", UserError(f"{ROOT}/label_2/000001.txt, line 3: wrong"))
    bad.add("000001", UserError("said twice"))
    assert bad.as_list() == [{"frame": "000001", "reason": "label_2/000001.txt, line 3: wrong"}]
    assert ("000001" in bad, "000002" in bad, len(bad)) == (True, False, 1)


def test_share_may_be_reached_and_not_exceeded():
    """A twentieth of 40 frames are two."""
    bad = BadFrames(ROOT, 40)
    for number in range(2):
        bad.add(str(number), UserError("wrong"))
    with pytest.raises(UserError, match=r"3 of 40 frames are bad, more than max_bad_share 0\.05 allows: wrong; wrong"):
        bad.add("2", UserError("wrong"))


def test_frames_found_at_once_are_all_counted_and_only_an_end_makes_the_count_final():
    """Before the end there may be more; where all are bad there are none."""
    mistakes = {str(number): UserError(f"wrong {number}") for number in range(11)}
    five = dict(list(mistakes.items())[:5])
    with pytest.raises(UserError, match=r"^dataset: 5 of 11 frames are bad, .*: wrong 0; wrong 1; wrong 2; …\. Mend"):
        BadFrames(ROOT, 11).add_all(five, last=True)
    with pytest.raises(UserError, match=r"^dataset: at least 5 of 11 .* wrong 2; … \(stopped there\)\. Mend"):
        BadFrames(ROOT, 11).add_all(five)
    with pytest.raises(UserError, match=r"^dataset: 11 of 11 frames are bad, .*: wrong 0; wrong 1; wrong 2; …\. Mend"):
        BadFrames(ROOT, 11).add_all(mistakes)
    with pytest.raises(UserError, match=r"11 of 11 frames are bad, and none is left: .*; …\. Mend them$"):
        BadFrames(ROOT, 11, max_share=1.0).add_all(mistakes)  # no higher share could be asked for
    BadFrames(ROOT, 0).add_all({}, last=True)


def test_only_frame_must_be_good():
    with pytest.raises(UserError, match="its only frame is bad: wrong"):
        BadFrames(ROOT, 1, max_share=1.0).add("000000", UserError("wrong"))


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_share_is_one(share):
    with pytest.raises(UserError, match="choose 0 to 1"):
        BadFrames(ROOT, 3, max_share=share)
