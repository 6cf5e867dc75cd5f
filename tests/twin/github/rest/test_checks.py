"""Commit statuses and check runs."""

from __future__ import annotations

import pytest
from github import GithubException


def test_combined_status_is_the_worst_of_the_newest(repo):
    commit = repo.get_commit("main")
    commit.create_status("pending", context="mlops/train", description="training")
    commit.create_status("success", context="mlops/train")
    assert commit.get_combined_status().state == "success"
    commit.create_status("failure", "http://127.0.0.1/x", "below threshold", "mlops/judge")
    combined = commit.get_combined_status()
    assert (combined.state, combined.total_count) == ("failure", 2)
    assert [status.state for status in commit.get_statuses()] == ["failure", "success", "pending"]


def test_check_run_goes_from_queued_to_completed(repo):
    run = repo.create_check_run("mlops", repo.get_branch("main").commit.sha, status="in_progress")
    run.edit(conclusion="neutral", output={"title": "t", "summary": "s"})
    read = repo.get_check_run(run.id)
    assert (read.status, read.conclusion, read.output.summary) == ("completed", "neutral", "s")
    assert [each.id for each in repo.get_commit("main").get_check_runs()] == [run.id]


def test_unknown_states_are_refused(repo):
    commit = repo.get_commit("main")
    with pytest.raises(GithubException):
        commit.create_status("fine")
    with pytest.raises(GithubException):
        repo.create_check_run("x", commit.sha, status="completed")
