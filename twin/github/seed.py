"""The people, tokens and repository that a fresh emulator starts with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from twin.github.hub import Hub
from twin.github.models import Hook, Repository, Role, User

README = """# {name}

{description}

File an issue, describe a model, put the label `mlops:train` on it.
"""

LABELS = {
    "bug": ("d73a4a", "Something isn't working"),
    "documentation": ("0075ca", "Improvements or additions to documentation"),
    "enhancement": ("a2eeef", "New feature or request"),
    "question": ("d876e3", "Further information is requested"),
    "mlops": ("5319e7", "A machine-learning run"),
    "mlops:train": ("0e8a16", "Start a run from this issue"),
}


@dataclass(frozen=True)
class Person:
    """A login with its role in the repository and its token (None: nobody calls the API under that name)."""

    login: str
    role: Role = Role.NONE
    token: str | None = None
    name: str = ""
    type: str = "User"


PEOPLE: tuple[Person, ...] = (
    Person("octocat", Role.ADMIN, "twin-octocat-token", "Mona Octocat"),
    Person("mlops-bot", Role.WRITE, "twin-bot-token", "MLOps bot"),
    Person("maintainer", Role.MAINTAIN, "twin-maintainer-token"),
    Person("writer", Role.WRITE, "twin-writer-token"),
    Person("triager", Role.TRIAGE, "twin-triager-token"),
    Person("stranger", Role.READ, "twin-stranger-token"),
)


@dataclass(frozen=True)
class HookSeed:
    """A webhook as an administrator sets it up."""

    url: str
    secret: str
    events: Sequence[str] = ("issues", "issue_comment")


@dataclass(frozen=True)
class RepositorySeed:
    owner: str = "acme"
    name: str = "perception"
    id: int = 4242
    private: bool = False
    description: str = "Models for driving, trained from issues."
    default_branch: str = "main"
    people: Sequence[Person] = PEOPLE
    files: Mapping[str, bytes] | None = None
    """The first commit; None is a README alone."""
    hooks: Sequence[HookSeed] = ()


def plant(hub: Hub, seed: RepositorySeed) -> Repository:
    """Add what is missing; what is there stays as it is, so a restart changes nothing."""
    with hub.store.transaction():
        add_user(hub, Person(seed.owner, type="Organization"))
        now = hub.store.now()
        known = hub.repository(seed.owner, seed.name)
        if known is None:
            hub.store.insert(
                "repositories", id=seed.id, owner=seed.owner, name=seed.name, private=int(seed.private),
                description=seed.description, default_branch=seed.default_branch,
                created_at=now, updated_at=now, pushed_at=now,
            )  # fmt: skip
            for name, (color, description) in LABELS.items():
                hub.store.insert("labels", repository_id=seed.id, name=name, color=color, description=description)
        repository = hub.repository(seed.owner, seed.name)
        assert repository is not None
        for person in seed.people:
            add_user(hub, person)
            add_collaborator(hub, repository, person)
        for hook in seed.hooks:
            add_hook(hub, repository, hook)
    _first_commit(hub, repository, seed)
    return repository


def add_user(hub: Hub, person: Person) -> User:
    if hub.user_named(person.login) is None:
        name = person.name or person.login
        hub.store.insert("users", login=person.login, name=name, type=person.type, created_at=hub.store.now())
    user = hub.user_named(person.login)
    assert user is not None
    if person.token:
        hub.store.execute("INSERT OR IGNORE INTO tokens (token, user_id) VALUES (?, ?)", person.token, user.id)
    return user


def add_collaborator(hub: Hub, repository: Repository, person: Person) -> None:
    """Give a role, unless one was given before."""
    user = hub.user_named(person.login)
    if user and person.role:
        sql = "INSERT OR IGNORE INTO collaborators (repository_id, user_id, role) VALUES (?, ?, ?)"
        hub.store.execute(sql, repository.id, user.id, int(person.role))


def add_hook(hub: Hub, repository: Repository, seed: HookSeed) -> None:
    """Set it up, unless one with this path is there; that one may have another secret by now, or another port."""
    sql = "SELECT * FROM hooks WHERE repository_id = ?"
    for known in hub.store.all(Hook, sql, repository.id):
        if urlsplit(known.url).path == urlsplit(seed.url).path:
            hub.store.update("hooks", known.id, url=seed.url)
            return
    now = hub.store.now()
    hub.store.insert(
        "hooks", repository_id=repository.id, url=seed.url, content_type="json", secret=seed.secret,
        events=",".join(seed.events), active=1, created_at=now, updated_at=now,
    )  # fmt: skip


def _first_commit(hub: Hub, repository: Repository, seed: RepositorySeed) -> None:
    git = hub.git(repository)
    if git.branches():
        return
    readme = README.format(name=repository.name, description=repository.description).encode()
    author = next((hub.user_named(p.login) for p in seed.people if p.role == Role.ADMIN), hub.user_named(seed.owner))
    assert author is not None
    files = dict(seed.files) if seed.files is not None else {"README.md": readme}
    git.commit_files(repository.default_branch, files, "Initial commit", hub.signature(author))
