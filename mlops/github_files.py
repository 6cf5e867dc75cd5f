"""The files of a GitHub repository: read at a commit, written by compare-and-swap on a branch."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from github import GithubException

from mlops.errors import Conflict, RequestRefused
from mlops.github_client import SecretToken, connect, translated, unless_missing

if TYPE_CHECKING:
    from github.Repository import Repository


class RepositoryFiles:
    """Files, branches and commits of one repository, by one client for each thread."""

    def __init__(self, api_url: str, name: str, token: Callable[[], str]):
        """`name` is `owner/name`; `token` is called when a token is needed."""
        if name.count("/") != 1:
            raise RequestRefused(f"MLOPS_GITHUB_REPOSITORY is {name!r}; set it to owner/name.")
        self.name = name
        self._api_url = api_url
        self._auth = SecretToken(token)
        self._local = threading.local()

    @property
    def _hub(self) -> Any:
        # PyGithub keeps one connection in each client and is not meant for two threads.
        if not hasattr(self._local, "hub"):
            self._local.hub = connect(self._api_url, self._auth)
        return self._local.hub

    @property
    def _repo(self) -> Repository:
        return self._hub.get_repo(self.name, lazy=True)

    def head(self, branch: str) -> str:
        """The commit a branch points to."""
        with translated(f"read branch {branch}"):
            return str(self._repo.get_git_ref(f"heads/{branch}").object.sha)

    def read_file(self, path: str, ref: str) -> bytes | None:
        """A file's bytes at a branch or commit; None where there is none."""
        with translated(f"read {path}"), unless_missing():
            found = self._repo.get_contents(path, ref=ref)
            if isinstance(found, list):
                raise RequestRefused(f"{path} is a folder in {self.name}.")
            if found.encoding == "base64":
                return found.decoded_content
            # Files above 1 MB come without their content.
            return base64.b64decode(self._repo.get_git_blob(found.sha).content)
        return None

    def list_folder(self, path: str, ref: str) -> list[str]:
        """Paths below a folder, one level deep, folders with a trailing slash; empty where it is missing."""
        with translated(f"list {path}"), unless_missing():
            found = self._repo.get_contents(path, ref=ref)
            entries = found if isinstance(found, list) else [found]
            return sorted(entry.path + ("/" if entry.type == "dir" else "") for entry in entries)
        return []

    def last_commit(self, path: str, branch: str) -> str:
        """The newest commit of a branch that touched `path`, or an empty text."""
        with translated(f"read the commits of {path}"):
            for commit in self._repo.get_commits(sha=branch, path=path):
                return str(commit.sha)
        return ""

    def commit(self, branch: str, files: Mapping[str, bytes], message: str, expected_head: str) -> str:
        """One commit with all `files`, made only if the branch still points to `expected_head`; its id.

        Signed by GitHub where it is github.com. A server without `createCommitOnBranch` gets one commit a file.

        Raises:
            Conflict: the branch moved; read again and retry.
            Unavailable: the reply was lost, and the commit may stand; read back before trying again.
        """
        headline, _, rest = message.partition("\n")
        change = {
            "branch": {"repositoryNameWithOwner": self.name, "branchName": branch},
            "message": {"headline": headline, "body": rest.strip()},
            "expectedHeadOid": expected_head,
            "fileChanges": {
                "additions": [
                    {"path": path, "contents": base64.b64encode(content).decode()}
                    for path, content in sorted(files.items())
                ]
            },
        }
        with translated(f"commit to {branch}"):
            try:
                _, answer = self._hub.requester.graphql_named_mutation("createCommitOnBranch", change, "commit { oid }")
                return str(answer["commit"]["oid"])
            except GithubException as error:
                if error.status not in {404, 501}:
                    raise
            return self._commit_by_contents(branch, files, message, expected_head)

    def _commit_by_contents(self, branch: str, files: Mapping[str, bytes], message: str, expected_head: str) -> str:
        if self.head(branch) != expected_head:
            raise Conflict(f"{branch} moved on from {expected_head[:7]}.")
        commit = expected_head
        # The order given: the caller puts last what makes the others count.
        for path, content in files.items():
            known = None
            with unless_missing():
                known = self._repo.get_contents(path, ref=branch)
            if known is None:
                answer = self._repo.create_file(path, message, content, branch=branch)
            elif isinstance(known, list) or known.decoded_content == content:
                continue
            else:
                answer = self._repo.update_file(path, message, content, known.sha, branch=branch)
            commit = str(answer["commit"].sha)
        return commit
