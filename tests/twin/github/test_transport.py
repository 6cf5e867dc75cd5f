"""git itself against the emulator."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest


def git(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    quiet = {"GIT_TERMINAL_PROMPT": "0", "PATH": "/usr/bin:/bin", "HOME": str(cwd), "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(["git", *arguments], cwd=cwd, env=quiet, capture_output=True, text=True, check=False)


@pytest.fixture
def clone(server, tmp_path) -> Path:
    done = git("clone", "-q", f"{server.url}/acme/perception.git", "clone", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path / "clone"


def push_as(server, clone: Path, token: str) -> subprocess.CompletedProcess[str]:
    (clone / "pushed.txt").write_text("from a clone\n")
    git("add", ".", cwd=clone)
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "Push a file", cwd=clone)
    return git(
        "push", "-q", server.url.replace("://", f"://x:{token}@") + "/acme/perception.git", "HEAD:main", cwd=clone
    )


def test_clone_has_the_shas_of_the_api(repo, clone):
    assert git("rev-parse", "HEAD", cwd=clone).stdout.strip() == repo.get_branch("main").commit.sha
    assert git("fsck", "--strict", cwd=clone).returncode == 0


def test_push_with_write_arrives(server, repo, clone):
    done = push_as(server, clone, "twin-bot-token")
    assert done.returncode == 0, done.stderr
    assert repo.get_contents("pushed.txt").decoded_content == b"from a clone\n"
    assert repo.get_commits()[0].commit.message == "Push a file\n"


@pytest.mark.parametrize("token", ["twin-stranger-token", "twin-triager-token", "wrong"])
def test_push_without_write_is_refused(server, repo, clone, token):
    head = repo.get_branch("main").commit.sha
    assert push_as(server, clone, token).returncode != 0
    assert repo.get_branch("main").commit.sha == head
