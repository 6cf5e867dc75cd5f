"""Repository content: a real bare git repository, changed commit by commit with compare-and-swap."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import cast

from dulwich.diff_tree import tree_changes
from dulwich.errors import NotTreeError
from dulwich.object_store import commit_tree_changes, tree_lookup_path
from dulwich.objects import Blob, Commit, ObjectID, ShaFile, SubmoduleEncountered, Tag, Tree
from dulwich.objects import TreeEntry as GitTreeEntry
from dulwich.refs import Ref, check_ref_format
from dulwich.repo import Repo

FILE, EXECUTABLE, FOLDER, LINK, SUBMODULE = 0o100644, 0o100755, 0o040000, 0o120000, 0o160000


class NoSuchCommit(LookupError):
    """A branch, tag or sha that the repository does not have."""


class StaleHead(Exception):
    """The branch moved: it is at `actual`, not at the expected commit."""

    def __init__(self, expected: str, actual: str | None) -> None:
        super().__init__(f"Expected branch to point to {expected!r} but it points to {actual!r}")
        self.actual = actual


class BadPath(ValueError):
    """A path that git does not store, e.g. `a/../b` or `.git/config`."""


@dataclass(frozen=True)
class Signature:
    """Who wrote a commit and when (`when` is aware)."""

    name: str
    email: str
    when: datetime


@dataclass(frozen=True)
class Entry:
    """One line of a tree."""

    path: str
    mode: int
    sha: str

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def type(self) -> str:
        return "tree" if stat.S_ISDIR(self.mode) else "commit" if self.mode == SUBMODULE else "blob"


class GitRepository:
    """Reads and writes one bare repository; shas are git's own."""

    def __init__(self, path: Path, default_branch: str = "main") -> None:
        if not (path / "objects").is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            Repo.init_bare(path, mkdir=not path.exists(), default_branch=default_branch.encode()).close()
        self.path = path
        self.repo = Repo(str(path))
        # What a tree holds at a path never changes.
        self._look = lru_cache(maxsize=50_000)(self._look_up)

    # --- reading

    def resolve(self, name: str) -> Commit:
        """A branch, a tag, `refs/...` or a full or shortened sha. Raises NoSuchCommit."""
        refs = self.repo.refs
        for candidate in (f"refs/heads/{name}", f"refs/tags/{name}", name if name.startswith("refs/") else ""):
            if candidate and _is_ref_name(candidate) and Ref(candidate.encode()) in refs:
                return self._commit(refs[Ref(candidate.encode())], name)
        sha = name.lower()
        if 7 <= len(sha) <= 40 and set(sha) <= set("0123456789abcdef"):
            if len(sha) == 40:
                return self._commit(ObjectID(sha.encode()), name)
            found = list(self.repo.object_store.iter_prefix(sha.encode()))
            if len(found) == 1:
                return self._commit(found[0], name)
        raise NoSuchCommit(name)

    def _commit(self, sha: ObjectID, name: str) -> Commit:
        found = self.object(sha.decode())
        while isinstance(found, Tag):
            found = self.object(found.object[1].decode())
        if not isinstance(found, Commit):
            raise NoSuchCommit(name)
        return found

    def object(self, sha: str) -> ShaFile | None:
        try:
            return self.repo.object_store[ObjectID(sha.encode())]
        except (KeyError, ValueError, AssertionError):
            return None

    def blob(self, sha: str) -> bytes:
        return cast(Blob, self.repo.object_store[ObjectID(sha.encode())]).data

    def entry(self, commit: Commit, path: str) -> Entry | None:
        """The file or folder at `path` ("" is the root), or None."""
        if not path:
            return Entry("", FOLDER, commit.tree.decode())
        found = self._look(commit.tree, path)
        return Entry(path, found[0], found[1].decode()) if found else None

    def _look_up(self, tree: ObjectID, path: str) -> tuple[int, ObjectID] | None:
        try:
            return tree_lookup_path(self.repo.object_store.__getitem__, tree, path.encode())
        # A path below a file or a submodule is as absent as any other.
        except (KeyError, ValueError, NotTreeError, SubmoduleEncountered):
            return None

    def read(self, name: str, path: str) -> bytes | None:
        """The bytes of a file at a branch or commit, or None."""
        try:
            entry = self.entry(self.resolve(name), path)
        except NoSuchCommit:
            return None
        return self.blob(entry.sha) if entry and entry.type == "blob" else None

    def folder(self, sha: str, path: str = "") -> list[Entry]:
        tree = self.object(sha)
        if not isinstance(tree, Tree):
            raise NoSuchCommit(sha)
        prefix = path + "/" if path else ""
        return [Entry(prefix + e.path.decode("utf-8", "replace"), e.mode, e.sha.decode()) for e in tree.items()]

    def walk(self, sha: str) -> Iterable[Entry]:
        """Every entry below a tree, folders before their content."""
        for entry in self.folder(sha):
            yield entry
            if entry.type == "tree":
                for below in self.walk(entry.sha):
                    yield Entry(f"{entry.path}/{below.path}", below.mode, below.sha)

    def log(self, name: str, path: str = "", limit: int | None = None) -> list[Commit]:
        """Newest first, following parents; with `path` only the commits that changed it."""
        walker = self.repo.get_walker(include=[self.resolve(name).id])
        commits = (step.commit for step in walker)
        return list(islice((each for each in commits if not path or self._touches(each, path)), limit))

    def _touches(self, commit: Commit, path: str) -> bool:
        """Whether a path differs from every parent; looked up, as comparing whole trees takes ten times longer."""
        now = self._look(commit.tree, path)
        before = [self._look(self._commit(parent, "").tree, path) for parent in commit.parents]
        return now not in before if before else now is not None

    def changes(self, commit: Commit) -> list[tuple[str, Entry | None, Entry | None]]:
        """(status, before, after) of each file against the first parent; status is added, removed or modified."""
        parent = self._commit(commit.parents[0], "").tree if commit.parents else None
        found = []
        for change in tree_changes(self.repo.object_store, parent, commit.tree):
            old, new = (_plain(side) for side in (change.old, change.new))
            found.append(("added" if old is None else "removed" if new is None else "modified", old, new))
        return found

    def refs(self) -> dict[str, str]:
        """Full name -> sha, branches and tags."""
        every = self.repo.refs.as_dict()
        return {ref.decode(): sha.decode() for ref, sha in sorted(every.items()) if ref.startswith(b"refs/")}

    def branches(self) -> dict[str, str]:
        return {ref[len("refs/heads/") :]: sha for ref, sha in self.refs().items() if ref.startswith("refs/heads/")}

    def is_ancestor(self, old: str, new: str) -> bool:
        return any(step.commit.id.decode() == old for step in self.repo.get_walker(include=[ObjectID(new.encode())]))

    # --- writing

    def add_blob(self, data: bytes) -> str:
        blob = Blob.from_string(data)
        self.repo.object_store.add_object(blob)
        return blob.id.decode()

    def add_tree(self, base: str | None, changes: Mapping[str, tuple[int, str] | None]) -> str:
        """A tree: `base` with the changes, path -> (mode, sha), None deletes. Deleting what is absent does nothing."""
        store = self.repo.object_store
        if base is None:
            root = Tree()
            store.add_object(root)
            base = root.id.decode()
        listed: list[tuple[bytes, int | None, ObjectID | None]] = []
        for path, change in changes.items():
            check_path(path)
            if change is not None:
                self._check_parents(base, path)
                listed.append((path.encode(), change[0], ObjectID(change[1].encode())))
            elif self._has(base, path):
                listed.append((path.encode(), None, None))
        if not listed:
            return base
        return commit_tree_changes(store, ObjectID(base.encode()), listed).decode()

    def _has(self, tree: str, path: str) -> bool:
        return self._look(ObjectID(tree.encode()), path) is not None

    def _check_parents(self, tree: str, path: str) -> None:
        """Raises BadPath where a file stands in the place of a folder that the path needs."""
        parts = path.split("/")
        for length in range(1, len(parts)):
            found = self._look(ObjectID(tree.encode()), "/".join(parts[:length]))
            if found is not None and not stat.S_ISDIR(found[0]):
                raise BadPath(path)

    def add_commit(self, tree: str, parents: list[str], message: str, author: Signature, committer: Signature) -> str:
        commit = Commit()
        commit.tree = ObjectID(tree.encode())
        commit.parents = [ObjectID(parent.encode()) for parent in parents]
        commit.author, commit.author_time, commit.author_timezone = _signed(author)
        commit.committer, commit.commit_time, commit.commit_timezone = _signed(committer)
        commit.encoding = b"UTF-8"
        commit.message = message.encode()
        self.repo.object_store.add_object(commit)
        return commit.id.decode()

    def commit_files(
        self,
        branch: str,
        files: Mapping[str, bytes | None],
        message: str,
        author: Signature,
        expected: str | None = None,
    ) -> str:
        """Commit files (None deletes) on top of a branch, which must be at `expected` where that is given.

        Returns: the new head's sha. Raises: StaleHead, NoSuchCommit (the branch is not there), BadPath.
        """
        refs = self.branches()
        head = refs.get(branch)
        if head is None and refs:
            raise NoSuchCommit(branch)
        if expected is not None and head != expected:
            raise StaleHead(expected, head)
        base = self.resolve(head).tree.decode() if head else None
        known = {path: None if data is None else (FILE, self.add_blob(data)) for path, data in files.items()}
        tree = self.add_tree(base, known)
        sha = self.add_commit(tree, [head] if head else [], message, author, author)
        self.move(f"refs/heads/{branch}", sha, head)
        return sha

    def move(self, ref: str, sha: str, old: str | None) -> None:
        """Compare-and-swap of a ref; `old` None means it must not exist yet. Raises StaleHead."""
        name, new = Ref(ref.encode()), ObjectID(sha.encode())
        if old is None:
            done = self.repo.refs.add_if_new(name, new)
        else:
            done = self.repo.refs.set_if_equals(name, ObjectID(old.encode()), new)
        if not done:
            raise StaleHead(old or "nothing", self.refs().get(ref))

    def delete(self, ref: str) -> None:
        self.repo.refs.remove_if_equals(Ref(ref.encode()), None)


def check_path(path: str) -> None:
    """Raises BadPath."""
    parts = path.split("/")
    if not path or any(part in ("", ".", "..") or part.lower() == ".git" or "\0" in part for part in parts):
        raise BadPath(path)


def when(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _plain(side: GitTreeEntry | None) -> Entry | None:
    if side is None or side.path is None:
        return None
    return Entry(side.path.decode("utf-8", "replace"), side.mode, side.sha.decode())


def _signed(who: Signature) -> tuple[bytes, int, int]:
    # Angle brackets and line ends would break the commit's own format.
    name, email = (part.translate(dict.fromkeys(map(ord, "<>\r\n\0"))) for part in (who.name, who.email))
    return f"{name} <{email}>".encode(), int(who.when.timestamp()), 0


def _is_ref_name(name: str) -> bool:
    return check_ref_format(Ref(name.encode()))
