"""The sensor's cursor: kept, never moved back, never moved past an issue that was not dealt with."""

from __future__ import annotations

from mlops import intake
from tests.mlops.bodies import GOOD


def test_the_cursor_is_kept_when_all_is_done_and_never_goes_back(house, forge):
    assert intake.cursor(house) == {}
    number = forge.file(GOOD)
    intake.admit(house, [number], {"since": "2026-11-23T10:00:00Z", "seen": {str(number): "a"}})
    intake.admit(house, [], {"since": "2026-11-23T09:00:00Z", "seen": {str(number): "a"}})
    assert intake.cursor(house) == {"since": "2026-11-23T10:00:00Z", "seen": {str(number): "a"}}


def test_an_issue_that_failed_stays_ahead_of_the_cursor(house, forge, airflow):
    number = forge.file(GOOD)
    airflow.down = True
    intake.admit(house, [number], {"since": "2026-11-23T10:00:00Z", "seen": {str(number): "a", "99": "b"}})
    assert intake.cursor(house) == {"since": None, "seen": {"99": "b"}}


def test_an_issue_that_fails_again_and_again_is_let_go(house):
    for _ in range(5):
        intake.admit(house, [9999], {"since": "2026-11-23T10:00:00Z", "seen": {"9999": "a"}})
    assert intake.cursor(house)["seen"] == {"9999": "a"}


def test_a_command_whose_issue_failed_is_handed_on_again(house, forge, airflow):
    known = {"since": "2026-11-23T09:00:00Z", "comments_since": "2026-11-23T09:30:00Z", "seen": {}, "heard": {}}
    intake.admit(house, [], known)
    number = forge.file(GOOD)
    airflow.down = True
    heard = {str(number): "2026-11-23T10:00:00Z 7", "99": "2026-11-23T10:00:00Z 8"}
    intake.admit(house, [number], {**known, "comments_since": "2026-11-23T10:00:00Z", "heard": heard})
    assert intake.cursor(house) == {**known, "heard": {"99": "2026-11-23T10:00:00Z 8"}}
